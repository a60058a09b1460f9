//! Answers that cannot be believed, and those that must be passed as they are.

use std::io::ErrorKind;
use std::sync::mpsc::channel;

use crate::harness::PATIENCE;
use crate::harness::gateway::Gateway;
use crate::harness::http::{HOST, Request};
use crate::harness::scripted::{Scripted, answer, public};
use crate::upstreams::before_one;

/// A gateway before an app that gives this answer to its first request and a good one to others.
fn before(first: &'static str) -> (Scripted, Gateway) {
    let app = Scripted::start(move |visit| {
        if visit.number == 1 {
            visit.request();
            visit.client.send(first);
        }
        visit.always(&answer("good"));
    });
    let gateway = before_one(&app);
    (app, gateway)
}

/// The gateway answers 502 for this answer, and nothing that follows it is ever taken for another.
fn is_refused(first: &'static str) {
    let (app, gateway) = before(first);
    let mut client = gateway.connect();
    let refusal = client.send(public().bytes()).answer();
    assert_eq!((refusal.status, refusal.text().as_str()), (502, r#"{"detail":"Bad gateway."}"#));
    let next = gateway.send(&public());
    assert_eq!((next.status, next.text().as_str()), (200, "good"), "after {first:?}");
    assert_eq!(app.connections(), 2, "after {first:?}");
}

/// The gateway passes what it gets but never ends it cleanly.
fn is_cut(first: &'static str) {
    let (app, gateway) = before(first);
    let mut client = gateway.connect();
    let error = client.send(public().bytes()).try_answer().expect_err("a cut answer");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{first:?}");
    assert_eq!(gateway.send(&public()).text(), "good", "after {first:?}");
    assert_eq!(app.connections(), 2, "after {first:?}");
}

#[test]
fn of_two_kinds_of_length_the_chunks_count_and_the_client_sees_one() {
    // As RFC 9112 has it, section 6.3: Pingora drops the other before anyone can look.
    for length in [2, 15, 500] {
        let app = Scripted::start(move |visit| {
            visit.always(&format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nhello\r\n0\r\n\r\n"
            ));
        });
        let gateway = before_one(&app);
        for _ in 0..2 {
            let answer = gateway.send(&public());
            assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
            assert_eq!(answer.header("Content-Length"), None);
        }
    }
}

#[test]
fn an_answer_with_two_lengths_is_502() {
    is_refused("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello");
    is_refused("HTTP/1.1 200 OK\r\nContent-Length: 5, 4\r\n\r\nhello");
}

#[test]
fn an_answer_with_a_length_that_is_no_number_is_502() {
    is_refused("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello");
    is_refused("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello");
    is_refused("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello");
    is_refused("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello");
}

#[test]
fn an_answer_of_an_unknown_coding_is_502() {
    is_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nhello");
    is_refused(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
}

#[test]
fn what_is_not_an_answer_is_502() {
    for first in
        ["hello", "<html>\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n"]
    {
        let app = Scripted::start(move |visit| {
            if visit.request().is_some() && visit.number == 1 {
                visit.client.send(first);
                return;
            }
            visit.client.send(answer("good"));
        });
        let gateway = before_one(&app);
        assert_eq!(gateway.send(&Request::post("/public")).status, 502, "{first:?}");
        assert_eq!(gateway.send(&public()).text(), "good", "after {first:?}");
    }
}

#[test]
fn a_switch_of_protocols_that_nobody_asked_for_is_502() {
    is_refused(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
}

#[test]
fn a_head_without_end_is_502() {
    let app = Scripted::start(|visit| {
        visit.request();
        visit.client.send("HTTP/1.1 200 OK\r\nX-Long: ");
        for _ in 0..32 {
            visit.client.send("x".repeat(64 << 10));
        }
        visit.client.send("\r\nContent-Length: 0\r\n\r\n");
    });
    let gateway = before_one(&app);
    assert_eq!(gateway.send(&public()).status, 502);
}

#[test]
fn interim_answers_without_end_are_502() {
    let app = Scripted::start(|visit| {
        visit.request();
        for _ in 0..20_000 {
            visit.client.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(10));
        }
        visit.client.send(answer("late"));
    });
    let gateway = before_one(&app);
    let mut client = gateway.connect();
    let answer = client.send(public().bytes()).try_answer();
    // Some may have been passed, after which an error cannot be told but by closing.
    assert!(answer.as_ref().map_or(true, |answer| answer.status == 502), "{answer:?}");
}

#[test]
fn an_answer_whose_chunks_make_no_sense_is_cut() {
    is_cut(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\nhello\r\n0\r\n\r\n",
    );
    is_cut(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n-1\r\n\r\n0\r\n\r\n",
    );
}

#[test]
fn an_answer_that_ends_too_soon_is_cut() {
    for first in [
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let app = Scripted::start(move |visit| {
            visit.request();
            visit.client.send(first);
        });
        let gateway = before_one(&app);
        let mut client = gateway.connect();
        let error = client.send(public().bytes()).try_answer().expect_err("a cut answer");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{first:?}");
    }
}

#[test]
fn what_follows_an_answer_is_never_another_answer() {
    let (app, gateway) = before(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\
         okHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    );
    assert_eq!(gateway.send(&public()).text(), "ok");
    assert_eq!(gateway.send(&public()).text(), "good");
    assert_eq!(app.connections(), 2);
}

#[test]
fn what_comes_between_two_requests_is_never_an_answer() {
    let (tell, told) = channel();
    let app = Scripted::start(move |visit| {
        if visit.number == 1 {
            visit.request();
            visit.client.send(answer("ok"));
            visit.client.send(answer("evil"));
            tell.send(()).unwrap();
        }
        visit.always(&answer("good"));
    });
    let gateway = before_one(&app);
    assert_eq!(gateway.send(&public()).text(), "ok");
    // Between them, and not after the second: then it would look like an answer to that.
    told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(gateway.send(&public()).text(), "good");
}

#[test]
fn an_app_that_answers_before_it_has_the_upload_is_heard() {
    let app = Scripted::start(|visit| {
        visit.head();
        visit.client.send(
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge",
        );
        let _ = visit.client.rest();
    });
    let gateway = before_one(&app);
    let mut client = gateway.connect();
    let length = 100 << 20;
    client
        .send(format!("POST /public HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {length}\r\n\r\n"));
    client.send(vec![b'x'; 1 << 20]);
    let answer = client.answer();
    assert_eq!((answer.status, answer.text().as_str()), (413, "large"));
}

#[test]
fn the_statuses_of_an_app_are_its_own() {
    for (status, reason) in
        [(401, "Unauthorized"), (403, "Forbidden"), (500, "Oops"), (503, "Busy")]
    {
        let app = Scripted::start(move |visit| {
            visit.always(&format!(
                "HTTP/1.1 {status} {reason}\r\nWWW-Authenticate: Basic\r\nX-Own: 1\r\n\
                 Content-Length: 4\r\n\r\nmine"
            ));
        });
        let gateway = before_one(&app);
        let answer = gateway.send(&public());
        assert_eq!((answer.status, answer.text().as_str()), (status, "mine"));
        assert_eq!(answer.header("WWW-Authenticate").as_deref(), Some("Basic"));
        assert_eq!(answer.header("X-Own").as_deref(), Some("1"));
    }
}

#[test]
fn an_app_says_nothing_of_who_calls() {
    let app = Scripted::start(|visit| {
        visit.always(
            "HTTP/1.1 200 OK\r\nX-Auth-User-Id: 7\r\nx_auth_user: eve\r\nX-Other: 1\r\n\
             Content-Length: 0\r\n\r\n",
        );
    });
    let gateway = before_one(&app);
    let answer = gateway.send(&public());
    let names: Vec<_> = answer.head.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    assert!(!names.iter().any(|name| name.replace('_', "-").starts_with("x-auth")), "{names:?}");
    assert_eq!(answer.header("X-Other").as_deref(), Some("1"));
}
