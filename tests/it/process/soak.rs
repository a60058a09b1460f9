//! A short soak: what comes and goes leaves nothing behind. `tests/run --long` makes it longer.

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Request;
use crate::harness::upstream::{Script, Upstream};
use crate::harness::websocket::{is_open, open_websocket};
use crate::harness::{eventually, is_long};

#[test]
fn what_comes_and_goes_leaves_no_file_open_and_no_memory_behind() {
    let [app, sockets] = [Script::Echo(""), Script::WebSocket].map(Upstream::answering);
    let second = sockets.settings().replace("\"app\"", "\"sockets\"");
    let route = "[[routes]]\npath = \"/ws\"\naccess = \"user\"\nupstream = \"sockets\"\n";
    let gateway = Gateway::start(&(app.settings() + &second + ROUTES + route));
    gateway.register("alice");
    let rounds = if is_long() { 10_000 } else { 200 };
    for _ in 0..100 {
        come_and_go(&gateway);
    }
    app.take();
    let files = settled(&gateway);
    let memory = gateway.memory_kib("VmRSS:");
    for round in 0..rounds {
        come_and_go(&gateway);
        if round % 100 == 0 {
            app.take();
            sockets.take();
        }
    }
    eventually("the files of before", || (gateway.open_files() <= files).then_some(()));
    let grown = gateway.memory_kib("VmRSS:").saturating_sub(memory);
    assert!(grown < 8 * 1024, "grown by {grown} KiB in {rounds} rounds");
}

/// The files that are open when nothing happens.
fn settled(gateway: &Gateway) -> usize {
    let mut last = (gateway.open_files(), 0);
    eventually("a quiet moment", || {
        let files = gateway.open_files();
        last = if files == last.0 { (files, last.1 + 1) } else { (files, 0) };
        (last.1 == 20).then_some(files)
    })
}

/// A user's visit, and some whom nobody wants.
fn come_and_go(gateway: &Gateway) {
    let token = gateway.login("alice");
    assert_eq!(gateway.status_of(&token), 200);
    let mut socket = open_websocket(gateway, "/ws", Some(&token)).unwrap();
    assert!(is_open(&mut socket));
    gateway.connect().send("GET /public HTTP/1.1\r\nHost: ga");
    gateway
        .connect()
        .send("POST /public HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 9\r\n\r\nhal");
    assert_eq!(gateway.status_of("wrong"), 401);
    assert_eq!(gateway.send(&Request::get("/public#")).status, 400);
    assert_eq!(gateway.send(&Request::post("/api/logout/").token(&token)).status, 204);
}
