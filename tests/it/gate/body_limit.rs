//! How large the body of a request may be.

use std::net::TcpListener;

use crate::harness::gateway::{Gateway, route};
use crate::harness::http::{Connection, HOST, Request};
use crate::harness::upstream::Upstream;

const TOO_LARGE: &str = r#"{"detail":"The request body is larger than 10 bytes."}"#;

#[test]
fn a_body_up_to_the_limit_passes() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream);
    assert_eq!(gateway.send(&Request::post("/").body("0123456789")).status, 200);
    let chunked = Request::post("/").with("Transfer-Encoding", "chunked");
    let answer = gateway.send(&chunked.body("5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"));
    assert_eq!(answer.status, 200);
    let bodies: Vec<_> = upstream.take().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, [b"0123456789", b"0123456789"]);
}

#[test]
fn a_body_that_says_it_is_larger_is_413_and_nothing_of_it_reaches_the_app() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream);
    for length in ["11", "999999999999999"] {
        let request = Request::post("/").with("Content-Length", length).body("01234567890");
        let answer = gateway.send(&request);
        assert_eq!((answer.status, answer.text().as_str()), (413, TOO_LARGE), "{length}");
    }
    assert!(upstream.take().is_empty());
}

#[test]
fn a_client_that_asks_first_is_told_before_it_sends() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream);
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"
    );
    let first = gateway.connect().send(head).head().unwrap();
    assert!(first.first_line.starts_with("HTTP/1.1 413 "), "{first:?}");
}

#[test]
fn a_body_that_grows_beyond_the_limit_is_413_and_the_app_never_gets_it_whole() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream);
    let chunked = Request::post("/").with("Transfer-Encoding", "chunked");
    let mut connection = gateway.connect();
    connection.send(chunked.body("5\r\n01234\r\n").bytes());
    connection.send("6\r\n567890\r\n0\r\n\r\n");
    let answer = connection.answer();
    assert_eq!((answer.status, answer.text().as_str()), (413, TOO_LARGE));
    // The rest of the body is not the next request.
    assert_eq!(answer.header("Connection").as_deref(), Some("close"));
    // Whether the app saw its head or not, no body came to an end.
    for request in upstream.take() {
        assert_eq!(request.body, b"");
    }
}

#[test]
fn once_the_app_has_answered_a_body_beyond_the_limit_cuts_the_connection() {
    let app = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream =
        format!("[[upstreams]]\nname = \"app\"\nservers = [\"{}\"]\n", app.local_addr().unwrap());
    let routes = route("/", "public") + "max_body = 10\n";
    let gateway = Gateway::start(&(upstream + &routes));
    let mut client = gateway.connect();
    client.send(Request::post("/").with("Transfer-Encoding", "chunked").bytes());
    let mut app = Connection::over(app.accept().unwrap().0);
    app.head().unwrap();
    app.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    let answer = client.head().unwrap();
    assert_eq!(answer.first_line, "HTTP/1.1 200 OK");
    client.send("b\r\n01234567890\r\n");
    // Neither end takes it for a whole.
    assert!(!client.rest().unwrap().ends_with(b"0\r\n\r\n"));
    assert!(!app.rest().unwrap().ends_with(b"0\r\n\r\n"));
}

#[test]
fn who_may_not_pass_is_told_that_first() {
    let upstream = Upstream::start();
    let guarded = route("/", "user") + "max_body = 10\n";
    let gateway = Gateway::start(&(upstream.settings() + &guarded));
    assert_eq!(gateway.send(&Request::post("/").body("01234567890")).status, 401);
}

/// A gateway with a public route whose bodies have at most 10 bytes.
fn gateway(upstream: &Upstream) -> Gateway {
    Gateway::start(&(upstream.settings() + &route("/", "public") + "max_body = 10\n"))
}
