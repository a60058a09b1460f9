//! One reading of the path: what could be read in two ways is 400, and what passes is, byte for
//! byte, what was judged.

use crate::harness::gateway::{Gateway, route};
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;

/// Targets that pass, and what the app gets.
const FORWARDED: &[(&str, &str)] = &[
    ("/", "/"),
    ("/a/b", "/a/b"),
    ("/a/b/", "/a/b/"),
    ("/A/b", "/A/b"),
    // What need not be encoded is decoded: one spelling for us and for the app.
    ("/%65cho/", "/echo/"),
    ("/%7Euser/a%2db%5fc%2Ed", "/~user/a-b_c.d"),
    ("/caf%c3%a9", "/caf%C3%A9"),
    ("/a%20b", "/a%20b"),
    ("/100%25", "/100%25"),
    // Dots that are no dot segment.
    ("/.well-known/x", "/.well-known/x"),
    ("/a..b/c...", "/a..b/c..."),
    // The query is the app's own affair.
    ("/a?", "/a?"),
    ("/a?b=%2f..%2F;c=//&d=/../e%00%c0%af?f", "/a?b=%2f..%2F;c=//&d=/../e%00%c0%af?f"),
    // The absolute form, of our own host.
    ("http://gate.test/a?b", "/a?b"),
    ("http://gate.test/%65", "/e"),
    ("http://gate.test", "/"),
];

/// Targets with two readings, or none.
const REFUSED: &[&str] = &[
    // Dot segments, plain and encoded.
    "/.",
    "/..",
    "/./a",
    "/a/..",
    "/a/../b",
    "/public/../app",
    "/%2e",
    "/%2e%2e/a",
    "/a/%2E%2E/b",
    "/a/.%2e/b",
    "/a/%2e./b",
    // Slashes in disguise.
    "/a%2fb",
    "/a%2Fb",
    "/public/..%2fapp",
    "/a%5cb",
    "/a%5Cb",
    "/a\\b",
    "\\a",
    "/public\\..\\app",
    "//a",
    "//public/../app",
    "/a//b",
    "/a//",
    // Parameters, which some apps cut off.
    "/a;x/b",
    "/a;",
    "/public/..;/app",
    "/a%3bx",
    "/a%3B",
    // Bytes that end a string, or that are no UTF-8.
    "/a%00",
    "/public%00/../app",
    "/%c0%af",
    "/public/%c0%ae%c0%ae/app",
    "/%e0%80%ae",
    "/%ff",
    "/caf\u{e9}",
    // Encoded twice.
    "/%252e%252e/a",
    "/a%252fb",
    "/a%255cb",
    "/a%253bb",
    "/a%2500",
    // What looks like dots and slashes.
    "/public/%ef%bc%8e%ef%bc%8e/app",
    "/public/..%ef%bc%8fapp",
    // No encoding at all.
    "/%",
    "/%2",
    "/%zz",
    // Not the origin form.
    "*",
    "a/b",
    "?a",
    "/a#b",
    "/public/#/../../app",
    // Absolute, but of another host, with a user, with two readings or not of HTTP.
    "http://other.test/a",
    "http://gate.test/a/../b",
    "http://gate.test//a",
    "http://user@gate.test/a",
    "https://127.0.0.1:1/a",
    "file:///a",
];

/// Spellings of `/api/login/` that a careless app or gateway would take for it.
const DISGUISED_LOGIN: &[&str] = &[
    "/api/./login/",
    "/api/x/../login/",
    "/x/../api/login/",
    "/api/%2e/login/",
    "/api/x/%2e%2e/login/",
    "/api//login/",
    "//api/login/",
    "/api%2flogin/",
    "/api/login%2f",
    "/api\\login/",
    "/api%5clogin/",
    "/api/login;x/",
    "/api/login%3b/",
    "/api/login%00/",
    "/api/lo%2567in/",
    "/api/login/#",
];

#[test]
fn a_path_with_one_reading_reaches_the_app_in_its_one_spelling() {
    let upstream = Upstream::start();
    let gateway = public(&upstream);
    let mut wrong = vec![];
    for (target, wanted) in FORWARDED {
        let status = gateway.send(&Request::get(target)).status;
        let seen: Vec<String> = upstream.take().iter().map(|r| r.target().to_owned()).collect();
        if seen != [*wanted] {
            wrong.push(format!("{target}: wanted {wanted}, got {status} and {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_path_with_two_readings_is_400_and_reaches_nobody() {
    assert_refused(REFUSED, Request::get);
}

#[test]
fn a_disguised_login_is_400_and_reaches_nobody() {
    assert_refused(DISGUISED_LOGIN, |target| {
        Request::post(target).with("Content-Type", "application/json").body("{}")
    });
}

#[test]
fn an_encoded_letter_is_the_letter_in_our_own_routes_too() {
    let upstream = Upstream::start();
    let gateway = public(&upstream);
    for target in ["/api/login/", "/api/login", "/%61pi/log%69n/"] {
        let request = Request::post(target).with("Content-Type", "application/json").body("{}");
        let answer = gateway.send(&request);
        assert_eq!(
            answer.text(),
            r#"{"username":["This field is required."],"password":["This field is required."]}"#,
            "{target}"
        );
    }
    assert!(upstream.take().is_empty());
}

#[test]
fn what_is_no_route_of_ours_is_judged_like_any_path() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    for target in ["/API/LOGIN/", "/api/login/x", "/api/loginx", "/api/", "/api"] {
        assert_eq!(gateway.send(&Request::post(target)).status, 401, "{target}");
    }
    assert!(upstream.take().is_empty());
}

#[test]
fn a_query_cannot_open_a_path() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    for target in ["/app?next=/public/", "/app?/public/x", "/app&/public/"] {
        assert_eq!(gateway.send(&Request::get(target)).status, 401, "{target}");
    }
    assert!(upstream.take().is_empty());
}

/// A gateway on which only the path itself can be the reason for a refusal.
fn public(upstream: &Upstream) -> Gateway {
    Gateway::start(&(upstream.settings() + &route("/", "public")))
}

fn assert_refused(targets: &[&str], request: impl Fn(&str) -> Request) {
    let upstream = Upstream::start();
    let gateway = public(&upstream);
    let mut wrong = vec![];
    for target in targets {
        let status = gateway.send(&request(target)).status;
        let seen = upstream.take();
        if status != 400 || !seen.is_empty() {
            wrong.push(format!("{target}: got {status}, and the app {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
