//! Connections that a balancer passes on.

use std::io::Write;
use std::net::TcpStream;

use super::World;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::{Connection, HOST, Request};
use crate::harness::listener::Listener;
use crate::harness::upstream::Upstream;

const FROM_HERE: &str = "proxy_protocol = [\"127.0.0.0/8\"]\n";
const V1: &[u8] = b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n";

/// The same in version 2, with something more that is to be skipped.
fn v2() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    header.extend(16_u16.to_be_bytes());
    header.extend([203, 0, 113, 7, 192, 0, 2, 1]);
    header.extend(51_234_u16.to_be_bytes());
    header.extend(443_u16.to_be_bytes());
    header.extend([4, 0, 1, 0]);
    header
}

fn start(terms: &str) -> (Upstream, Listener, Gateway) {
    let (upstream, listener) = (Upstream::start(), Listener::on(terms));
    let gateway = listener.metered_gateway(&(upstream.settings() + ROUTES));
    (upstream, listener, gateway)
}

fn forwarded_for(upstream: &Upstream) -> Option<String> {
    upstream.only_request().header("X-Forwarded-For")
}

#[test]
fn the_app_is_told_of_the_client_of_a_balancer() {
    let (upstream, listener, _gateway) = start(FROM_HERE);
    for header in [V1.to_vec(), v2()] {
        let mut client = Connection::open(listener.address);
        client.send(header).send(Request::get("/public").bytes());
        assert_eq!(client.answer().status, 200);
        assert_eq!(forwarded_for(&upstream).as_deref(), Some("203.0.113.7"));
        // It holds for the whole connection.
        assert_eq!(client.send(Request::get("/public").bytes()).answer().status, 200);
        assert_eq!(forwarded_for(&upstream).as_deref(), Some("203.0.113.7"));
    }
}

#[test]
fn a_header_comes_before_tls() {
    let world = World::new(FROM_HERE);
    for header in [V1.to_vec(), v2()] {
        let mut stream = TcpStream::connect(world.listener.address).unwrap();
        stream.write_all(&header).unwrap();
        let stream = world.client().shake_hands_over(stream, HOST).unwrap();
        let mut client = Connection::over_tls(stream);
        assert_eq!(client.send(Request::get("/public").bytes()).answer().status, 200);
        let received = world.upstream.only_request();
        assert_eq!(received.header("X-Forwarded-For").as_deref(), Some("203.0.113.7"));
        assert_eq!(received.header("X-Forwarded-Proto").as_deref(), Some("https"));
    }
}

#[test]
fn the_balancers_own_connections_have_its_address() {
    let (upstream, listener, _gateway) = start(FROM_HERE);
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0".to_vec();
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), local] {
        let mut client = Connection::open(listener.address);
        client.send(header).send(Request::get("/public").bytes());
        assert_eq!(client.answer().status, 200);
        assert_eq!(forwarded_for(&upstream).as_deref(), Some("127.0.0.1"));
    }
}

#[test]
fn a_header_that_is_missing_or_malformed_ends_the_connection() {
    let (upstream, listener, gateway) = start(FROM_HERE);
    for header in [
        &b""[..],
        b"PROXY TCP4 203.0.113.7 192.0.2.1 51234 99999\r\n",
        b"PROXY TCP4 203.0.113.7\r\n",
        b"proxy TCP4 203.0.113.7 192.0.2.1 51234 443\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
    ] {
        let mut client = Connection::open(listener.address);
        client.send(header).send(Request::get("/public").bytes());
        assert_eq!(client.rest().unwrap(), b"", "{header:?}");
    }
    gateway.until_turned_away("proxy_header");
    assert!(upstream.take().is_empty());
}

#[test]
fn a_header_from_elsewhere_is_never_read() {
    let (upstream, listener, _gateway) = start("proxy_protocol = [\"198.51.100.0/24\"]\n");
    for header in [V1.to_vec(), v2()] {
        let mut client = Connection::open(listener.address);
        client.send(header).send(Request::get("/public").bytes());
        let answer = client.rest().unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    }
    assert!(upstream.take().is_empty());
    let mut client = Connection::open(listener.address);
    assert_eq!(client.send(Request::get("/public").bytes()).answer().status, 200);
    assert_eq!(forwarded_for(&upstream).as_deref(), Some("127.0.0.1"));
}
