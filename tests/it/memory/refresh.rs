//! Prolonging tokens that are in use, while they are checked from memory; and their end.

use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENT, on_each_store, on_redis};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

const REFRESHED: &str = "feed_timeout = \"2s\"
    [tokens]\nauto_refresh = true\nlifetime = \"1h\"\nmin_refresh_interval = \"1s\"\n";

#[test]
fn use_prolongs_a_token_in_memory() {
    on_each_store(REFRESHED, |gateway| {
        let token = gateway.register("alice");
        let first = end_of(gateway, "alice");
        eventually("a later end", || {
            assert_eq!(gateway.status_of(&token), 200);
            (end_of(gateway, "alice") > first).then_some(())
        });
    });
}

#[test]
fn however_often_a_token_is_used_it_is_written_once_an_interval() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, REFRESHED);
    let token = gateway.register("alice");
    let (start, before) = (Instant::now(), prolongations(&redis));
    eventually("two prolongations", || {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(gateway.status_of(&token), 200));
            }
        });
        (prolongations(&redis) >= before + 2).then_some(())
    });
    // The first second is the token's own.
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn a_token_in_memory_ends_at_its_end() {
    const LIFETIME: Duration = Duration::from_secs(2);
    let settings = format!("{PATIENT}[tokens]\nlifetime = \"2s\"\n");
    on_each_store(&settings, |gateway| {
        let before = Instant::now();
        let token = gateway.register("alice");
        let after = Instant::now();
        eventually("its end", || {
            let asked = Instant::now();
            match gateway.status_of(&token) {
                200 => assert!(asked < after + LIFETIME, "it was good after its end"),
                status => {
                    assert_eq!(status, 401);
                    assert!(before.elapsed() >= LIFETIME, "it was refused before its end");
                    return Some(());
                }
            }
            None
        });
    });
}

#[test]
fn the_end_of_a_token_in_memory_needs_no_store() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let settings = "feed_timeout = \"5s\"\n[tokens]\nlifetime = \"1s\"\n";
    let gateway = on_redis(&upstream, &redis, settings);
    let token = gateway.register("alice");
    assert_eq!(gateway.status_of(&token), 200);
    redis.freeze();
    let statuses = eventually("its end", || {
        let status = gateway.status_of(&token);
        (status != 200).then_some(status)
    });
    redis.thaw();
    assert_eq!(statuses, 401);
}

fn end_of(gateway: &Gateway, user: &str) -> String {
    let tokens = gateway.run(&["token", "list", user, "--json"]).done().json();
    tokens[0]["expires"].as_str().unwrap().to_owned()
}

/// How often an end was moved: each time, the user's list is told first.
fn prolongations(redis: &RedisServer) -> u64 {
    redis.calls("zadd")
}
