//! What operators are told of a store that does not do as it should.

use super::until_metered;
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::redis_server::RedisServer;
use crate::harness::relay::Relay;
use crate::harness::upstream::Upstream;
use std::time::{Duration, Instant};

fn on(redis: &str) -> (Upstream, Gateway) {
    let upstream = Upstream::start();
    let gateway = Gateway::metered(&(upstream.settings() + ROUTES + redis));
    (upstream, gateway)
}

/// Waits for the gateway to look after its store, which it does once a second.
fn until_looked_at_twice() {
    std::thread::sleep(Duration::from_millis(2_500));
}

/// Lines of the log with this word.
fn lines(gateway: &Gateway, word: &str) -> usize {
    gateway.log().lines().filter(|line| line.contains(word)).count()
}

#[test]
fn a_silent_store_is_counted_and_told_once_a_second_and_so_is_its_return() {
    let redis = RedisServer::start();
    let (_upstream, gateway) = on(&redis.settings());
    let token = gateway.register("alice");
    until_metered(&gateway, "store_up", |up| up > 0.0);
    let begun = Instant::now();
    redis.freeze();
    until_metered(&gateway, "breaker_state", |open| open > 0.0);
    until_metered(&gateway, "store_up", |up| up < 1.0);
    eventually("an answer", || (gateway.status_of(&token) == 503).then_some(()));
    for _ in 0..30 {
        let asked = Instant::now();
        assert_eq!(gateway.status_of(&token), 503);
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    }
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 2;
    let told = lines(&gateway, "store_timeout");
    assert!((1..=seconds).contains(&told), "{told} lines in {seconds} s");
    assert!(gateway.meter("store_errors_total{kind=\"timeout\"}") > 29.0);
    redis.thaw();
    until_metered(&gateway, "store_up", |up| up > 0.0);
    until_metered(&gateway, "breaker_state", |open| open < 1.0);
    assert_eq!(gateway.status_of(&token), 200);
    assert!(gateway.meter("store_latency_seconds_count") > 30.0);
}

#[test]
fn a_store_that_is_down_and_one_that_takes_no_writes_are_told_apart() {
    let mut redis = RedisServer::start();
    let (_upstream, gateway) = on(&redis.settings());
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(gateway.try_register("alice").status, 503);
    eventually("the refusal", || {
        let log = gateway.log();
        let line = log.lines().find(|line| line.contains("store_write_refused"))?;
        line.contains("memory").then_some(())
    });
    assert!(gateway.meter("store_errors_total{kind=\"write_refused\"}") > 0.0);
    assert_eq!(lines(&gateway, "store_unavailable"), 0);
    until_metered(&gateway, "store_up", |up| up > 0.0);
    redis.kill();
    eventually("the loss", || (lines(&gateway, "store_unavailable") > 0).then_some(()));
    until_metered(&gateway, "store_up", |up| up < 1.0);
    redis.restart();
    until_metered(&gateway, "store_up", |up| up > 0.0);
}

#[test]
fn a_slow_store_is_503_within_a_second() {
    let redis = RedisServer::start();
    let relay = Relay::to(redis.address());
    let settings = format!("[store]\nurl = \"redis://{}/0\"\ncache_size = 0\n", relay.address);
    let (_upstream, gateway) = on(&settings);
    let token = gateway.register("alice");
    assert_eq!(gateway.status_of(&token), 200);
    relay.slow_down(Duration::from_millis(400));
    for _ in 0..5 {
        let asked = Instant::now();
        assert_eq!(gateway.status_of(&token), 503);
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    }
    relay.slow_down(Duration::ZERO);
    eventually("the return", || (gateway.status_of(&token) == 200).then_some(()));
}

#[test]
fn what_may_be_lost_is_told_when_redis_comes_back_so_and_when_it_is_well_again() {
    let mut redis = RedisServer::start();
    let (_upstream, gateway) = on(&redis.settings());
    until_metered(&gateway, "store_warnings", |number| number < 1.0);
    redis.kill();
    redis.set_argument("--maxmemory-policy", "allkeys-lru");
    until_looked_at_twice();
    redis.restart();
    until_metered(&gateway, "store_warnings", |number| number > 0.0);
    eventually("the warning", || (lines(&gateway, "allkeys-lru") == 1).then_some(()));
    redis.kill();
    redis.set_argument("--maxmemory-policy", "noeviction");
    until_looked_at_twice();
    redis.restart();
    until_metered(&gateway, "store_warnings", |number| number < 1.0);
    eventually("its end", || gateway.log().contains("no longer: maxmemory-policy").then_some(()));
}

#[test]
fn the_clock_of_redis_is_compared() {
    let redis = RedisServer::start();
    let (_upstream, gateway) = on(&redis.settings());
    let skew = gateway.meter("clock_skew_seconds");
    assert!(skew.abs() < 1.0, "{skew}");
    assert!(!gateway.log().contains("clocks of this machine"));
}
