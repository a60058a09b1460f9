//! What else of a request reaches the app, and what of its answer comes back.

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::{HOST, Request};
use crate::harness::upstream::{Script, Upstream};

const TRUSTING: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";

#[test]
fn the_app_is_told_where_a_request_came_from() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    gateway.send(&Request::get("/public"));
    let received = upstream.only_request();
    assert_eq!(received.header("X-Forwarded-For").as_deref(), Some("127.0.0.1"));
    assert_eq!(received.header("X-Forwarded-Proto").as_deref(), Some("http"));
    assert_eq!(received.header("X-Forwarded-Host").as_deref(), Some(HOST));
}

#[test]
fn a_client_cannot_say_where_it_came_from() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    gateway.send(
        &Request::get("/public")
            .with("X-Forwarded-For", "203.0.113.7")
            .with("x_forwarded_for", "203.0.113.7")
            .with("X-Forwarded-Proto", "https")
            .with("X-Forwarded-Host", "evil.test")
            .with("X-Real-IP", "203.0.113.7")
            .with("Forwarded", "for=203.0.113.7;host=evil.test"),
    );
    let received = upstream.only_request();
    assert_eq!(received.header("X-Forwarded-For").as_deref(), Some("127.0.0.1"));
    assert_eq!(received.header("X-Forwarded-Proto").as_deref(), Some("http"));
    assert_eq!(received.header("X-Forwarded-Host").as_deref(), Some(HOST));
    let seen = format!("{received:?}");
    assert!(!seen.contains("203.0.113.7") && !seen.contains("evil.test"), "{seen}");
}

#[test]
fn a_trusted_proxy_is_believed_and_added_to_the_list() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + TRUSTING));
    gateway.send(
        &Request::get("/public")
            .with("X-Forwarded-For", "203.0.113.7")
            .with("X-Forwarded-Proto", "https")
            .with("X-Forwarded-Host", "shop.test"),
    );
    let received = upstream.only_request();
    assert_eq!(received.header("X-Forwarded-For").as_deref(), Some("203.0.113.7, 127.0.0.1"));
    assert_eq!(received.header("X-Forwarded-Proto").as_deref(), Some("https"));
    assert_eq!(received.header("X-Forwarded-Host").as_deref(), Some("shop.test"));
}

#[test]
fn a_request_id_of_a_trusted_proxy_is_passed_on_and_answered() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + TRUSTING));
    let answer = gateway.send(&Request::get("/public").with("X-Request-Id", "abc-123"));
    assert_eq!(answer.header("X-Request-Id").as_deref(), Some("abc-123"));
    assert_eq!(upstream.only_request().header("X-Request-Id").as_deref(), Some("abc-123"));
}

#[test]
fn a_request_id_of_anyone_else_is_replaced() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::get("/public").with("X-Request-Id", "abc-123"));
    let id = answer.header("X-Request-Id").unwrap();
    assert_ne!(id, "abc-123");
    assert_eq!(upstream.only_request().header("X-Request-Id"), Some(id));
}

#[test]
fn a_request_without_an_id_gets_one_of_its_own() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let first = gateway.send(&Request::get("/public")).header("X-Request-Id").unwrap();
    let seen = upstream.only_request().header("X-Request-Id").unwrap();
    let second = gateway.send(&Request::get("/public")).header("X-Request-Id").unwrap();
    assert_eq!(first, seen);
    assert_ne!(first, second);
}

#[test]
fn an_app_that_is_asked_for_no_host_is_asked_for_its_own() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = gateway.connect().send("GET /public HTTP/1.0\r\n\r\n").answer();
    assert_eq!(answer.status, 200);
    let received = upstream.only_request();
    assert_eq!(received.head.first_line, "GET /public HTTP/1.1");
    assert_eq!(received.header("Host"), Some(upstream.address.to_string()));
    assert_eq!(received.header("X-Forwarded-Host"), None, "nobody has asked for it");
    gateway.connect().send("GET /public HTTP/1.0\r\nHost: a.test\r\n\r\n").answer();
    assert_eq!(upstream.only_request().header("Host").as_deref(), Some("a.test"));
}

#[test]
fn hop_by_hop_headers_stop_at_the_gateway() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    gateway.send(
        &Request::get("/public")
            .with("Connection", "X-Private")
            .with("X-Private", "1")
            .with("Keep-Alive", "timeout=5")
            .with("Proxy-Connection", "keep-alive")
            .with("TE", "trailers"),
    );
    let received = upstream.only_request();
    for name in ["X-Private", "Keep-Alive", "Proxy-Connection", "TE"] {
        assert_eq!(received.header(name), None, "{name}");
    }
}

#[test]
fn everything_else_of_a_request_reaches_the_app() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let request = Request::new("PROPFIND", "/public/x?y=z").with("X-Custom", "a  b\u{e9}");
    gateway.send(&request.with("Cookie", "a=1; b=2").body("hello"));
    let received = upstream.only_request();
    assert_eq!(received.head.first_line, "PROPFIND /public/x?y=z HTTP/1.1");
    assert_eq!(received.header("Host").as_deref(), Some(HOST));
    assert_eq!(received.header("X-Custom").as_deref(), Some("a  b\u{e9}"));
    assert_eq!(received.header("Cookie").as_deref(), Some("a=1; b=2"));
    assert_eq!(received.body, b"hello");
}

#[test]
fn an_answer_comes_back_as_the_app_gave_it() {
    let upstream = Upstream::answering(Script::Bytes(
        "HTTP/1.1 418 I'm a teapot\r\nX-Custom: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
         Cache-Control: max-age=60\r\nContent-Length: 5\r\n\r\nshort",
    ));
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::get("/public"));
    assert_eq!((answer.status, answer.text().as_str()), (418, "short"));
    assert_eq!(answer.header("X-Custom").as_deref(), Some("1"));
    assert_eq!(answer.header("Set-Cookie").as_deref(), Some("a=1, b=2"));
    assert_eq!(answer.header("Cache-Control").as_deref(), Some("max-age=60"));
}
