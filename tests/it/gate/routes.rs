//! Which route a request takes: host, longest prefix on segment borders, headers, method.

use crate::harness::gateway::{Gateway, route};
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;

#[test]
fn the_longest_prefix_wins_whatever_the_order() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &[("/a", "public"), ("/a/b", "user"), ("/a/b/c", "public")]);
    assert_eq!(gateway.send(&Request::get("/a/x")).status, 200);
    assert_eq!(gateway.send(&Request::get("/a/b/x")).status, 401);
    assert_eq!(gateway.send(&Request::get("/a/b/c/x")).status, 200);
}

#[test]
fn a_prefix_ends_on_a_segment_border() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &[("/", "user"), ("/public", "public")]);
    for path in ["/public", "/public/", "/public/x", "/public?x"] {
        assert_eq!(gateway.send(&Request::get(path)).status, 200, "{path}");
    }
    upstream.take();
    for path in ["/publicx", "/public-x", "/public.x", "/public%20/", "/PUBLIC", "/x/public"] {
        assert_eq!(gateway.send(&Request::get(path)).status, 401, "{path}");
    }
    assert!(upstream.take().is_empty());
}

#[test]
fn a_final_slash_in_the_settings_changes_nothing() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &[("/", "user"), ("/public/", "public")]);
    assert_eq!(gateway.send(&Request::get("/public")).status, 200);
    assert_eq!(gateway.send(&Request::get("/public/x")).status, 200);
    assert_eq!(gateway.send(&Request::get("/publicx")).status, 401);
}

#[test]
fn a_route_with_a_host_is_for_that_host() {
    let upstream = Upstream::start();
    let hosted = route("/", "public") + "host = \"open.test\"\n" + &route("/", "user");
    let gateway = Gateway::start(&(upstream.settings() + &hosted));
    for (host, status) in [
        ("open.test", 200),
        ("OPEN.test", 200),
        ("open.test:8000", 200),
        ("gate.test", 401),
        ("not-open.test", 401),
    ] {
        let answer = gateway.send(&Request::get("/").with("Host", host));
        assert_eq!(answer.status, status, "{host}");
    }
}

#[test]
fn a_wildcard_is_for_every_host_below_and_the_nearest_goes_first() {
    let upstream = Upstream::start();
    let on = |host: &str, access| route("/", access) + &format!("host = \"{host}\"\n");
    let hosts = [
        on("*.open.test", "public"),
        on("*.in.open.test", "user"),
        on("b.in.open.test", "public"),
        route("/", "user"),
    ];
    let gateway = Gateway::start(&(upstream.settings() + &hosts.concat()));
    for (host, status) in [
        ("a.open.test", 200),
        ("x.y.OPEN.test.:80", 200),
        ("a.in.open.test", 401),
        ("b.in.open.test", 200),
        ("in.open.test", 200),
        ("open.test", 401),
        ("notopen.test", 401),
        ("a.open.test.evil.test", 401),
    ] {
        let answer = gateway.send(&Request::get("/").with("Host", host));
        assert_eq!(answer.status, status, "{host}");
    }
}

#[test]
fn a_route_with_headers_is_for_requests_that_have_them_all() {
    let upstream = Upstream::start();
    let special = route("/", "public") + "headers = [\"X-One\", \"X-Two\"]\n";
    let gateway = Gateway::start(&(upstream.settings() + &special + &route("/", "user")));
    for (names, status) in
        [(&["X-One", "x-two"][..], 200), (&["X-One"], 401), (&["X-One", "X_Two"], 401), (&[], 401)]
    {
        let request = names.iter().fold(Request::get("/"), |request, name| request.with(name, ""));
        assert_eq!(gateway.send(&request).status, status, "{names:?}");
    }
}

#[test]
fn a_route_with_methods_is_for_those_methods() {
    let upstream = Upstream::start();
    let reading = route("/", "public") + "methods = [\"GET\", \"HEAD\"]\n" + &route("/", "user");
    let gateway = Gateway::start(&(upstream.settings() + &reading));
    for (method, status) in [("GET", 200), ("POST", 401), ("DELETE", 401), ("get", 400)] {
        let answer = gateway.send(&Request::new(method, "/"));
        assert_eq!(answer.status, status, "{method}");
    }
}

#[test]
fn a_header_cannot_change_the_path_or_the_method() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &[("/", "user"), ("/public", "public")]);
    for name in [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Uri",
        "X-Forwarded-Prefix",
        "X-Forwarded-Path",
        "X-Envoy-Original-Path",
    ] {
        let answer = gateway.send(&Request::get("/app").with(name, "/public"));
        assert_eq!(answer.status, 401, "{name}");
    }
    let answer = gateway.send(&Request::post("/app").with("X-HTTP-Method-Override", "OPTIONS"));
    assert_eq!(answer.status, 401);
    assert!(upstream.take().is_empty());
}

#[test]
fn a_preflight_without_a_token_is_not_forwarded() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &[("/", "user")]);
    let preflight = Request::new("OPTIONS", "/app").with("Origin", "https://evil.test");
    let answer = gateway.send(&preflight.with("Access-Control-Request-Method", "GET"));
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
    assert!(upstream.take().is_empty());
}

#[test]
fn no_target_but_a_path_has_a_route() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &[("/", "public")]);
    for (method, target) in
        [("CONNECT", "127.0.0.1:1"), ("CONNECT", "/app"), ("GET", "*"), ("OPTIONS", "*")]
    {
        let answer = gateway.connect().send(Request::new(method, target).bytes()).try_answer();
        let status = answer.map_or(400, |answer| answer.status);
        assert!((400..500).contains(&status), "{method} {target}: {status}");
    }
    assert!(upstream.take().is_empty());
}

/// A gateway with these routes: path and access.
fn gateway(upstream: &Upstream, routes: &[(&str, &str)]) -> Gateway {
    let routes: Vec<String> = routes.iter().map(|(path, access)| route(path, access)).collect();
    Gateway::start(&(upstream.settings() + &routes.concat()))
}
