//! Tokens that were ended although the store could not write it, or has lost it since.

use super::{on_redis, remembered, until_refused};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Request;
use crate::harness::redis_sentinels::RedisSentinels;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

fn refuse_writes(redis: &RedisServer, refuse: bool) {
    let replicas = if refuse { "1" } else { "0" };
    redis.ask::<()>(&["CONFIG", "SET", "min-replicas-to-write", replicas]);
}

fn log_out(gateway: &Gateway, path: &str, token: &str) -> u16 {
    gateway.send(&Request::post(path).token(token)).status
}

#[test]
fn a_logout_that_could_not_be_written_holds_here_at_once_and_everywhere_later() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let [one, other] = [(); 2].map(|()| on_redis(&upstream, &redis, ""));
    let token = remembered(&one, "alice");
    let everywhere = [one.login("alice"), one.login("alice")];
    refuse_writes(&redis, true);
    assert_eq!(log_out(&one, "/api/logout/", &token), 503, "it is not done");
    assert_eq!(one.status_of(&token), 401);
    assert_eq!(other.status_of(&token), 200, "who was not told cannot know");
    assert_eq!(log_out(&one, "/api/logoutall/", &everywhere[0]), 503);
    assert_eq!(everywhere.each_ref().map(|token| one.status_of(token)), [401; 2]);
    refuse_writes(&redis, false);
    until_refused(&other, &token, 200);
    until_refused(&other, &everywhere[1], 200);
    assert!(one.meter("tombstones_replayed_total") > 1.5);
}

#[test]
fn who_logs_in_before_an_earlier_logout_is_written_stays_in() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, "");
    for name in ["alice", "bob", "carol"] {
        let token = remembered(&gateway, name);
        refuse_writes(&redis, true);
        assert_eq!(log_out(&gateway, "/api/logoutall/", &token), 503);
        refuse_writes(&redis, false);
        let token = gateway.login(name);
        let before = gateway.meter("tombstones_replayed_total");
        assert_eq!(gateway.status_of(&token), 200);
        std::thread::sleep(std::time::Duration::from_millis(1_200));
        assert!(gateway.meter("tombstones_replayed_total") <= before);
        assert_eq!(gateway.status_of(&token), 200);
    }
}

#[test]
fn a_logout_that_the_next_primary_has_not_heard_of_holds() {
    let upstream = Upstream::start();
    let mut redis = RedisSentinels::start(1, 3);
    let settings = upstream.settings() + ROUTES + &redis.settings();
    let [one, other] = [(); 2].map(|()| Gateway::metered(&settings));
    let (token, more) = (one.register("alice"), one.register("bob"));
    assert_eq!([&token, &more].map(|token| other.status_of(token)), [200; 2]);
    redis.wait_until_replicas_have_all();
    redis.servers[1].kill();
    assert_eq!(log_out(&one, "/api/logout/", &token), 204);
    assert_eq!(log_out(&one, "/api/logoutall/", &more), 204);
    redis.servers[0].kill();
    redis.servers[1].restart();
    eventually("the next primary", || (redis.primary() == 1).then_some(()));
    for token in [&token, &more] {
        assert_ne!(one.status_of(token), 200);
        eventually("the refusal", || (other.status_of(token) == 401).then_some(()));
        assert_eq!(one.status_of(token), 401);
    }
    eventually("the replay", || (one.meter("tombstones_replayed_total") >= 2.0).then_some(()));
}

#[test]
fn a_logout_is_done_once_as_many_replicas_have_it_as_are_wanted() {
    let (upstream, redis) = (Upstream::start(), RedisSentinels::start(1, 1));
    let settings = upstream.settings() + ROUTES + &redis.settings() + "replicas = 1\n";
    let gateway = Gateway::metered(&settings);
    let (token, more) = (gateway.register("alice"), gateway.register("bob"));
    redis.wait_until_replicas_have_all();
    assert_eq!(log_out(&gateway, "/api/logout/", &token), 204);
    redis.servers[1].freeze();
    assert_eq!(log_out(&gateway, "/api/logoutall/", &more), 503);
    assert_eq!(gateway.status_of(&more), 401);
    redis.servers[1].thaw();
    let last = gateway.register("carol");
    eventually("a logout", || (log_out(&gateway, "/api/logout/", &last) == 204).then_some(()));
}
