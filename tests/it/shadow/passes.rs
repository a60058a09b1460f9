//! Everything passes, as it came.

use super::{CONTROLLED, SHADOW, shadow_before, turn, until_compared};
use crate::console::Browser;
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Request;
use crate::harness::upstream::{Script, Upstream};

fn echoing() -> Upstream {
    Upstream::answering(Script::Echo("Server: gunicorn\r\nX-Auth-User: told-by-the-app\r\n"))
}

#[test]
fn a_request_reaches_the_app_as_its_client_has_sent_it() {
    let upstream = echoing();
    let (gateway, _) = shadow_before(&upstream, "");
    let sent = [
        ("X-Auth-User", "mallory"),
        ("x_auth_user_id", "1"),
        ("Authorization", "Token no-such-token"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("x-REQUEST-id", "mine"),
        ("Cookie", "sessionid=1; csrftoken=2"),
    ];
    let request =
        sent.iter().fold(Request::get("/staff//%2e%2e/x;y?q=%2F"), |request, (name, value)| {
            request.with(name, value)
        });
    let answer = gateway.send(&request);
    assert_eq!(answer.status, 200);
    let got = upstream.only_request();
    assert_eq!(got.target(), "/staff//%2e%2e/x;y?q=%2F");
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let mut expected = vec![("Host".to_owned(), "gate.test".to_owned())];
    expected.extend(sent.iter().map(owned));
    assert_eq!(got.head.headers, expected);
}

#[test]
fn an_app_that_is_asked_for_no_host_is_asked_for_its_own() {
    let upstream = echoing();
    let (gateway, _) = shadow_before(&upstream, "");
    let answer = gateway.connect().send("GET /app HTTP/1.0\r\n\r\n").answer();
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.only_request().header("Host"), Some(upstream.address.to_string()));
}

#[test]
fn an_answer_reaches_the_client_as_the_app_has_sent_it() {
    let upstream = echoing();
    let (gateway, _) = shadow_before(&upstream, "");
    let answer = gateway.send(&Request::get("/app"));
    let mut names: Vec<_> = answer.head.headers.iter().map(|(name, _)| name.as_str()).collect();
    // A proxy says when, and what becomes of the connection.
    names.retain(|name| !["Date", "Connection"].contains(name));
    assert_eq!(names, ["Content-Type", "Server", "X-Auth-User", "Content-Length"]);
}

#[test]
fn what_the_gateway_would_answer_itself_is_the_apps_too() {
    let upstream = echoing();
    let (gateway, token) = shadow_before(&upstream, "");
    for path in ["/api/register/", "/api/login/", "/api/logout/", "/api/logoutall"] {
        let request = Request::post(path).token(&token).body("username=eve");
        assert_eq!(gateway.send(&request).status, 200, "{path}");
        let got = upstream.only_request();
        assert_eq!((got.target(), got.body.as_slice()), (path, &b"username=eve"[..]));
        assert_eq!(got.header("Authorization"), Some(format!("Token {token}")));
    }
    let shown = gateway.run(&["user", "show", "eve"]);
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert!(shown.stderr.contains("eve"), "{shown:?}");
}

#[test]
fn what_no_policy_would_let_pass_passes() {
    let upstream = echoing();
    let denied = "[limits]\ndeny = [\"127.0.0.0/8\"]\n";
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + SHADOW + denied));
    let doubled = Request::get("/app").token("a").token("b");
    let requests =
        [Request::get("/nobody"), Request::get("/ADMIN/"), Request::new("delete", "/app"), doubled];
    for request in requests {
        assert_eq!(gateway.send(&request).status, 200, "{request:?}");
    }
    assert_eq!(upstream.take().len(), 4);
}

#[test]
fn what_leads_nowhere_goes_to_the_upstream_of_the_settings() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let servers = |name: &str, app: &Upstream| {
        format!("[[upstreams]]\nname = \"{name}\"\nservers = [\"{}\"]\n", app.address)
    };
    let route = "[[routes]]\npath = \"/one\"\naccess = \"user\"\nupstream = \"one\"\n";
    let both = servers("one", &first) + &servers("two", &second) + route + SHADOW;
    let gateway = Gateway::start(&both);
    gateway.send(&Request::get("/elsewhere"));
    assert_eq!(first.only_request().target(), "/elsewhere");
    let gateway = Gateway::start(&(both + "shadow_upstream = \"two\"\n"));
    gateway.send(&Request::get("/elsewhere"));
    assert_eq!(second.only_request().target(), "/elsewhere");
    gateway.send(&Request::get("/one"));
    assert_eq!(first.only_request().target(), "/one");
}

#[test]
fn what_two_could_read_in_two_ways_is_not_passed_on() {
    let upstream = echoing();
    let (gateway, _) = shadow_before(&upstream, "");
    let lengths = Request::post("/app").with("Content-Length", "0").with("Content-Length", "5");
    assert_eq!(gateway.send(&lengths).status, 400);
    assert!(upstream.take().is_empty());
}

#[test]
fn the_console_stays_and_its_secrets_reach_no_app() {
    let upstream = echoing();
    let (gateway, _) = shadow_before(&upstream, "");
    let mut browser = Browser::signed_in(&gateway, "ops");
    assert!(browser.get("/admin/").text().contains("Nothing is guarded"));
    assert!(upstream.take().is_empty());
    gateway.send(&Request::get("/app").with("Cookie", "a=1; authgate=secret; b=2"));
    assert_eq!(upstream.only_request().header("Cookie").as_deref(), Some("a=1; b=2"));
    assert_eq!(gateway.send(&Request::get("/admin/api/v1/users")).status, 401);
}

#[test]
fn forged_identity_headers_go_as_soon_as_the_gateway_guards() {
    let upstream = Upstream::start();
    let (gateway, token) = shadow_before(&upstream, "");
    let forged = Request::get("/app").token(&token).with("X-Auth-User", "mallory");
    assert_eq!(gateway.send(&forged).json()["user"], "mallory");
    turn(&gateway, &(upstream.settings() + ROUTES + CONTROLLED));
    assert_eq!(gateway.send(&forged).json()["user"], "alice");
    assert_eq!(gateway.send(&Request::get("/app")).status, 401);
    assert_eq!(gateway.send(&Request::get("/nobody").token(&token)).status, 403);
    assert_eq!(gateway.try_login("alice").status, 200);
}

#[test]
fn a_request_that_no_proxy_can_read_is_refused_and_counted() {
    let upstream = echoing();
    let (gateway, _) = shadow_before(&upstream, "");
    for target in ["/app?q=<\"a\">", "/caf\u{e9}"] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: gate.test\r\n\r\n");
        // As Latin-1 has it, not as UTF-8.
        let head: Vec<_> = head.chars().map(|char| u8::try_from(char).unwrap()).collect();
        assert_eq!(gateway.connect().send(head).answer().status, 400, "{target}");
    }
    until_compared(&gateway, ["400", "none", "refused"], 2);
    assert!(gateway.meter("requests_unreadable_total") > 1.0);
    eventually("a line", || gateway.log().contains("its head cannot be read").then_some(()));
    let answer = gateway.send(&Request::get("/app").with("Host", "gate.test:"));
    assert_eq!(answer.status, 200);
    upstream.only_request();
}
