//! Clients that take too long.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::is_kept;
use crate::harness::PATIENCE;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::h2_raw::{PREFACE, RawH2};
use crate::harness::http::{Connection, HOST};
use crate::harness::listener::Listener;
use crate::harness::tls::Authority;
use crate::harness::upstream::Upstream;

#[test]
fn a_client_that_says_nothing_before_http_is_turned_away() {
    let (upstream, authority) = (Upstream::start(), Authority::new());
    let certificates = format!("certificates = [{}]\n", authority.sign(HOST).setting());
    for terms in [certificates.as_str(), "proxy_protocol = [\"127.0.0.0/8\"]\n"] {
        let listener = Listener::on(terms);
        let impatient = "[server]\nhandshake_timeout = \"200ms\"\n";
        let gateway = listener.metered_gateway(&(upstream.settings() + ROUTES + impatient));
        let mut silent = Connection::open(listener.address);
        assert_eq!(silent.rest().unwrap(), b"");
        gateway.until_turned_away("late");
    }
}

#[test]
fn a_client_of_http_2_that_asks_nothing_is_turned_away() {
    let (upstream, listener) = (Upstream::start(), Listener::h2c());
    let impatient = "[server]\nhead_timeout = \"300ms\"\n";
    let gateway = listener.metered_gateway(&(upstream.settings() + ROUTES + impatient));
    let mut silent = RawH2::silent(listener.address);
    assert_eq!(silent.frame(), None);
    let mut half = RawH2::silent(listener.address);
    half.write(&PREFACE[..10]);
    assert_eq!(half.frame(), None);
    let mut whole = RawH2::open(listener.address);
    while whole.frame().is_some() {}
    gateway.until_turned_away("late");
}

#[test]
fn the_head_of_a_later_request_may_take_no_longer_than_that_of_the_first() {
    let upstream = Upstream::start();
    // Were it a wait for the next request, it would take longer than a test waits.
    let terms = "[server]\nhead_timeout = \"1s\"\nkeep_alive = \"10m\"\n";
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + terms));
    let mut client = gateway.connect();
    assert!(is_kept(&mut client));
    upstream.take();
    let mut stream = client.into_stream();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let begun = Instant::now();
    let slowly = format!("GET /public HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: {}", "a".repeat(1000));
    for byte in slowly.bytes() {
        use std::io::{ErrorKind, Read, Write};
        let is_written = stream.write_all(&[byte]).is_ok();
        let read = stream.read(&mut [0; 64]);
        let waits = read.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        if !is_written || !waits {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "it goes on");
    }
    assert!(upstream.take().is_empty());
}

#[test]
fn a_connection_that_is_not_used_is_closed() {
    let upstream = Upstream::start();
    let terms = "[server]\nkeep_alive = \"1s\"\nhead_timeout = \"10m\"\n";
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + terms));
    let mut client = gateway.connect();
    assert!(is_kept(&mut client));
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn a_connection_that_is_used_is_not_closed() {
    let upstream = Upstream::start();
    let terms = "[server]\nkeep_alive = \"3s\"\n";
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + terms));
    let mut client = gateway.connect();
    for _ in 0..8 {
        assert!(is_kept(&mut client));
        sleep(Duration::from_millis(500));
    }
}
