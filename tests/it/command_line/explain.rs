//! `authgate explain`: what it tells is what the gateway does.

use std::fs;

use serde_json::{Value, json};

use crate::harness::command::{Outcome, authgate};
use crate::harness::folder;
use crate::harness::gateway::{Gateway, ROUTES, route};
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;

#[test]
fn the_app_gets_what_was_explained() {
    let upstream = Upstream::start();
    let changed = route("/api", "user")
        + "strip_prefix = true\nadd_prefix = \"/v2\"\n\
           set_request_headers = { \"X-Env\" = \"prod\" }\nremove_request_headers = [\"Cookie\"]\n";
    let gateway = Gateway::start(&(upstream.settings() + &changed));
    let token = gateway.register("alice");
    let forged = [("X-Auth-User", "evil"), ("X-Env", "dev"), ("Cookie", "a=b"), ("Accept", "*/*")];
    let mut arguments =
        vec!["explain", "GET", "http://gate.test/api/%65cho?q=1", "--json", "--token", &token];
    let lines = forged.map(|(name, value)| format!("{name}: {value}"));
    arguments.extend(lines.iter().flat_map(|line| ["-H", line]));
    let explained = gateway.run(&arguments).done().json();

    let request = forged
        .iter()
        .fold(Request::get("/api/%65cho?q=1"), |request, (name, value)| request.with(name, value));
    assert_eq!(gateway.send(&request.token(&token)).status, 200);
    let received = upstream.only_request();
    assert_eq!(explained["forwarded"]["target"], received.target());
    assert_eq!(received.target(), "/v2/echo?q=1");
    // Pingora writes the name of this one anew.
    let lower = |(name, value): (String, String)| match name.to_ascii_lowercase() {
        // What a route sets is not shown: it may be what an app knows the gateway by.
        name if name == "x-env" => (name, "(set by the route)".to_owned()),
        name => (name, value),
    };
    let mut expected: Vec<_> = received.head.headers.into_iter().map(lower).collect();
    let mut got: Vec<(String, String)> =
        serde_json::from_value::<serde_json::Map<_, _>>(explained["forwarded"]["headers"].clone())
            .unwrap()
            .into_iter()
            .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
            .collect();
    // Each request has an id of its own.
    for headers in [&mut expected, &mut got] {
        let id = headers.iter_mut().find(|(name, _)| name == "x-request-id").unwrap();
        assert_eq!(id.1.len(), 32);
        id.1.clear();
        headers.sort();
    }
    assert_eq!(got, expected);
}

#[test]
fn what_is_refused_for_its_size_or_its_handshake_is_told() {
    let upstream = Upstream::start();
    let gateway =
        Gateway::start(&(upstream.settings() + ROUTES + "[server]\nmax_head = \"8KiB\"\n"));
    let status = |arguments: &[&str]| {
        let explained = gateway.run(&[&["explain", "--json", "GET"], arguments].concat());
        explained.done().json()["answer"]["status"].clone()
    };
    let long = format!("X-Long: {}", "x".repeat(8 << 10));
    assert_eq!(status(&["/public", "-H", &long]), 431);
    assert_eq!(status(&["https://gate.test/public", "-H", "Host: other.test"]), 421);
    for url in
        ["https://GATE.test.:8443/public", "https://127.0.0.1/public", "https://[::1]/public"]
    {
        assert_eq!(status(&[url]), Value::Null, "{url}");
    }
}

#[test]
fn the_gateway_answers_what_was_explained() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    for (path, token) in [
        ("/app", None),
        ("/app", Some("0000")),
        ("/staff", Some(&*token)),
        ("/nobody", Some(&*token)),
        ("/a//b", None),
        ("/public/%2e%2e/app", None),
        ("/app#/public", None),
    ] {
        let mut arguments = vec!["explain", "GET", path, "--json"];
        arguments.extend(token.iter().flat_map(|token| ["--token", token]));
        let explained = gateway.run(&arguments).done().json();
        let request = Request::get(path);
        let answer =
            gateway.send(&token.iter().fold(request, |request, token| request.token(token)));
        assert_eq!(explained["answer"]["status"], answer.status, "{path}: {explained}");
        assert_eq!(explained["answer"]["body"], answer.text(), "{path}");
        assert_eq!(explained["forwarded"], Value::Null);
    }
    assert!(upstream.take().is_empty());
}

#[test]
fn a_user_is_taken_for_one_with_a_good_token() {
    let gateway = Gateway::before(&Upstream::start());
    gateway.register("alice");
    gateway.register_staff("bob");
    // Another operator, or nobody could be locked out.
    gateway.register_staff("dora");
    let explain = |path: &str, user: &str| {
        gateway.run(&["explain", "GET", path, "--user", user, "--json"]).done().json()
    };
    let explained = explain("/app", "alice");
    assert_eq!(explained["caller"]["username"], "alice");
    assert_eq!(explained["forwarded"]["headers"]["x-auth-user"], "alice");
    assert_eq!(explained["forwarded"]["headers"]["x-auth-staff"], "false");
    assert_eq!(explain("/staff", "alice")["answer"]["status"], 403);
    assert_eq!(explain("/staff", "bob")["forwarded"]["headers"]["x-auth-staff"], "true");
    assert_eq!(explain("/public", "bob")["caller"], Value::Null);
    gateway.run(&["user", "deactivate", "alice"]).done();
    let locked_out = explain("/app", "alice");
    assert_eq!(locked_out["answer"]["status"], 401);
    assert!(locked_out["answer"]["body"].as_str().unwrap().contains("inactive"));
    let nobody = gateway.run(&["explain", "GET", "/app", "--user", "carol"]);
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
}

#[test]
fn a_token_can_come_from_standard_input_and_is_never_shown() {
    let upstream = Upstream::start();
    let told = route("/", "user") + "forward_authorization = true\n";
    let gateway = Gateway::start(&(upstream.settings() + &told));
    let token = gateway.register("alice");
    for flags in [&["--token-stdin"][..], &["--token-stdin", "--json"]] {
        let arguments = [&["explain", "GET", "/app"], flags].concat();
        let outcome = gateway.run_with_input(&arguments, &format!("{token}\n")).done();
        assert!(outcome.says("alice") && !outcome.says(&token), "{outcome:?}");
        assert!(outcome.says("(not shown)"), "{outcome:?}");
    }
    let ended = gateway.run(&["explain", "GET", "/app", "--token", "0123abcd"]).done();
    assert!(ended.says("401") && ended.says("Invalid token."), "{ended:?}");
    assert!(!ended.says("0123abcd"), "{ended:?}");
}

#[test]
fn asking_is_no_use_of_a_token() {
    let gateway = Gateway::start("[tokens]\nauto_refresh = true\nmin_refresh_interval = \"0s\"\n");
    let token = gateway.register("alice");
    let list = || gateway.run(&["token", "list", "alice", "--json"]).done().json();
    let before = list();
    gateway.run(&["explain", "GET", "/app", "--token", &token]).done();
    assert_eq!(list(), before);
}

#[test]
fn every_route_near_says_why_it_was_passed_over() {
    let routes = ROUTES.to_owned()
        + &route("/app", "user")
        + "host = \"other.test\"\n"
        + &route("/app", "user")
        + "methods = [\"POST\"]\n"
        + &route("/app", "user")
        + "headers = [\"X-Beta\"]\n";
    let explained = explain(&routes, &["GET", "/app/x", "--json"]).json();
    let reasons: Vec<_> =
        explained["routes"].as_array().unwrap().iter().map(|row| row["why"].clone()).collect();
    let expected = [
        "it is for another host",
        "the request has no header x-beta",
        "it is for other methods",
        "takes the request",
    ];
    assert_eq!(reasons, expected.map(|reason| json!(reason)));
    assert_eq!(explained["answer"]["status"], 401);
}

#[test]
fn without_credentials_the_store_is_not_asked() {
    let outcome = explain(ROUTES, &["GET", "/public/x", "--from", "192.0.2.7"]);
    assert!(outcome.says("x-forwarded-for: 192.0.2.7"), "{outcome:?}");
    assert!(outcome.says("public: everyone may pass"), "{outcome:?}");
    assert!(explain(ROUTES, &["POST", "/api/login/"]).says("one of its endpoints"));
}

#[test]
fn a_preflight_is_explained_by_the_route_of_the_request_to_come() {
    let cors =
        route("/", "user") + "methods = [\"PUT\"]\ncors = { origins = [\"https://a.test\"] }\n";
    let asks = ["-H", "Origin: https://a.test", "-H", "Access-Control-Request-Method: PUT"];
    let explained = explain(&cors, &[&["OPTIONS", "/x", "--json"], &asks[..]].concat()).json();
    assert_eq!(explained["answer"]["status"], 204);
    assert_eq!(explained["routes"][0]["why"], "takes the request");
}

#[test]
fn what_is_no_request_is_refused() {
    for arguments in [["G T", "/"], ["GET", "app"], ["GET", "ftp://a/"], ["GET", "/a b"]] {
        let outcome = authgate(&[&["explain"], &arguments[..]].concat(), "");
        assert_eq!(outcome.code, Some(1), "{arguments:?}: {outcome:?}");
    }
    for (header, words) in [
        ("Authorization Token s3cret", "header 2 is none: write NAME: VALUE"),
        ("A s3cret: b", "the name of header 2 has characters that none has"),
        ("A: s3cret\u{1}", "the value of header 2 has characters that none has"),
    ] {
        let arguments = ["explain", "GET", "/", "-H", "Accept: */*", "-H", header];
        let outcome = authgate(&arguments, "");
        assert_eq!(outcome.code, Some(1), "{header}: {outcome:?}");
        assert!(outcome.says(words) && !outcome.says("s3cret"), "{outcome:?}");
    }
    let both = ["explain", "GET", "/", "--token", "a", "--user", "b"];
    assert_eq!(authgate(&both, "").code, Some(2));
}

/// Explains by settings whose store cannot be opened.
fn explain(routes: &str, arguments: &[&str]) -> Outcome {
    let folder = folder();
    let file = folder.path().join("authgate.toml");
    let store = "[store]\nurl = \"sqlite:/nowhere/authgate.db\"\n";
    let app = "[[upstreams]]\nname = \"app\"\nservers = [\"127.0.0.1:9000\"]\n";
    fs::write(&file, [store, app, routes].concat()).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    authgate(&[&["explain"], arguments, &config].concat(), "").done()
}
