//! More connections than there may be.

use super::is_kept;
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Request;
use crate::harness::upstream::{Script, Upstream};

#[test]
fn where_all_places_are_taken_the_connection_that_was_idle_for_longest_goes() {
    let upstream = Upstream::start();
    let two = "[server]\nmax_connections = 2\n";
    let gateway = Gateway::metered(&(upstream.settings() + ROUTES + two));
    eventually("no connection", || (gateway.meter("connections") < 1.0).then_some(()));
    let mut oldest = gateway.connect();
    assert!(is_kept(&mut oldest));
    // It is seen to be idle before the next one is.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let mut other = gateway.connect();
    assert!(is_kept(&mut other));
    let mut third = gateway.connect();
    assert!(is_kept(&mut third));
    assert!(gateway.meter("connections_made_room_total") >= 1.0);
    assert_eq!(oldest.rest().unwrap(), b"");
    assert!(is_kept(&mut other));
}

#[test]
fn a_connection_that_serves_a_request_never_goes_for_another() {
    let upstream = Upstream::answering(Script::Held);
    let one = "[server]\nmax_connections = 1\n";
    let gateway = Gateway::metered(&(upstream.settings() + ROUTES + one));
    eventually("no connection", || (gateway.meter("connections") < 1.0).then_some(()));
    let mut busy = gateway.connect();
    busy.send(Request::get("/public").bytes());
    upstream.next_request();
    let mut waits = gateway.connect();
    waits.send(Request::get("/public").with("Connection", "close").bytes());
    eventually("a pause", || (gateway.meter("accept_paused_total") > 20.0).then_some(()));
    assert!(upstream.take().is_empty());
    upstream.say("");
    assert_eq!(busy.answer().status, 200);
    upstream.say("");
    assert_eq!(waits.answer().status, 200);
}

#[test]
fn an_end_is_not_held_up_by_places_that_are_all_taken() {
    let upstream = Upstream::answering(Script::Silence);
    let terms = "[server]\nmax_connections = 1\ngrace = \"500ms\"\n";
    let mut gateway = Gateway::metered(&(upstream.settings() + ROUTES + terms));
    let mut busy = gateway.connect();
    busy.send(Request::get("/public").bytes());
    upstream.next_request();
    let _waits = gateway.connect();
    eventually("a pause", || (gateway.meter("accept_paused_total") > 1.0).then_some(()));
    gateway.terminate();
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn an_address_has_no_more_connections_than_it_may_have() {
    let upstream = Upstream::start();
    let two = "[server]\nmax_connections_per_address = 2\n";
    let gateway = Gateway::metered(&(upstream.settings() + ROUTES + two));
    eventually("no connection", || (gateway.meter("connections") < 1.0).then_some(()));
    let mut first = gateway.connect();
    let mut second = gateway.connect();
    assert!(is_kept(&mut first) && is_kept(&mut second));
    let mut surplus = gateway.connect();
    assert!(!is_kept(&mut surplus));
    gateway.until_turned_away("address_limit");
    drop(first);
    eventually("a free place", || is_kept(&mut gateway.connect()).then_some(()));
    assert!(is_kept(&mut second));
}

#[test]
fn a_trusted_proxy_has_as_many_connections_as_it_likes() {
    let upstream = Upstream::start();
    let terms = "[server]\nmax_connections_per_address = 1\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + terms));
    let mut all = [(); 5].map(|()| gateway.connect());
    assert!(all.iter_mut().all(is_kept));
}

#[test]
fn a_connection_that_was_served_and_is_idle_takes_little_memory() {
    const COUNT: u64 = 400;
    let upstream = Upstream::answering(Script::Echo(""));
    let many = "[server]\nmax_connections_per_address = 0\n";
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + many));
    let served = || {
        let mut connection = gateway.connect();
        // Where a body ends, too, nothing is kept for what may follow.
        connection.send(Request::post("/public").body("hello").bytes());
        assert_eq!(connection.answer().status, 200);
        connection
    };
    // What is made once is there.
    let _first: Vec<_> = (0..COUNT / 4).map(|_| served()).collect();
    let before = gateway.memory_kib("RssAnon:");
    let mut held: Vec<_> = (0..COUNT).map(|_| served()).collect();
    let each = gateway.memory_kib("RssAnon:").saturating_sub(before) / COUNT;
    assert!(each < 16, "{each} KiB for each");
    for connection in &mut held {
        connection.send(Request::get("/public").bytes());
        assert_eq!(connection.answer().status, 200);
    }
}
