//! What cuts a connection.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::{SOON, on_each_store, on_redis, open};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::{Connection, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::{Script, Upstream};
use crate::harness::websocket::{is_open, open_websocket, until_cut};

#[test]
fn a_logout_cuts_a_websocket() {
    is_cut_by(|gateway, _, token| end(gateway, "/api/logout/", token));
}

#[test]
fn a_logout_everywhere_cuts_a_websocket() {
    is_cut_by(|gateway, name, _| end(gateway, "/api/logoutall/", &gateway.login(name)));
}

#[test]
fn a_deactivation_by_an_operator_cuts_a_websocket() {
    is_cut_by(|gateway, name, _| drop(gateway.run(&["user", "deactivate", name]).done()));
}

#[test]
fn a_deletion_by_an_operator_cuts_a_websocket() {
    is_cut_by(|gateway, name, _| drop(gateway.run(&["user", "delete", name]).done()));
}

/// Checks on each store and on each route that knows the token that this cuts a WebSocket.
fn is_cut_by(end: impl Fn(&Gateway, &str, &str)) {
    on_each_store("", |gateway| {
        for (path, name) in [("/app", "alice"), ("/optional", "bob")] {
            let token = gateway.register(name);
            let mut socket = open(gateway, path, Some(&token));
            end(gateway, name, &token);
            let took = until_cut(&mut socket);
            assert!(took < SOON, "{took:?}");
        }
    });
}

#[test]
fn a_logout_at_another_gateway_cuts_a_websocket() {
    let (upstream, redis) = (Upstream::answering(Script::WebSocket), RedisServer::start());
    let [one, other] = [(); 2].map(|()| on_redis(&upstream, &redis));
    let token = one.register("alice");
    let mut socket = open(&other, "/app", Some(&token));
    end(&one, "/api/logout/", &token);
    let took = until_cut(&mut socket);
    assert!(took < SOON, "{took:?}");
}

#[test]
fn a_gateway_that_is_told_to_stop_still_hears_of_a_logout_elsewhere() {
    let (upstream, redis) = (Upstream::answering(Script::WebSocket), RedisServer::start());
    let [one, mut other] = [(); 2].map(|()| on_redis(&upstream, &redis));
    let tokens = ["alice", "bob"].map(|name| one.register(name));
    let mut cut = open(&other, "/app", Some(&tokens[0]));
    let mut kept = open(&other, "/app", Some(&tokens[1]));
    other.terminate();
    end(&one, "/api/logout/", &tokens[0]);
    let took = until_cut(&mut cut);
    assert!(took < SOON, "{took:?}");
    assert!(is_open(&mut kept));
    drop(kept);
    assert_eq!(other.exit_code(), Some(0));
}

#[test]
fn a_websocket_is_cut_at_the_end_of_its_token_which_it_does_not_prolong() {
    let settings = "[tokens]\nlifetime = \"2s\"\nauto_refresh = true\n\
                    min_refresh_interval = \"0s\"\n";
    on_each_store(settings, |gateway| {
        let before = Instant::now();
        let token = gateway.register("alice");
        // Opening it is the last use.
        let mut socket = open(gateway, "/app", Some(&token));
        let opened = Instant::now();
        eventually("its end", || (!is_open(&mut socket)).then_some(()));
        let lifetime = Duration::from_secs(2);
        assert!(before.elapsed() >= lifetime, "{:?}", before.elapsed());
        assert!(opened.elapsed() < lifetime + SOON, "{:?}", opened.elapsed());
    });
}

#[test]
fn a_logout_cuts_an_answer_that_flows_so_that_its_client_sees_it_unfinished() {
    let (upstream, redis) = (Upstream::answering(Script::Dictated), RedisServer::start());
    let gateway = on_redis(&upstream, &redis);
    let token = gateway.register("alice");
    let mut events = open_events(&gateway, &upstream, &token);
    end(&gateway, "/api/logout/", &token);
    let ended = Instant::now();
    let error = events.chunk().expect_err("the end");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(ended.elapsed() < SOON, "{:?}", ended.elapsed());
}

#[test]
fn an_answer_that_flows_is_cut_at_the_end_of_its_token() {
    let upstream = Upstream::answering(Script::Dictated);
    let lifetime = "[tokens]\nlifetime = \"1s\"\n";
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + lifetime));
    let token = gateway.register("alice");
    let opened = Instant::now();
    let mut events = open_events(&gateway, &upstream, &token);
    let error = events.chunk().expect_err("the end");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(opened.elapsed() < Duration::from_secs(1) + SOON, "{:?}", opened.elapsed());
}

#[test]
fn while_redis_is_silent_a_websocket_is_cut() {
    let (upstream, redis) = (Upstream::answering(Script::WebSocket), RedisServer::start());
    let gateway = on_redis(&upstream, &redis);
    let token = gateway.register("alice");
    let mut socket = open(&gateway, "/app", Some(&token));
    let mut public = open(&gateway, "/public", None);
    redis.freeze();
    until_cut(&mut socket);
    assert!(is_open(&mut public));
    redis.thaw();
    // The token is as good as ever.
    eventually("the return", || open_websocket(&gateway, "/app", Some(&token)).ok());
}

#[test]
fn what_is_cut_is_counted_and_logged_without_a_secret() {
    let (upstream, redis) = (Upstream::answering(Script::WebSocket), RedisServer::start());
    let gateway = on_redis(&upstream, &redis);
    let token = gateway.register("alice");
    let mut socket = open(&gateway, "/app", Some(&token));
    assert!(gateway.meter("connections_ended_total") < 1.0);
    end(&gateway, "/api/logout/", &token);
    until_cut(&mut socket);
    eventually("the count", || (gateway.meter("connections_ended_total") >= 1.0).then_some(()));
    let line = eventually("the line", || {
        let log = gateway.log();
        log.lines().find(|line| line.contains("request cut off")).map(str::to_owned)
    });
    assert!(line.contains("alice") && line.contains("its token has ended"), "{line}");
    assert!(!gateway.log().contains(&token));
    eventually("nothing in flight", || (gateway.meter("requests_in_flight") < 1.0).then_some(()));
}

fn open_events(gateway: &Gateway, upstream: &Upstream, token: &str) -> Connection {
    let mut client = gateway.connect();
    client.send(Request::get("/app").token(token).bytes());
    client.head().unwrap();
    upstream.say("first");
    assert_eq!(client.chunk().unwrap(), b"first");
    client
}

fn end(gateway: &Gateway, endpoint: &str, token: &str) {
    assert_eq!(gateway.send(&Request::post(endpoint).token(token)).status, 204);
}
