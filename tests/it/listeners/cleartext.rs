//! A listener of HTTP/2 without TLS, and the HTTP/1 clients that it serves too.

use std::io::Write;
use std::net::TcpStream;

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::{Connection, Request};
use crate::harness::listener::Listener;
use crate::harness::upstream::Upstream;

fn start() -> (Upstream, Listener, Gateway) {
    let (upstream, listener) = (Upstream::start(), Listener::h2c());
    let gateway = listener.gateway(&(upstream.settings() + ROUTES));
    (upstream, listener, gateway)
}

#[test]
fn a_request_that_is_shorter_than_the_preface_of_http_2_is_answered() {
    let (_upstream, listener, _gateway) = start();
    let answer = Connection::open(listener.address).send("GET / HTTP/1.0\r\n\r\n").answer();
    assert_eq!(answer.status, 401);
}

#[test]
fn a_request_in_pieces_is_answered() {
    let (_upstream, listener, _gateway) = start();
    // The first could begin the preface of HTTP/2.
    for pieces in [&["P", "OST /public HTTP/1.1\r\n"][..], &["PUT", " /pub", "lic HTTP/1.1\r\n"]] {
        let mut stream = TcpStream::connect(listener.address).unwrap();
        stream.set_nodelay(true).unwrap();
        for piece in pieces {
            stream.write_all(piece.as_bytes()).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let mut client = Connection::over(stream);
        client.send("Host: gate.test\r\nContent-Length: 2\r\n\r\nab");
        assert_eq!(client.answer().status, 200, "{pieces:?}");
    }
}

#[test]
fn a_connection_of_http_1_is_kept() {
    let (upstream, listener, _gateway) = start();
    let mut client = Connection::open(listener.address);
    for _ in 0..3 {
        assert_eq!(client.send(Request::get("/public").bytes()).answer().status, 200);
    }
    assert_eq!(upstream.take().len(), 3);
}
