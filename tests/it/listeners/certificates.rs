//! Which certificate is shown, and when it is another.

use std::fs;
use std::io::{Read, Write};

use super::World;
use crate::harness::eventually;
use crate::harness::gateway::ROUTES;
use crate::harness::http::{HOST, Request};
use crate::harness::listener::Listener;
use crate::harness::tls::{Authority, Identity};
use crate::harness::tls_client::TlsClient;
use crate::harness::upstream::Upstream;

#[test]
fn the_name_that_the_client_calls_chooses_the_certificate() {
    let (upstream, authority) = (Upstream::start(), Authority::new());
    // A client believes a certificate that has the name which it calls.
    let first = authority.sign_all("first", &["first.test", "other.test", "a.b.wild.test"]);
    let wild = authority.sign("*.wild.test");
    let exact = authority.sign("exact.wild.test");
    let settings = [&first, &wild, &exact].map(Identity::setting).join(", ");
    let listener = Listener::on(&format!("certificates = [{settings}]\n"));
    let _gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let client = TlsClient::trusting(&authority);
    for (name, expected) in [
        ("first.test", &first),
        ("one.wild.test", &wild),
        ("ONE.wild.test", &wild),
        ("exact.wild.test", &exact),
        ("other.test", &first),
        ("a.b.wild.test", &first),
    ] {
        assert!(client.certificate(listener.address, name) == expected.der, "{name}");
    }
    let nameless = client.nameless().certificate(listener.address, "first.test");
    assert!(nameless == first.der);
}

#[test]
fn a_certificate_that_is_replaced_is_shown_to_new_connections_and_old_ones_go_on() {
    let world = World::new("");
    let (address, client) = (world.listener.address, world.client());
    let mut kept = client.connect(address, HOST);
    let request = Request::get("/public").bytes();
    assert_eq!(kept.send(&request).answer().status, 200);
    let renewed = world.authority.sign(HOST);
    eventually("the new certificate", || {
        (client.certificate(address, HOST) == renewed.der).then_some(())
    });
    assert_eq!(kept.send(&request).answer().status, 200);
}

#[test]
fn a_broken_file_keeps_the_certificate_and_is_logged() {
    let world = World::new("");
    let (address, client) = (world.listener.address, world.client());
    let before = client.certificate(address, HOST);
    let file = world.authority.file().replace("ca.pem", &format!("{HOST}.pem"));
    fs::write(&file, "-----BEGIN CERTIFICATE-----\nbroken").unwrap();
    eventually("the mistake in the log", || {
        let log = world.gateway.log();
        log.lines()
            .any(|line| line.contains("kept as they were") && line.contains(&file))
            .then_some(())
    });
    assert!(client.certificate(address, HOST) == before);
    assert_eq!(world.status(&client), 200);
    // Who repairs it need not tell anyone.
    let renewed = world.authority.sign(HOST);
    eventually("the new certificate", || {
        (client.certificate(address, HOST) == renewed.der).then_some(())
    });
}

#[test]
fn a_client_that_offers_http_2_gets_it_unless_the_settings_say_no() {
    for (terms, expected) in [("", &b"h2"[..]), ("http2 = false\n", b"http/1.1")] {
        let world = World::new(terms);
        let client = world.client().offering(&["h2", "http/1.1"]);
        let stream = client.shake_hands(world.listener.address, HOST).unwrap();
        assert_eq!(stream.conn.alpn_protocol(), Some(expected), "{terms}");
    }
}

#[test]
fn a_client_that_offers_nothing_gets_http_1() {
    let world = World::new("");
    assert_eq!(world.status(&world.client()), 200);
}

#[test]
fn a_connection_that_ends_as_it_should_is_no_request_that_cannot_be_read() {
    let world = World::new("");
    let (address, client) = (world.listener.address, world.client());
    let mut stream = client.shake_hands(address, HOST).unwrap();
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    // Until the other end has gone, too.
    drop(stream.sock.read_to_end(&mut Vec::new()));
    let answer = client.connect(address, HOST).send("GET /?<\">\" HTTP/1.1\r\n\r\n").answer();
    assert_eq!(answer.status, 400);
    let told = "its head cannot be read";
    eventually("word of the one", || world.gateway.log().contains(told).then_some(()));
    let log = world.gateway.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(told)).collect();
    assert!(lines.len() == 1 && lines[0].contains("number=1"), "{lines:?}");
}
