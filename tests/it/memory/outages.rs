//! A store that falls silent, breaks its feed, or is out of reach for one gateway alone.

use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENT, on_redis, remembered, until_refused};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;
use crate::harness::relay::Relay;
use crate::harness::upstream::Upstream;

/// `store.feed_timeout`, as it is by default.
const FEED_TIMEOUT: Duration = Duration::from_secs(1);

#[test]
fn a_feed_that_was_cut_comes_back_and_memory_with_it() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, PATIENT);
    let token = remembered(&gateway, "alice");
    assert_eq!(redis.cut_feeds(), 1);
    for _ in 0..10 {
        assert_eq!(gateway.status_of(&token), 200);
    }
    gateway.until_told();
    assert_eq!(gateway.status_of(&token), 200);
    let [hits, misses] = ["cache_hits_total", "cache_misses_total"].map(|name| gateway.meter(name));
    assert_eq!(gateway.status_of(&token), 200);
    assert!(gateway.meter("cache_hits_total") > hits);
    assert!(gateway.meter("cache_misses_total") <= misses);
    eventually("the warning", || gateway.log().contains("no revocation feed").then_some(()));
}

#[test]
fn a_silent_redis_is_told_to_the_operator() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, "feed_timeout = \"200ms\"\n");
    redis.freeze();
    eventually("the loss", || (gateway.meter("feed_up") < 1.0).then_some(()));
    eventually("the warning", || gateway.log().contains("no revocation feed").then_some(()));
    redis.thaw();
    eventually("the return", || (gateway.meter("feed_up") > 0.0).then_some(()));
}

#[test]
fn a_redis_that_does_not_permit_the_feed_serves_and_is_told_to_the_operator() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let rights = ["on", ">pass", "~*", "&*", "+@all", "-client|tracking"];
    redis.ask::<String>(&[&["ACL", "SETUSER", "gate"], rights.as_slice()].concat());
    let store = format!("[store]\nurl = \"redis://gate:pass@{}/0\"\n", redis.address());
    let gateway = Gateway::metered(&(upstream.settings() + ROUTES + &store));
    let token = gateway.register("alice");
    assert_eq!(gateway.status_of(&token), 200);
    assert!(gateway.meter("feed_up") < 1.0);
    eventually("the warning", || gateway.log().contains("no revocation feed").then_some(()));
    eventually("some attempts", || {
        let failed: u64 = redis.rejected_calls("client|tracking");
        (failed >= 3).then_some(())
    });
    assert_eq!(gateway.log().matches("no revocation feed").count(), 1);
}

#[test]
fn what_is_ended_while_the_feed_is_cut_is_seen() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let [one, other] = [(); 2].map(|()| on_redis(&upstream, &redis, ""));
    one.register("alice");
    for _ in 0..10 {
        let token = one.login("alice");
        assert_eq!(other.status_of(&token), 200);
        redis.cut_feeds();
        assert_eq!(one.send(&Request::post("/api/logout/").token(&token)).status, 204);
        assert_eq!(one.status_of(&token), 401);
        until_refused(&other, &token, 200);
        one.until_told();
        other.until_told();
        assert_eq!([&one, &other].map(|gateway| gateway.status_of(&token)), [401; 2]);
    }
}

#[test]
fn a_silent_redis_is_503_once_memory_is_not_trusted_any_more() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, "");
    let token = remembered(&gateway, "alice");
    let looked = Instant::now();
    let trust = FEED_TIMEOUT.saturating_sub(age(&gateway));
    redis.freeze();
    let frozen = Instant::now();
    eventually("the end of trust", || {
        let asked = Instant::now();
        let status = gateway.status_of(&token);
        if looked.elapsed() < trust {
            assert_eq!(status, 200);
        }
        if asked > frozen + FEED_TIMEOUT {
            assert_eq!(status, 503);
        }
        assert!([200, 503].contains(&status), "{status}");
        (asked > frozen + 2 * FEED_TIMEOUT).then_some(())
    });
    redis.thaw();
    eventually("the return", || {
        let status = gateway.status_of(&token);
        assert!([200, 503].contains(&status), "{status}");
        (status == 200).then_some(())
    });
}

#[test]
fn a_gateway_that_is_cut_off_takes_an_ended_token_for_no_longer_than_the_feed_may_be_silent() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let near = on_redis(&upstream, &redis, "");
    let (far, relay) = behind_a_relay(&upstream, &redis);
    let token = remembered(&near, "alice");
    assert_eq!(far.status_of(&token), 200);
    relay.fall_silent();
    let silent = Instant::now();
    assert_eq!(near.send(&Request::post("/api/logout/").token(&token)).status, 204);
    eventually("the end of trust", || {
        let asked = Instant::now();
        let status = far.status_of(&token);
        if asked > silent + FEED_TIMEOUT {
            assert_eq!(status, 503);
        }
        assert!([200, 503].contains(&status), "{status}");
        (asked > silent + 2 * FEED_TIMEOUT).then_some(())
    });
    relay.heal();
    until_refused(&far, &token, 503);
    far.until_told();
    assert_eq!(far.status_of(&token), 401);
    assert!(far.meter("feed_up") > 0.0);
}

#[test]
fn a_gateway_that_was_stopped_for_longer_than_the_feed_may_be_silent_wakes_up_to_the_truth() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let [one, other] = [(); 2].map(|()| on_redis(&upstream, &redis, ""));
    let token = remembered(&one, "alice");
    assert_eq!(other.status_of(&token), 200);
    other.freeze();
    assert_eq!(one.send(&Request::post("/api/logout/").token(&token)).status, 204);
    thread::sleep(FEED_TIMEOUT);
    let mut client = other.connect();
    client.send(Request::get("/app").token(&token).bytes());
    other.thaw();
    assert_eq!(client.answer().status, 401);
}

/// A gateway whose way to Redis can fall silent.
fn behind_a_relay(upstream: &Upstream, redis: &RedisServer) -> (Gateway, Relay) {
    let relay = Relay::to(redis.address());
    let store = format!("[store]\nurl = \"redis://{}/0\"\n", relay.address);
    let gateway = Gateway::metered(&(upstream.settings() + ROUTES + &store));
    gateway.until_told();
    (gateway, relay)
}

/// How long ago the feed proved that it is alive.
fn age(gateway: &Gateway) -> Duration {
    Duration::from_secs_f64(gateway.meter("feed_age_seconds"))
}
