//! Requests that are malformed (RFC 9113, section 8), or have two readings. None reaches the app.

use super::World;
use crate::harness::h2_raw::{End, Frame, flag, frame, request};
use crate::harness::http::HOST;

/// What stands for a request: a name for it, and its header block.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>);

#[test]
fn a_path_that_has_two_readings_reaches_nobody() {
    let paths = [
        "/public /app",
        "/public\r\nx: y",
        "/public\n",
        "/public\0",
        "/public\t",
        "/publi\u{e9}",
        "public",
        "",
        "*",
        "?public",
        "//public",
        "/public/../app",
        "/public/%2e%2e/app",
        "/public;x",
        "/public\\app",
        "http://gate.test/../app",
        "http://other.test/public",
    ];
    assert_refused(paths.map(|path| (path, request("GET", path, &[]))));
}

/// What reads HTTP/2 for us cuts a fragment off. It is not judged, and goes nowhere.
#[test]
fn a_fragment_is_no_part_of_a_path() {
    let world = World::start();
    let get = |path| Frame::headers(flag::END_STREAM, 1, &request("GET", path, &[]));
    assert_eq!(world.end_of(&[get("/public#/../app")]), End::Answered(200));
    assert_eq!(world.upstream.only_request().target(), "/public");
    assert_eq!(world.end_of(&[get("/app#/public")]), End::Answered(401));
    assert!(world.upstream.take().is_empty());
}

#[test]
fn pseudo_headers_that_are_not_those_of_one_request_reach_nobody() {
    let sound = request("GET", "/public", &[]);
    let without = |name| sound.iter().copied().filter(|(known, _)| *known != name).collect();
    let with = |more: &[(&'static str, &'static str)]| [&sound, more].concat();
    assert_refused([
        ("no method", without(":method")),
        ("no scheme", without(":scheme")),
        ("no path", without(":path")),
        ("no authority", without(":authority")),
        ("two paths", with(&[(":path", "/public/b")])),
        ("two equal paths", with(&[(":path", "/public")])),
        ("two methods", with(&[(":method", "POST")])),
        ("two schemes", with(&[(":scheme", "http")])),
        ("two authorities", with(&[(":authority", "other.test")])),
        ("a status", with(&[(":status", "200")])),
        ("an unknown one", with(&[(":protocol-x", "a")])),
        ("a websocket's, which nobody offered", with(&[(":protocol", "websocket")])),
        ("one after a header", [&[("x-a", "b")], sound.as_slice()].concat()),
        ("a connect with a path", request("CONNECT", "/public", &[])),
        ("a connect", vec![(":method", "CONNECT"), (":authority", "127.0.0.1:1")]),
        ("a trace", request("TRACE", "/public", &[])),
        ("a method in small letters", request("delete", "/public", &[])),
        ("a method with a blank", request("GET /app", "/public", &[])),
    ]);
}

#[test]
fn an_authority_that_is_no_host_or_not_the_host_header_reaches_nobody() {
    let of = |authority| {
        let path = (":path", "/public");
        vec![(":method", "GET"), (":scheme", "http"), (":authority", authority), path]
    };
    assert_refused([
        ("a user", of("user@gate.test")),
        ("a path", of("gate.test/app")),
        ("a blank", of("gate test")),
        ("a line", of("gate.test\r\nx: y")),
        ("nothing", of("")),
        ("another host header", request("GET", "/public", &[("host", "other.test")])),
        ("two host headers", request("GET", "/public", &[("host", HOST), ("host", HOST)])),
    ]);
}

#[test]
fn headers_that_http_2_forbids_reach_nobody() {
    let with = |name, value| request("GET", "/public", &[(name, value)]);
    assert_refused([
        ("transfer-encoding", with("transfer-encoding", "chunked")),
        ("connection", with("connection", "x-auth-user-id")),
        ("keep-alive", with("keep-alive", "timeout=5")),
        ("proxy-connection", with("proxy-connection", "keep-alive")),
        ("upgrade", with("upgrade", "websocket")),
        ("te", with("te", "gzip")),
        ("upper case", with("X-Custom", "a")),
        ("upper case of ours", with("X-Auth-User-Id", "1")),
        ("a blank in a name", with("x custom", "a")),
        ("a colon in a name", with("x:custom", "a")),
        ("an empty name", with("", "a")),
        ("a line in a name", with("x\r\nx-auth-user-id", "a")),
        ("a carriage return", with("x-custom", "a\rb")),
        ("a line feed", with("x-custom", "a\nx-auth-user-id: 1")),
        ("a NUL", with("x-custom", "a\0b")),
        ("two authorizations", {
            request(
                "GET",
                "/public",
                &[("authorization", "Basic YTpi"), ("authorization", "Basic YTpi")],
            )
        }),
    ]);
}

#[test]
fn a_body_of_another_length_than_was_said_never_counts_as_whole() {
    let world = World::start();
    let body = |data: &[u8]| Frame::new(frame::DATA, flag::END_STREAM, 1, data);
    for (said, sent) in [("3", "hello"), ("9", "hello"), ("0", "hello"), ("5", "")] {
        let headers = request("POST", "/public", &[("content-length", said)]);
        let end = world.end_of(&[Frame::headers(flag::NONE, 1, &headers), body(sent.as_bytes())]);
        assert!(end != End::Answered(200), "{said} for {sent:?}: {end:?}");
    }
    world.assert_still_serves();
    for received in world.upstream.take() {
        let is_whole = received.head.content_length() == Some(received.body.len());
        assert!(!is_whole || received.body.is_empty(), "{received:?}");
    }
}

#[test]
fn two_lengths_or_none_of_digits_reach_nobody() {
    let post = |more| request("POST", "/public", more);
    let cases: [Case; 4] = [
        ("two", post(&[("content-length", "5"), ("content-length", "6")])),
        ("a list", post(&[("content-length", "5, 5")])),
        ("a sign", post(&[("content-length", "+5")])),
        ("nothing", post(&[("content-length", "")])),
    ];
    let world = World::start();
    for (name, headers) in cases {
        let body = Frame::new(frame::DATA, flag::END_STREAM, 1, *b"hello");
        let end = world.end_of(&[Frame::headers(flag::NONE, 1, &headers), body]);
        assert_is_refusal(name, &end);
        assert!(world.upstream.take().is_empty(), "{name}");
    }
}

/// Sends each as a request without a body; nobody gets any of them.
fn assert_refused<'a>(cases: impl IntoIterator<Item = Case<'a>>) {
    let world = World::start();
    for (name, headers) in cases {
        let end = world.end_of(&[Frame::headers(flag::END_STREAM, 1, &headers)]);
        assert_is_refusal(name, &end);
        let seen = world.upstream.take();
        assert!(seen.is_empty(), "{name}: {end:?}, and the app got {seen:?}");
    }
    world.assert_still_serves();
}

fn assert_is_refusal(name: &str, end: &End) {
    let is_fine = match end {
        End::Answered(status) => (400..500).contains(status) || *status == 501,
        End::Closed | End::Reset => true,
    };
    assert!(is_fine, "{name}: {end:?}");
}
