//! What browsers are told of requests from pages of other origins.

use crate::harness::gateway::{Gateway, PASSWORD, route};
use crate::harness::http::{Answer, Request};
use crate::harness::upstream::{Script, Upstream};
use serde_json::json;

const PAGE: &str = "https://page.test";
const CORS: &str = "cors = { origins = [\"https://page.test\"], credentials = true, \
                    expose_headers = [\"X-Total\"] }\n";

#[test]
fn a_preflight_is_answered_without_a_token_and_reaches_nobody() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &(route("/", "user") + CORS));
    let answer = gateway.send(&preflight("/app", PAGE, "DELETE"));
    assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    assert_eq!(
        told(&answer),
        [
            "Access-Control-Allow-Credentials: true",
            "Access-Control-Allow-Headers: authorization, content-type",
            "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE",
            "Access-Control-Allow-Origin: https://page.test",
            "Access-Control-Max-Age: 600",
        ]
    );
    assert!(answer.header("Vary").unwrap().contains("Origin"));
    assert!(upstream.take().is_empty());
}

#[test]
fn a_preflight_of_another_origin_is_told_nothing() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &(route("/", "user") + CORS));
    for origin in ["https://evil.test", "https://page.test.evil.test", "http://page.test", "null"] {
        let answer = gateway.send(&preflight("/app", origin, "GET"));
        assert_eq!((answer.status, told(&answer).len()), (204, 0), "{origin}");
    }
    let twice = preflight("/app", PAGE, "GET").with("Origin", "https://evil.test");
    assert_eq!(told(&gateway.send(&twice)).len(), 0);
    assert!(upstream.take().is_empty());
}

#[test]
fn a_preflight_leads_where_the_request_to_come_would() {
    let upstream = Upstream::start();
    let reading = route("/", "user") + "methods = [\"GET\"]\n" + CORS;
    let special = route("/s", "user") + "headers = [\"X-A\"]\n" + CORS;
    let gateway = gateway(&upstream, &(reading + &special + &route("/", "user")));
    let named =
        |path, names| preflight(path, PAGE, "PUT").with("Access-Control-Request-Headers", names);
    for (request, status) in [
        (preflight("/", PAGE, "GET"), 204),
        (preflight("/", PAGE, "PUT"), 401),
        (named("/s", "content-type,x-a"), 204),
        (named("/s", "content-type"), 401),
    ] {
        assert_eq!(gateway.send(&request).status, status, "{request:?}");
    }
    assert!(upstream.take().is_empty());
}

#[test]
fn options_that_ask_for_nothing_need_a_token_like_any_request() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, &(route("/", "user") + CORS));
    let options = Request::new("OPTIONS", "/app");
    assert_eq!(gateway.send(&options).status, 401);
    assert_eq!(gateway.send(&options.clone().with("Origin", PAGE)).status, 401);
    let broken = options.clone().with("Access-Control-Request-Method", "G E T");
    assert_eq!(gateway.send(&broken.with("Origin", PAGE)).status, 401);
    assert!(upstream.take().is_empty());
    let token = gateway.register("alice");
    assert_eq!(gateway.send(&options.token(&token)).status, 200);
    assert_eq!(upstream.take().len(), 1);
}

#[test]
fn what_the_app_says_of_it_is_replaced() {
    let upstream = Upstream::answering(Script::Echo(
        "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: *\r\n\
         Access-Control-Anything: x\r\nVary: Accept\r\n",
    ));
    let gateway = gateway(&upstream, &(route("/", "public") + CORS));
    let answer = gateway.send(&Request::get("/").with("Origin", PAGE));
    assert_eq!(
        told(&answer),
        [
            "Access-Control-Allow-Credentials: true",
            "Access-Control-Allow-Origin: https://page.test",
            "Access-Control-Expose-Headers: x-total",
        ]
    );
    assert_eq!(answer.header("Vary").as_deref(), Some("Accept, Origin"));
    for request in [Request::get("/"), Request::get("/").with("Origin", "https://evil.test")] {
        let answer = gateway.send(&request);
        assert_eq!(told(&answer), [""; 0]);
        // Nobody else's answer for them from a cache either.
        assert_eq!(answer.header("Vary").as_deref(), Some("Accept, Origin"));
    }
}

#[test]
fn without_settings_what_the_app_says_stays() {
    let upstream = Upstream::answering(Script::Echo("Access-Control-Allow-Origin: *\r\n"));
    let gateway = gateway(&upstream, &route("/", "public"));
    let answer = gateway.send(&Request::get("/").with("Origin", PAGE));
    assert_eq!(told(&answer), ["Access-Control-Allow-Origin: *"]);
    assert_eq!(answer.header("Vary"), None);
}

#[test]
fn a_page_can_read_why_it_was_refused() {
    let upstream = Upstream::start();
    let limited = route("/small", "public") + "max_body = 1\n" + CORS;
    let routes = route("/", "user") + CORS + &route("/staff", "staff") + CORS + &limited;
    let gateway = gateway(&upstream, &routes);
    let token = gateway.register("alice");
    for (request, status) in [
        (Request::get("/"), 401),
        (Request::get("/staff").token(&token), 403),
        (Request::post("/small").body("too much"), 413),
    ] {
        let answer = gateway.send(&request.with("Origin", PAGE));
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("Access-Control-Allow-Origin").as_deref(), Some(PAGE));
        assert_eq!(answer.header("Vary").as_deref(), Some("Origin"));
    }
}

#[test]
fn any_origin_is_answered_with_a_star_and_never_reflected() {
    let upstream = Upstream::start();
    let any = "cors = { origins = [\"*\"], methods = [\"GET\"], headers = [], max_age = \"0s\" }\n";
    let gateway = gateway(&upstream, &(route("/", "public") + any));
    let answer = gateway.send(&Request::get("/").with("Origin", "https://evil.test"));
    assert_eq!(told(&answer), ["Access-Control-Allow-Origin: *"]);
    let answer = gateway.send(&preflight("/", "https://evil.test", "GET"));
    let expected = [
        "Access-Control-Allow-Methods: GET",
        "Access-Control-Allow-Origin: *",
        "Access-Control-Max-Age: 0",
    ];
    assert_eq!(told(&answer), expected);
}

#[test]
fn a_page_can_log_in_where_the_settings_name_its_origin() {
    let settings = format!("[cors]\norigins = [\"{PAGE}\"]\n");
    let gateway = Gateway::start(&settings);
    gateway.register("alice");
    let answer = gateway.send(&preflight("/api/login/", PAGE, "POST"));
    assert_eq!(answer.status, 204);
    let expected = [
        "Access-Control-Allow-Headers: authorization, content-type",
        "Access-Control-Allow-Methods: POST",
        "Access-Control-Allow-Origin: https://page.test",
        "Access-Control-Max-Age: 600",
    ];
    assert_eq!(told(&answer), expected);
    let login = |password: &str| {
        let credentials = json!({ "username": "alice", "password": password });
        gateway.send(&Request::post("/api/login/").json(&credentials).with("Origin", PAGE))
    };
    for (password, status) in [(PASSWORD, 200), ("wrong", 400)] {
        let answer = login(password);
        assert_eq!(answer.status, status);
        assert_eq!(told(&answer), ["Access-Control-Allow-Origin: https://page.test"]);
    }
}

#[test]
fn by_default_no_page_of_another_origin_can_log_in() {
    let gateway = Gateway::start("");
    let answer = gateway.send(&preflight("/api/login/", PAGE, "POST"));
    // As Django REST framework answers OPTIONS.
    assert_eq!((answer.status, told(&answer).len()), (200, 0));
    let answer = gateway.send(&Request::post("/api/login/").body("{}").with("Origin", PAGE));
    assert_eq!(told(&answer).len(), 0);
}

fn preflight(path: &str, origin: &str, method: &str) -> Request {
    let request = Request::new("OPTIONS", path).with("Origin", origin);
    request.with("Access-Control-Request-Method", method)
}

/// All that browsers are told, sorted.
fn told(answer: &Answer) -> Vec<String> {
    let headers = answer.head.headers.iter();
    let lines = headers.map(|(name, value)| format!("{name}: {value}"));
    let mut lines: Vec<_> = lines.filter(|line| line.starts_with("Access-Control-")).collect();
    lines.sort();
    lines
}

fn gateway(upstream: &Upstream, routes: &str) -> Gateway {
    Gateway::start(&(upstream.settings() + routes))
}
