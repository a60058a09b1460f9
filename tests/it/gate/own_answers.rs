//! What the gateway says by itself: DRF's JSON, never cached, under Django's headers.

use serde_json::json;

use crate::harness::free_address;
use crate::harness::gateway::{Gateway, ROUTES, route};
use crate::harness::http::{Answer, Request};
use crate::harness::upstream::{Script, Upstream};

#[test]
fn a_path_without_a_route_is_404() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&(upstream.settings() + &route("/public", "public")));
    let answer = gateway.send(&Request::get("/elsewhere"));
    assert_eq!((answer.status, answer.text().as_str()), (404, r#"{"detail":"Not found."}"#));
    assert_is_our_own(&answer);
    assert!(upstream.take().is_empty());
}

#[test]
fn an_app_that_is_down_is_502() {
    let nobody = free_address();
    let upstream = format!("[[upstreams]]\nname = \"app\"\nservers = [\"{nobody}\"]\n");
    let gateway = Gateway::start(&(upstream + ROUTES));
    let answer = gateway.send(&Request::get("/public"));
    assert_eq!((answer.status, answer.text().as_str()), (502, r#"{"detail":"Bad gateway."}"#));
    assert_is_our_own(&answer);
}

#[test]
fn an_app_that_hangs_up_is_502() {
    let upstream = Upstream::answering(Script::HangUp);
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::post("/public").body("once"));
    assert_eq!((answer.status, answer.text().as_str()), (502, r#"{"detail":"Bad gateway."}"#));
    assert_is_our_own(&answer);
    assert_eq!(upstream.only_request().body, b"once");
}

#[test]
fn an_app_that_answers_nonsense_is_502() {
    let upstream = Upstream::answering(Script::Bytes("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::get("/public"));
    assert_eq!((answer.status, answer.text().as_str()), (502, r#"{"detail":"Bad gateway."}"#));
}

#[test]
fn an_app_that_is_too_slow_is_504() {
    let upstream = Upstream::answering(Script::Silence);
    let impatient = upstream.settings() + "read_timeout = \"200ms\"\n";
    let gateway = Gateway::start(&(impatient + ROUTES));
    let answer = gateway.send(&Request::get("/public"));
    assert_eq!(answer.status, 504);
    assert!(answer.json()["detail"].is_string(), "{}", answer.text());
    assert_is_our_own(&answer);
}

#[test]
fn a_refusal_is_never_cached() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    for path in ["/app", "/staff", "/nobody", "/a/../b"] {
        assert_is_our_own(&gateway.send(&Request::get(path)));
    }
}

#[test]
fn the_four_routes_have_the_headers_of_the_contract_and_no_more() {
    let gateway = Gateway::start("");
    let answer = gateway.send(&Request::post("/api/login/").json(&json!({})));
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("Cache-Control"), None);
    assert!(answer.header("X-Request-Id").is_some());
    assert_has_djangos_headers(&answer);
}

#[test]
fn no_answer_names_the_server_or_a_date_long_past() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    for path in ["/app", "/api/login/", "/a/../b"] {
        let answer = gateway.send(&Request::get(path));
        assert_ne!(answer.header("Server").as_deref(), Some("Pingora"), "{path}");
        let date = answer.header("Date").unwrap_or_default();
        assert!(!date.contains("1994"), "{path}: {date}");
    }
}

fn assert_is_our_own(answer: &Answer) {
    assert_eq!(answer.header("Content-Type").as_deref(), Some("application/json"), "{answer:?}");
    assert_eq!(answer.header("Cache-Control").as_deref(), Some("no-store"), "{answer:?}");
    assert!(answer.header("X-Request-Id").is_some(), "{answer:?}");
    assert_has_djangos_headers(answer);
}

fn assert_has_djangos_headers(answer: &Answer) {
    for (name, value) in [
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("X-Frame-Options", "DENY"),
    ] {
        assert_eq!(answer.header(name).as_deref(), Some(value), "{name} of {answer:?}");
    }
}
