//! What a route does to the path: it is judged before, and clean afterwards.

use crate::harness::gateway::{Gateway, route};
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;

#[test]
fn the_app_gets_the_path_without_the_prefix() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, "strip_prefix = true");
    for (asked, got) in [
        ("/api/users/7?page=2&x=/../y", "/users/7?page=2&x=/../y"),
        ("/api/users/", "/users/"),
        ("/api", "/"),
        ("/api/", "/"),
        ("/api?q", "/?q"),
        ("/api/%65cho/a%20b", "/echo/a%20b"),
        ("http://gate.test/api/x", "/x"),
    ] {
        assert_eq!(gateway.send(&Request::get(asked)).status, 200, "{asked}");
        assert_eq!(upstream.only_request().target(), got, "{asked}");
    }
}

#[test]
fn a_part_of_the_prefix_can_be_taken_off_and_another_put_before_it() {
    let upstream = Upstream::start();
    let below = "[[routes]]\npath = \"/api/v1\"\naccess = \"public\"\nupstream = \"app\"\n";
    let changed = "strip_prefix = \"/api\"\nadd_prefix = \"/backend/\"\n";
    let gateway = Gateway::start(&(upstream.settings() + below + changed));
    gateway.send(&Request::get("/api/v1/x"));
    assert_eq!(upstream.only_request().target(), "/backend/v1/x");
}

#[test]
fn a_path_that_is_rewritten_is_judged_as_it_was_asked_for() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, "strip_prefix = true");
    for path in ["/api/vault", "/api/x/../../vault", "/api/%2e%2e/vault", "/api//vault", "/api/;/x"]
    {
        let status = gateway.send(&Request::get(path)).status;
        // `/vault` of the gate is not that of the app: only the path that was asked for counts.
        assert_eq!(status, if path == "/api/vault" { 200 } else { 400 }, "{path}");
    }
    assert_eq!(upstream.only_request().target(), "/vault");
    assert_eq!(gateway.send(&Request::get("/vault")).status, 401);
    assert_eq!(gateway.send(&Request::get("/apivault")).status, 404);
    assert!(upstream.take().is_empty());
}

#[test]
fn the_log_has_the_path_that_was_asked_for() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, "strip_prefix = true");
    gateway.send(&Request::get("/api/users"));
    crate::harness::eventually("the line", || gateway.log().contains("/api/users").then_some(()));
}

/// A gateway whose public route `/api` has these settings too, beside a guarded `/vault`.
fn gateway(upstream: &Upstream, settings: &str) -> Gateway {
    let routes = route("/api", "public") + settings + "\n" + &route("/vault", "user");
    Gateway::start(&(upstream.settings() + &routes))
}
