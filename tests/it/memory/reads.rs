//! How rarely the store is asked.

use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENT, on_each_store, on_redis, remembered};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::http::{Connection, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

const UNKNOWN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn a_token_that_was_checked_is_not_asked_for_again() {
    on_each_store(PATIENT, |gateway| {
        let token = remembered(gateway, "alice");
        let before = counted(gateway);
        for _ in 0..20 {
            assert_eq!(gateway.status_of(&token), 200);
        }
        let after = counted(gateway);
        assert!(after.hits >= before.hits + 20.0, "{before:?} {after:?}");
        assert!(after.misses <= before.misses, "{before:?} {after:?}");
        gateway.until_told();
        assert!(gateway.meter("cache_bytes") > 0.0);
    });
}

#[test]
fn a_token_in_memory_costs_redis_nothing() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, PATIENT);
    let token = remembered(&gateway, "alice");
    let before = reads(&redis);
    for _ in 0..20 {
        assert_eq!(gateway.status_of(&token), 200);
    }
    assert_eq!(reads(&redis), before);
}

#[test]
fn without_memory_the_store_is_asked_each_time() {
    on_each_store("cache_size = 0\n", |gateway| {
        let token = gateway.register("alice");
        let before = counted(gateway);
        for _ in 0..20 {
            assert_eq!(gateway.status_of(&token), 200);
        }
        let after = counted(gateway);
        assert!(after.misses >= before.misses + 20.0, "{before:?} {after:?}");
        assert!(after.hits <= before.hits, "{before:?} {after:?}");
    });
}

#[test]
fn without_memory_redis_is_read_each_time() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, "cache_size = 0\n");
    let token = gateway.register("alice");
    let before = redis.calls("get");
    for _ in 0..20 {
        assert_eq!(gateway.status_of(&token), 200);
    }
    assert!(redis.calls("get") >= before + 20);
}

#[test]
fn two_hundred_first_uses_at_once_cost_one_read() {
    const USES: usize = 200;
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, PATIENT);
    gateway.register("alice");
    // A machine so busy that the requests take longer to arrive than the store may be silent proves
    // nothing: again, then.
    eventually("all of them in time", || {
        let token = gateway.login("alice");
        gateway.until_told();
        let before = redis.calls("get");
        let statuses = use_at_once(&gateway, &redis, &token, USES);
        let is_in_time = statuses.iter().all(|status| *status == 200);
        is_in_time.then(|| assert_eq!(redis.calls("get") - before, 1))
    });
}

/// Uses a token over many connections while Redis is silent, so that all of them wait for it.
fn use_at_once(gateway: &Gateway, redis: &RedisServer, token: &str, uses: usize) -> Vec<u16> {
    let mut clients: Vec<Connection> = (0..uses).map(|_| gateway.connect()).collect();
    let request = Request::get("/app").token(token).bytes();
    let all = f64::from(u32::try_from(uses).unwrap());
    redis.freeze();
    for client in &mut clients {
        client.send(&request);
    }
    let deadline = Instant::now() + Duration::from_millis(250);
    while gateway.meter("requests_in_flight") < all && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    redis.thaw();
    clients.iter_mut().map(|client| client.answer().status).collect()
}

#[test]
fn a_token_that_nobody_has_is_not_asked_for_again() {
    on_each_store(PATIENT, |gateway| {
        assert_eq!(gateway.status_of(UNKNOWN), 401);
        let before = counted(gateway);
        assert_eq!(gateway.status_of(UNKNOWN), 401);
        let after = counted(gateway);
        assert!(after.hits > before.hits && after.misses <= before.misses, "{after:?}");
    });
}

#[test]
fn a_new_token_is_good_at_once_while_unknown_ones_are_remembered() {
    on_each_store(PATIENT, |gateway| {
        gateway.register("alice");
        for _ in 0..10 {
            assert_eq!(gateway.status_of(UNKNOWN), 401);
            let token = gateway.login("alice");
            assert_eq!(gateway.status_of(&token), 200);
        }
        let created = gateway.run(&["token", "create", "alice"]).done().stdout;
        assert_eq!(gateway.status_of(created.trim()), 200);
    });
}

#[test]
fn a_token_that_is_written_after_it_was_refused_is_good() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, PATIENT);
    let token = remembered(&gateway, "alice");
    let keys: Vec<String> = redis.ask(&["KEYS", "authgate:token:*"]);
    redis.ask::<String>(&["RENAME", &keys[0], "away"]);
    gateway.until_told();
    for _ in 0..2 {
        assert_eq!(gateway.status_of(&token), 401);
    }
    redis.ask::<String>(&["RENAME", "away", &keys[0]]);
    gateway.until_told();
    assert_eq!(gateway.status_of(&token), 200);
}

#[test]
fn memory_has_a_bound_and_forgets_what_it_has_no_room_for() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, "cache_size = \"16KiB\"\nfeed_timeout = \"2s\"\n");
    gateway.register("alice");
    let tokens: Vec<String> = (0..200).map(|_| gateway.login("alice")).collect();
    for _ in 0..2 {
        for token in &tokens {
            assert_eq!(gateway.status_of(token), 200);
        }
    }
    gateway.until_told();
    assert!(gateway.meter("cache_evictions_total") > 0.0);
    assert!(gateway.meter("cache_bytes") <= 16384.0);
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    hits: f64,
    misses: f64,
}

fn counted(gateway: &Gateway) -> Counted {
    let [hits, misses] = ["cache_hits_total", "cache_misses_total"].map(|name| gateway.meter(name));
    Counted { hits, misses }
}

/// How often Redis was asked for a token or a user.
fn reads(redis: &RedisServer) -> u64 {
    redis.calls("get") + redis.calls("hgetall")
}
