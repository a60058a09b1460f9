//! How long an exchange may take, and how many there may be.

use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES, route};
use crate::harness::http::{HOST, Request};
use crate::harness::scripted::{Scripted, answer, public};
use crate::harness::upstream::{Script, Upstream};
use crate::harness::websocket::{is_open, open_websocket};

#[test]
fn an_app_that_is_silent_for_too_long_is_504() {
    let app = Upstream::answering(Script::Silence);
    let gateway = Gateway::start(&(app.settings() + "read_timeout = \"200ms\"\n" + ROUTES));
    for request in [public(), Request::post("/public").body("hello")] {
        assert_eq!(gateway.send(&request).status, 504);
    }
    assert_eq!(app.take().len(), 2);
}

#[test]
fn an_app_that_falls_silent_in_its_answer_is_cut() {
    let app = Scripted::start(|visit| {
        visit.request();
        visit.client.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
        let _ = visit.client.rest();
    });
    let gateway = Gateway::start(&(app.settings() + "read_timeout = \"200ms\"\n" + ROUTES));
    let error = gateway.connect().send(public().bytes()).try_answer().expect_err("a cut answer");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn an_exchange_that_takes_too_long_is_504() {
    let app = Upstream::answering(Script::Silence);
    let gateway = Gateway::start(&(app.settings() + "total_timeout = \"200ms\"\n" + ROUTES));
    let answer = gateway.send(&public());
    assert_eq!((answer.status, answer.text().as_str()), (504, r#"{"detail":"Gateway timeout."}"#));
}

#[test]
fn an_answer_that_takes_too_long_is_cut_though_it_never_stops() {
    let app = Scripted::start(|visit| {
        visit.request();
        visit.client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..400 {
            visit.client.send("1\r\nx\r\n");
            thread::sleep(Duration::from_millis(20));
        }
        visit.client.send("0\r\n\r\n");
    });
    let gateway = Gateway::start(&(app.settings() + "total_timeout = \"200ms\"\n" + ROUTES));
    let upgrade = public().with("Connection", "Upgrade").with("Upgrade", "websocket");
    // One that asks for another protocol and does not get it has no more time.
    for request in [public(), upgrade] {
        let error = gateway.connect().send(request.bytes()).try_answer().expect_err("a cut answer");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
    let log = eventually("the line", || {
        let log = gateway.log();
        log.contains("request cut off").then_some(log)
    });
    let line = log.lines().find(|line| line.contains("request cut off")).unwrap();
    assert!(line.contains("total_timeout") && !line.contains("token"), "{line}");
}

fn wanting(request: &Request) -> Request {
    request.clone().with("Connection", "Upgrade").with("Upgrade", "websocket")
}

#[test]
fn who_wants_another_protocol_waits_no_longer_for_an_answer() {
    let app = Upstream::answering(Script::Silence);
    let own = ROUTES.to_owned() + &route("/slow", "public") + "read_timeout = \"300ms\"\n";
    for (timeout, path) in [
        ("read_timeout = \"200ms\"\n", "/public"),
        ("total_timeout = \"200ms\"\n", "/public"),
        ("", "/slow"),
    ] {
        let gateway = Gateway::start(&(app.settings() + timeout + &own));
        for request in [Request::get(path), Request::post(path).body("hello")] {
            let answer = gateway.send(&wanting(&request));
            assert_eq!(answer.status, 504, "{timeout}{path}");
        }
    }
}

#[test]
fn who_wants_another_protocol_and_gets_an_answer_reads_it_in_the_usual_time() {
    let app = Scripted::start(|visit| {
        visit.request();
        visit.client.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
        let _ = visit.client.rest();
    });
    let gateway = Gateway::start(&(app.settings() + "read_timeout = \"200ms\"\n" + ROUTES));
    let request = wanting(&public()).bytes();
    let error = gateway.connect().send(request).try_answer().expect_err("a cut answer");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_websocket_may_be_silent_for_longer_than_an_answer() {
    let app = Upstream::answering(Script::WebSocket);
    let settings = app.settings() + "read_timeout = \"200ms\"\nwrite_timeout = \"200ms\"\n";
    let gateway = Gateway::start(&(settings + ROUTES));
    let mut socket = open_websocket(&gateway, "/public", None).expect("a WebSocket");
    thread::sleep(Duration::from_secs(1));
    assert!(is_open(&mut socket));
}

#[test]
fn an_upload_that_takes_too_long_is_504_though_it_never_stops() {
    let app = Scripted::start(|visit| {
        visit.head();
        let _ = visit.client.rest();
    });
    let gateway = Gateway::start(&(app.settings() + "total_timeout = \"200ms\"\n" + ROUTES));
    let mut client = gateway.connect();
    client.send(format!("POST /public HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9999\r\n\r\n"));
    for _ in 0..50 {
        client.send("x");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(client.answer().status, 504);
}

#[test]
fn a_websocket_may_take_longer() {
    let app = Upstream::answering(Script::WebSocket);
    let gateway = Gateway::start(&(app.settings() + "total_timeout = \"200ms\"\n" + ROUTES));
    eventually("a WebSocket that stays", || {
        let mut socket = open_websocket(&gateway, "/public", None).expect("a WebSocket");
        thread::sleep(Duration::from_secs(1));
        is_open(&mut socket).then_some(())
    });
}

#[test]
fn what_the_servers_have_no_room_for_is_503_until_there_is() {
    let app = Scripted::start(|visit| {
        while let Some(head) = visit.request() {
            if head.first_line.contains("hold") {
                let _ = visit.client.rest();
                return;
            }
            visit.client.send(answer("good"));
        }
    });
    let gateway = Gateway::metered(&(app.settings() + "max_connections = 1\n" + ROUTES));
    let mut holding = gateway.connect();
    holding.send(Request::get("/public/hold").bytes());
    eventually("the request that is held", || (app.heads().len() == 1).then_some(()));
    let refusal = gateway.send(&public());
    assert_eq!((refusal.status, refusal.header("Retry-After").as_deref()), (503, Some("1")));
    assert!(gateway.meter("upstream_errors_total{kind=\"full\"}") > 0.5);
    drop(holding);
    eventually("room", || (gateway.send(&public()).text() == "good").then_some(()));
}
