//! The console's cookie, and who gets to see it.

use super::Browser;
use crate::harness::gateway::{Gateway, ROUTES, route};
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;

#[test]
fn an_app_never_sees_it() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&(upstream.settings() + ROUTES));
    let mut browser = Browser::signed_in(&gateway, "ada");
    let cookie = browser.cookie().unwrap().to_owned();
    browser.send(
        Request::get("/public")
            .with("Cookie", "a=\"1\"; authgate2=2")
            .with("Cookie", &format!("__Host-{cookie}; b=3;")),
    );
    let received = upstream.only_request();
    assert_eq!(received.header("Cookie").unwrap(), "a=\"1\"; authgate2=2; b=3;");
    assert!(!format!("{received:?}").contains(cookie.split_once('=').unwrap().1));
    browser.send(Request::get("/public"));
    assert_eq!(upstream.next_request().header("Cookie"), None);
}

#[test]
fn without_tls_a_browser_shows_it_to_the_console_alone() {
    let gateway = Gateway::start("[admin]\npath = \"/ops\"\n");
    let set = gateway.send(&Request::get("/ops/login/")).header("Set-Cookie").unwrap();
    assert!(set.starts_with("authgate="), "{set}");
    assert!(set.ends_with("; Path=/ops; HttpOnly; SameSite=Strict"), "{set}");
}

#[test]
fn with_tls_no_other_host_can_set_it() {
    let trusting = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n";
    let gateway = Gateway::start(&(trusting.to_owned() + &route("/", "public")));
    let request = Request::get("/admin/login/").with("X-Forwarded-Proto", "https");
    let set = gateway.send(&request).header("Set-Cookie").unwrap();
    assert!(set.starts_with("__Host-authgate="), "{set}");
    assert!(set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"), "{set}");
}
