//! What does not cut a connection.

use std::thread;
use std::time::{Duration, Instant};

use super::{on_each_store, on_redis, open};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::{Script, Upstream};
use crate::harness::websocket::{is_open, until_cut};

/// Longer than it takes to cut a connection.
const A_WHILE: Duration = Duration::from_millis(2500);

#[test]
fn a_websocket_goes_on_while_its_token_is_good() {
    on_each_store("", |gateway| {
        let token = gateway.register("alice");
        let mut socket = open(gateway, "/app", Some(&token));
        let opened = Instant::now();
        while opened.elapsed() < A_WHILE {
            assert!(is_open(&mut socket), "after {:?}", opened.elapsed());
        }
        assert!(gateway.meter("connections_ended_total") < 1.0);
    });
}

#[test]
fn an_open_connection_costs_next_to_nothing() {
    let upstream = Upstream::answering(Script::WebSocket);
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let mut sockets = [open(&gateway, "/app", Some(&token)), open(&gateway, "/public", None)];
    let before = gateway.processor_time();
    thread::sleep(A_WHILE);
    let used = gateway.processor_time() - before;
    assert!(used < 100, "{used} hundredths of a second");
    assert!(sockets.iter_mut().all(is_open));
}

#[test]
fn the_end_of_one_token_cuts_no_other_websocket() {
    on_each_store("", |gateway| {
        let [alice, bob] = ["alice", "bob"].map(|name| gateway.register(name));
        let second = gateway.login("alice");
        let mut cut = open(gateway, "/app", Some(&alice));
        let mut others = [
            open(gateway, "/app", Some(&second)),
            open(gateway, "/app", Some(&bob)),
            open(gateway, "/public", None),
            // Nobody asks for a token here, so none can end it.
            open(gateway, "/public", Some(&alice)),
            open(gateway, "/optional", None),
        ];
        assert_eq!(gateway.send(&Request::post("/api/logout/").token(&alice)).status, 204);
        until_cut(&mut cut);
        let ended = Instant::now();
        while ended.elapsed() < A_WHILE {
            assert!(others.iter_mut().all(is_open), "after {:?}", ended.elapsed());
        }
    });
}

#[test]
fn a_kept_connection_outlives_the_token_of_its_last_request() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let mut client = gateway.connect();
    let request = Request::get("/app").token(&token).bytes();
    assert_eq!(client.send(&request).answer().status, 200);
    assert_eq!(gateway.send(&Request::post("/api/logout/").token(&token)).status, 204);
    let ended = Instant::now();
    eventually("a while", || (ended.elapsed() > A_WHILE).then_some(()));
    assert_eq!(client.send(&request).answer().status, 401);
    assert_eq!(client.send(Request::get("/public").bytes()).answer().status, 200);
}

#[test]
fn a_feed_that_is_cut_cuts_no_websocket() {
    let (upstream, redis) = (Upstream::answering(Script::WebSocket), RedisServer::start());
    let gateway = on_redis(&upstream, &redis);
    let token = gateway.register("alice");
    gateway.until_told();
    let mut socket = open(&gateway, "/app", Some(&token));
    assert_eq!(redis.cut_feeds(), 1);
    assert_goes_on(&gateway, || is_open(&mut socket));
}

#[test]
fn a_redis_that_is_away_for_less_than_a_second_cuts_no_websocket() {
    let (upstream, mut redis) = (Upstream::answering(Script::WebSocket), RedisServer::start());
    let gateway = on_redis(&upstream, &redis);
    let token = gateway.register("alice");
    let mut away = Duration::from_millis(850);
    let mut sockets = eventually("a short absence", || {
        // So that each meets it at another moment between two looks at its token.
        let open_later = |_| {
            thread::sleep(Duration::from_millis(100));
            open(&gateway, "/app", Some(&token))
        };
        let sockets: Vec<_> = (0..5).map(open_later).collect();
        let down = Instant::now();
        redis.kill();
        thread::sleep(away);
        redis.restart();
        // On a machine that is too busy to start it and find it again at once, it is away for less before that.
        away = away * 2 / 3;
        eventually("the store", || (gateway.try_login("alice").status == 200).then_some(()));
        (down.elapsed() < Duration::from_millis(950)).then_some(sockets)
    });
    assert_goes_on(&gateway, || sockets.iter_mut().all(is_open));
}

fn assert_goes_on(gateway: &Gateway, mut is_open: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < A_WHILE {
        assert!(is_open(), "after {:?}", start.elapsed());
    }
    gateway.until_told();
    assert!(is_open());
}
