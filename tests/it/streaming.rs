//! What flows: a WebSocket, events, uploads, kept-alive connections. Nothing is gathered first.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::{HOST, Request};
use crate::harness::upstream::{Script, Upstream};
use crate::harness::websocket::open_websocket;

#[test]
fn a_websocket_with_a_token_speaks_both_ways() {
    let upstream = Upstream::answering(Script::WebSocket);
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let mut socket = open_websocket(&gateway, "/app", Some(&token)).expect("a WebSocket");
    for message in [Message::text("hello"), Message::binary(vec![0; 100_000])] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    let received = upstream.only_request();
    assert_eq!(received.header("X-Auth-User").as_deref(), Some("alice"));
    assert_eq!(received.header("Authorization"), None);
}

#[test]
fn a_websocket_without_a_token_is_401() {
    let upstream = Upstream::answering(Script::WebSocket);
    let gateway = Gateway::before(&upstream);
    let refusal = open_websocket(&gateway, "/app", None).expect_err("a refusal");
    assert!(matches!(refusal, Error::Http(answer) if answer.status() == 401));
    assert!(upstream.take().is_empty());
}

#[test]
fn events_arrive_one_by_one_before_the_answer_ends() {
    let upstream = Upstream::answering(Script::Dictated);
    let gateway = Gateway::before(&upstream);
    let mut client = gateway.connect();
    client.send(Request::get("/public/events").bytes());
    assert_eq!(client.head().unwrap().header("Content-Type").unwrap(), "text/event-stream");
    for event in ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"] {
        upstream.say(event);
        assert_eq!(client.chunk().unwrap(), event.as_bytes());
    }
    upstream.say("");
    assert_eq!(client.chunk().unwrap(), b"");
}

#[test]
fn a_large_upload_streams_at_the_pace_of_the_app() {
    const SIZE: u64 = 64 << 20;
    let upstream = Upstream::answering(Script::Reluctant);
    let gateway = Gateway::before(&upstream);
    let mut client = gateway.connect();
    client.send(format!("POST /public HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {SIZE}\r\n\r\n"));
    let before = gateway.memory_kib("VmRSS:");
    let mut socket = client.into_stream();

    let taken = write_until_blocked(&mut socket, SIZE);
    assert!(taken < SIZE / 2, "{taken} bytes were taken while the app read none");
    upstream.say("read");
    write(&mut socket, SIZE - taken);

    eventually("the whole upload", || (upstream.counted() == SIZE).then_some(()));
    let grown = gateway.memory_kib("VmHWM:").saturating_sub(before);
    assert!(grown < 32 << 10, "the gateway grew by {grown} KiB");
}

#[test]
fn head_has_the_length_but_no_body() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let expected = gateway.send(&Request::get("/public")).body.len().to_string();
    let mut client = gateway.connect();
    client.send(Request::new("HEAD", "/public").bytes());
    let head = client.answer_without_body().unwrap();
    // What is next on the connection is the next answer, not a body.
    let next = client.send(Request::get("/public").bytes()).answer();
    assert_eq!((head.status, head.header("Content-Length")), (200, Some(expected)));
    assert_eq!(next.status, 200);
}

#[test]
fn head_of_a_refusal_has_the_length_but_no_body() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let expected = gateway.send(&Request::get("/app")).body.len().to_string();
    let mut client = gateway.connect();
    client.send(Request::new("HEAD", "/app").with("Connection", "close").bytes());
    let head = client.answer_without_body().unwrap();
    assert_eq!((head.status, head.header("Content-Length")), (401, Some(expected)));
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn a_proxied_request_that_expects_100_gets_it_and_keeps_its_connection() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let mut client = gateway.connect();
    client.send(format!(
        "POST /public HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    ));
    assert_eq!(client.head().unwrap().first_line, "HTTP/1.1 100 Continue");
    assert_eq!(client.send("hello").answer().status, 200);
    assert_eq!(client.send(Request::get("/public").bytes()).answer().status, 200);
    assert_eq!(upstream.take()[0].body, b"hello");
}

#[test]
fn a_login_that_expects_100_gets_it_and_keeps_its_connection() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    let body = json!({ "username": "alice", "password": PASSWORD }).to_string();
    let mut client = gateway.connect();
    client.send(format!(
        "POST /api/login/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    assert_eq!(client.head().unwrap().first_line, "HTTP/1.1 100 Continue");
    assert_eq!(client.send(&body).answer().status, 200);
    let again = Request::post("/api/login/").with("Content-Type", "application/json").body(body);
    assert_eq!(client.send(again.bytes()).answer().status, 200);
}

#[test]
fn a_refused_request_that_expects_100_is_not_asked_for_its_body() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let mut client = gateway.connect();
    client.send(format!(
        "POST /app HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    ));
    assert!(client.head().unwrap().first_line.starts_with("HTTP/1.1 401"));
}

#[test]
fn requests_that_do_not_wait_for_answers_are_answered_in_order() {
    let upstream = Upstream::answering(Script::Reluctant);
    let gateway = Gateway::before(&upstream);
    let mut client = gateway.connect();
    let first = Request::post("/public/first").body("body").bytes();
    let (start, end) = first.split_at(first.len() - 2);
    client.send(start);
    // The app waits for the rest when that arrives, together with the next request.
    assert_eq!(upstream.next_request().target(), "/public/first");
    client.send([end, &Request::get("/public/second").bytes()].concat());
    upstream.say("read");
    assert_eq!(client.answer().status, 204);
    assert_eq!(upstream.next_request().target(), "/public/second");
    upstream.say("read");
    assert_eq!(client.answer().status, 204);
    assert_eq!(upstream.counted(), 4);
}

#[test]
fn each_request_of_a_connection_needs_a_token_of_its_own() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let mut client = gateway.connect();
    let first = client.send(Request::get("/app").token(&token).bytes()).answer();
    let second = client.send(Request::get("/app").bytes()).answer();
    let third = client.send(Request::get("/app").token(&token).bytes()).answer();
    assert_eq!((first.status, second.status, third.status), (200, 401, 200));
    assert_eq!(upstream.take().len(), 2);
}

#[test]
fn of_two_requests_in_one_packet_the_second_needs_a_token_too() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let packet = [Request::get("/app/1").token(&token).bytes(), Request::get("/app/2").bytes()];
    let mut client = gateway.connect();
    assert_eq!(client.send(packet.concat()).answer().status, 200);
    assert_eq!(client.answer().status, 401);
    assert_eq!(upstream.only_request().target(), "/app/1");
}

#[test]
fn our_own_routes_keep_the_connection() {
    let gateway = Gateway::start("");
    let mut client = gateway.connect();
    for _ in 0..3 {
        let answer = client.send(Request::post("/api/login/").json(&json!({})).bytes()).answer();
        assert_eq!(answer.status, 400);
    }
}

#[test]
fn a_chunked_body_reaches_the_app_and_a_trailer_cannot_be_an_identity() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let request = format!(
        "POST /public HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\
         Trailer: X-Auth-User-Id\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Auth-User-Id: evil\r\n\r\n"
    );
    let answer = gateway.connect().send(request).answer();
    assert_eq!(answer.status, 200);
    let received = upstream.only_request();
    assert_eq!(received.body, b"hello");
    assert!(received.identity().is_empty());
    assert!(!received.trailers.iter().any(|trailer| trailer.contains("evil")), "{received:?}");
}

#[test]
fn a_login_may_come_in_chunks() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    let body = json!({ "username": "alice", "password": PASSWORD }).to_string();
    let (first, second) = body.split_at(10);
    let answer = gateway
        .connect()
        .send(format!(
            "POST /api/login/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
            first.len(),
            second.len()
        ))
        .answer();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_login_in_chunks_without_end_is_413() {
    let gateway = Gateway::start("[server]\nmax_body = \"1KiB\"\n");
    let mut client = gateway.connect();
    client.send(format!(
        "POST /api/login/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n800\r\n{}\r\n",
        "x".repeat(0x800)
    ));
    assert_eq!(client.answer().status, 413);
}

#[test]
fn a_login_whose_body_never_comes_is_given_up() {
    let gateway = Gateway::start("[server]\nbody_timeout = \"200ms\"\n");
    let mut client = gateway.connect();
    client.send(format!(
        "POST /api/login/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{"
    ));
    // Told so or just closed: what counts is that nobody is kept waiting.
    assert!(client.try_answer().map_or_else(
        |error| error.kind() == ErrorKind::UnexpectedEof,
        |answer| answer.status == 408
    ));
}

#[test]
fn an_answer_in_chunks_with_a_trailer_comes_whole() {
    let upstream = Upstream::answering(Script::Bytes(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    ));
    let gateway = Gateway::before(&upstream);
    let mut client = gateway.connect();
    assert_eq!(client.send(Request::get("/public").bytes()).answer().text(), "hello");
    assert_eq!(client.send(Request::get("/public").bytes()).answer().text(), "hello");
}

/// Writes until the other end takes no more for a second, or all; how much it took.
fn write_until_blocked(socket: &mut TcpStream, size: u64) -> u64 {
    socket.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let piece = vec![b'x'; 64 << 10];
    let mut taken = 0;
    while taken < size {
        match socket.write(&piece) {
            Ok(written) => taken += written as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("after {taken} bytes: {error}"),
        }
    }
    taken
}

fn write(socket: &mut TcpStream, size: u64) {
    socket.set_write_timeout(None).unwrap();
    let piece = vec![b'x'; 64 << 10];
    let mut left = usize::try_from(size).unwrap();
    while left > 0 {
        let length = left.min(piece.len());
        socket.write_all(&piece[..length]).unwrap();
        left -= length;
    }
}

#[test]
fn a_client_of_http_1_0_gets_an_answer_that_ends_with_the_connection() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    for script in [Script::BreakOff("HTTP/1.1 200 OK\r\n\r\nabc"), Script::Bytes(chunked)] {
        let upstream = Upstream::answering(script);
        let gateway = Gateway::before(&upstream);
        let mut client = TcpStream::connect(gateway.address).unwrap();
        let request = "GET /public HTTP/1.0\r\nHost: gate.test\r\nConnection: keep-alive\r\n\r\n";
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\nabc"), "{answer}");
        assert!(!answer.to_lowercase().contains("transfer-encoding"), "{answer}");
    }
}
