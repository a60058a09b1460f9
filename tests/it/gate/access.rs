//! Who may pass: the five kinds of route.

use crate::harness::gateway::Gateway;
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;

const NOT_PROVIDED: &str = r#"{"detail":"Authentication credentials were not provided."}"#;
const INVALID: &str = r#"{"detail":"Invalid token."}"#;
const FORBIDDEN: &str = r#"{"detail":"You do not have permission to perform this action."}"#;
const NO_SUCH_TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn a_user_route_without_a_token_is_401() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::get("/app"));
    assert_eq!((answer.status, answer.text().as_str()), (401, NOT_PROVIDED));
    assert_eq!(answer.header("WWW-Authenticate").as_deref(), Some("Token"));
    assert!(upstream.take().is_empty());
}

#[test]
fn a_user_route_with_a_bad_token_is_401() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::get("/app").token(NO_SUCH_TOKEN));
    assert_eq!((answer.status, answer.text().as_str()), (401, INVALID));
    assert_eq!(answer.header("WWW-Authenticate").as_deref(), Some("Token"));
    assert!(upstream.take().is_empty());
}

#[test]
fn a_user_route_lets_every_user_pass() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let answer = gateway.send(&Request::get("/app").token(&token));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), r#"{"user":"alice","path":"/app","method":"GET"}"#);
}

#[test]
fn a_staff_route_is_403_for_a_user_who_is_not_staff() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let answer = gateway.send(&Request::get("/staff").token(&token));
    assert_eq!((answer.status, answer.text().as_str()), (403, FORBIDDEN));
    assert_eq!(answer.header("WWW-Authenticate"), None);
    assert!(upstream.take().is_empty());
}

#[test]
fn a_staff_route_without_a_token_is_401() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::get("/staff"));
    assert_eq!((answer.status, answer.text().as_str()), (401, NOT_PROVIDED));
    assert!(upstream.take().is_empty());
}

#[test]
fn a_staff_route_lets_staff_pass() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register_staff("alice");
    let answer = gateway.send(&Request::get("/staff").token(&token));
    assert_eq!(answer.status, 200);
}

#[test]
fn a_nobody_route_is_403_even_for_staff() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register_staff("alice");
    let answer = gateway.send(&Request::get("/nobody").token(&token));
    assert_eq!((answer.status, answer.text().as_str()), (403, FORBIDDEN));
    assert!(upstream.take().is_empty());
}

#[test]
fn a_nobody_route_never_lets_a_stranger_pass() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::get("/nobody"));
    assert!([401, 403].contains(&answer.status), "{answer:?}");
    assert!(upstream.take().is_empty());
}

#[test]
fn a_public_route_asks_nobody() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::get("/public"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), r#"{"user":null,"path":"/public","method":"GET"}"#);
}

#[test]
fn a_public_route_does_not_refuse_a_bad_token() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::get("/public").token(NO_SUCH_TOKEN));
    assert_eq!(answer.status, 200);
}

#[test]
fn an_optional_route_lets_a_stranger_pass_without_an_identity() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::get("/optional"));
    assert_eq!(answer.status, 200);
    assert!(upstream.only_request().identity().is_empty());
}

#[test]
fn an_optional_route_names_the_user_of_a_good_token() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let answer = gateway.send(&Request::get("/optional").token(&token));
    assert_eq!(answer.text(), r#"{"user":"alice","path":"/optional","method":"GET"}"#);
}

#[test]
fn an_optional_route_takes_a_bad_token_for_none() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = gateway.send(&Request::get("/optional").token(NO_SUCH_TOKEN));
    assert_eq!(answer.status, 200);
    assert!(upstream.only_request().identity().is_empty());
}

#[test]
fn a_token_that_was_logged_out_no_longer_passes() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let passed = gateway.send(&Request::get("/app").token(&token));
    let logged_out = gateway.send(&Request::post("/api/logout/").token(&token));
    let answer = gateway.send(&Request::get("/app").token(&token));
    assert_eq!((passed.status, logged_out.status), (200, 204));
    assert_eq!((answer.status, answer.text().as_str()), (401, INVALID));
}
