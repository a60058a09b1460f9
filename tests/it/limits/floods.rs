//! Floods: what they take, and that others are served all the same.

use std::thread;

use serde_json::json;

use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::{Connection, Request};
use crate::harness::scripted::{Scripted, public};
use crate::harness::upstream::Upstream;

const HASH_KIB: u64 = 19 << 10;

#[test]
fn a_flood_of_logins_takes_memory_for_its_hashes_and_the_rest_is_told_to_come_again() {
    let settings = "[server]\nmax_connections_per_address = 0\n[limits]\nenabled = false\n\
                    [passwords]\nargon2 = { memory = \"19MiB\", iterations = 1, parallelism = 1 }\n";
    let gateway = Gateway::start(settings);
    gateway.register("alice");
    let before = gateway.memory_kib("VmRSS:");
    let threads = thread::available_parallelism().unwrap().get();
    // Far more than may wait.
    let mut clients: Vec<_> = (0..threads * 100).map(|_| gateway.connect()).collect();
    let wrong = json!({ "username": "alice", "password": "not-their-Passw0rd" });
    let login = Request::post("/api/login/").json(&wrong).bytes();
    for client in &mut clients {
        client.send(&login);
    }
    let answers: Vec<_> = clients.iter_mut().map(Connection::answer).collect();
    let of = |status| answers.iter().filter(move |answer| answer.status == status);
    assert_eq!(of(400).count() + of(503).count(), answers.len());
    assert!(of(400).count() >= threads, "{}", of(400).count());
    assert!(of(503).count() >= threads, "{}", of(503).count());
    assert!(of(503).all(|answer| answer.header("Retry-After").is_some()));
    let grown = gateway.memory_kib("VmHWM:").saturating_sub(before);
    assert!(grown < threads as u64 * HASH_KIB + (64 << 10), "the gateway grew by {grown} KiB");
    assert_eq!(gateway.try_login("alice").status, 200);
}

#[test]
fn a_flood_of_unknown_tokens_from_many_addresses_is_answered_and_disturbs_no_good_one() {
    let upstream = Upstream::start();
    let proxies = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + proxies));
    let good = gateway.register("alice");
    let before = gateway.memory_kib("VmRSS:");
    thread::scope(|scope| {
        for part in 0..8 {
            let gateway = &gateway;
            scope.spawn(move || {
                let mut client = gateway.connect();
                for number in 0..500 {
                    let from = format!("198.18.{part}.{}", number % 250);
                    let unknown = format!("{:064x}", part * 1_000 + number);
                    let request = Request::get("/app").token(&unknown);
                    client.send(request.with("X-Forwarded-For", &from).bytes());
                    assert_eq!(client.answer().status, 401);
                }
            });
        }
        let mut client = gateway.connect();
        for _ in 0..500 {
            client.send(Request::get("/app").token(&good).bytes());
            assert_eq!(client.answer().status, 200);
        }
    });
    let grown = gateway.memory_kib("VmHWM:").saturating_sub(before);
    assert!(grown < 64 << 10, "the gateway grew by {grown} KiB");
}

#[test]
fn for_clients_that_read_nothing_little_is_gathered() {
    const CLIENTS: u64 = 32;
    let app = Scripted::start(|visit| {
        visit.request();
        visit.client.send("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
        let piece = vec![b'x'; 1 << 20];
        while visit.client.try_send(&piece).is_ok() {}
    });
    let gateway = Gateway::metered(&(app.settings() + ROUTES));
    assert!(gateway.connect().send(public().bytes()).answer_without_body().is_ok());
    let before = gateway.memory_kib("VmRSS:");
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send(public().bytes());
    }
    eventually("all answers to begin", || {
        (gateway.meter("requests_in_flight") >= 32.0).then_some(())
    });
    for client in &mut clients {
        assert_eq!(client.head().unwrap().first_line, "HTTP/1.1 200 OK");
    }
    // What fits on its way there: the app would send 64 MiB for each.
    thread::sleep(std::time::Duration::from_secs(1));
    let grown = gateway.memory_kib("VmRSS:").saturating_sub(before) / CLIENTS;
    assert!(grown < 2 << 10, "{grown} KiB for each");
}
