//! The console's cookie, and who gets to see it.

use super::{Browser, on_each_store};
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES, route};
use crate::harness::http::Request;
use crate::harness::upstream::{Script, Upstream};

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

#[test]
fn an_app_sets_no_cookie_of_its_name() {
    let said = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: authgate=evil; Path=/admin/users\r\n\
                set-cookie: __Host-authgate=evil; Path=/; Secure\r\nSet-Cookie: b=2; HttpOnly\r\n\
                Content-Length: 2\r\n\r\nok";
    let upstream = Upstream::answering(Script::Bytes(said));
    let gateway = Gateway::before(&upstream);
    let head = gateway.send(&Request::get("/public")).head;
    let set = head.headers.iter().filter(|(name, _)| name == "Set-Cookie");
    let set: Vec<_> = set.map(|(_, value)| value.as_str()).collect();
    assert_eq!(set, ["a=1", "b=2; HttpOnly"]);
}

#[test]
fn a_planted_cookie_shuts_no_operator_out() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ada");
        let own = browser.cookie().unwrap().to_owned();
        let planted = format!("authgate={}", "5".repeat(64));
        for both in [format!("{planted}; {own}"), format!("{own}; authgate=x; {planted}")] {
            browser.show(&both);
            assert!(browser.is_in());
            browser.show(&both);
            let key = browser.form_key().to_owned();
            assert_eq!(browser.post("/admin/account/sessions/end/", &[]).status, 302);
            assert_eq!(browser.form_key(), key);
        }
        // Nor does it keep anyone from signing in.
        let mut browser = Browser::of(gateway);
        browser.show(&format!("{planted}; authgate=x"));
        browser.get("/admin/login/");
        let ours = browser.cookie().unwrap().to_owned();
        browser.show(&format!("{planted}; {ours}"));
        let fields = [("username", "ada"), ("password", PASSWORD)];
        assert_eq!(browser.post("/admin/login/", &fields).status, 302);
        let own = browser.cookie().unwrap().to_owned();
        browser.show(&format!("{planted}; {own}"));
        assert!(browser.is_in());
    });
}

#[test]
fn of_two_sessions_none_counts_and_whoever_signs_in_again_has_one() {
    let gateway = Gateway::start("");
    let cookie = |name: &str| Browser::signed_in(&gateway, name).cookie().unwrap().to_owned();
    let (planted, own) = (cookie("eve"), cookie("ada"));
    let mut browser = Browser::of(&gateway);
    browser.show(&format!("{planted}; {own}"));
    assert!(!browser.is_in());
    browser.get("/admin/login/");
    let ours = browser.cookie().unwrap().to_owned();
    browser.show(&format!("{planted}; {ours}"));
    let fields = [("username", "ada"), ("password", PASSWORD)];
    assert_eq!(browser.post("/admin/login/", &fields).status, 302);
    let now = browser.cookie().unwrap().to_owned();
    browser.show(&format!("{planted}; {now}"));
    assert!(browser.get("/admin/account/").text().contains("ada"));
}
