//! A store that is away while `store.outage_grace` lasts.

use super::{on_redis, remembered};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use std::thread::sleep;
use std::time::{Duration, Instant};

const GRACE: &str = "feed_timeout = \"1s\"\noutage_grace = \"3s\"\n";
/// Both together.
const BOTH: Duration = Duration::from_secs(4);

#[test]
fn what_is_in_memory_is_taken_within_the_grace_and_not_after_it() {
    for is_killed in [true, false] {
        let (upstream, mut redis) = (Upstream::start(), RedisServer::start());
        let gateway = on_redis(&upstream, &redis, GRACE);
        let token = remembered(&gateway, "alice");
        let other = gateway.login("alice");
        gateway.until_told();
        assert_eq!(gateway.status_of(&token), 200);
        let proved = Instant::now();
        if is_killed {
            redis.kill();
        } else {
            redis.freeze();
        }
        sleep(Duration::from_millis(1_500));
        assert_eq!(gateway.status_of(&token), 200, "killed: {is_killed}");
        assert_eq!(gateway.status_of(&other), 503, "it is not in memory");
        assert!(gateway.meter("store_outage_grace_hits_total") > 0.0);
        assert!(gateway.meter("feed_up") < 1.0);
        eventually("the end of the grace", || {
            let asked = Instant::now();
            let status = gateway.status_of(&token);
            assert!([200, 503].contains(&status), "{status}");
            assert!(status == 503 || asked < proved + BOTH, "taken for too long");
            (status == 503).then_some(())
        });
    }
}

#[test]
fn a_token_that_expires_within_the_grace_is_refused_for_that() {
    let (upstream, mut redis) = (Upstream::start(), RedisServer::start());
    let more = GRACE.replace("3s", "20s") + "[tokens]\nlifetime = \"3s\"\n";
    let gateway = on_redis(&upstream, &redis, &more);
    let token = remembered(&gateway, "alice");
    let known = Instant::now();
    redis.kill();
    assert_eq!(gateway.status_of(&token), 200);
    eventually("the end of the token", || {
        let status = gateway.status_of(&token);
        assert!([200, 401].contains(&status), "{status}");
        (status == 401).then_some(())
    });
    assert!(known.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_ends_here_within_the_grace_is_refused_at_once() {
    let (upstream, mut redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, &GRACE.replace("3s", "20s"));
    gateway.register("alice");
    let [one, two, three] = [(); 3].map(|()| gateway.login("alice"));
    for token in [&one, &two, &three] {
        assert_eq!(gateway.status_of(token), 200);
    }
    redis.kill();
    assert_eq!([&one, &two, &three].map(|token| gateway.status_of(token)), [200; 3]);
    let log_out = |path, token: &str| gateway.send(&Request::post(path).token(token)).status;
    assert_eq!(log_out("/api/logout/", &one), 503, "it is not done everywhere");
    assert_ne!(gateway.status_of(&one), 200);
    assert_eq!(gateway.status_of(&two), 200);
    assert_eq!(log_out("/api/logoutall/", &two), 503);
    assert_eq!([&two, &three].map(|token| gateway.status_of(token) == 200), [false; 2]);
}

#[test]
fn a_store_that_answers_is_believed_within_the_grace() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let [gateway, other] =
        [(); 2].map(|()| on_redis(&upstream, &redis, &GRACE.replace("3s", "20s")));
    let token = remembered(&gateway, "alice");
    redis.freeze();
    sleep(Duration::from_millis(1_500));
    assert_eq!(gateway.status_of(&token), 200);
    redis.thaw();
    eventually("a logout", || {
        let status = other.send(&Request::post("/api/logout/").token(&token)).status;
        (status == 204).then_some(())
    });
    eventually("the end elsewhere", || (gateway.status_of(&token) == 401).then_some(()));
}

#[test]
fn without_a_grace_an_outage_ends_all_trust() {
    let (upstream, mut redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, "");
    let token = remembered(&gateway, "alice");
    redis.kill();
    eventually("the loss", || (gateway.meter("feed_up") < 1.0).then_some(()));
    assert_eq!(gateway.status_of(&token), 503);
    assert_503_soon(&gateway, &token);
}

fn assert_503_soon(gateway: &Gateway, token: &str) {
    let asked = Instant::now();
    assert_eq!(gateway.status_of(token), 503);
    assert!(asked.elapsed() < Duration::from_secs(1));
}
