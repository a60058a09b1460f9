//! Tokens that were ended although the store could not write it, or has lost it since.

use super::{on_redis, remembered, until_refused};
use crate::console::{Browser, api, make_operator};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Request;
use crate::harness::redis_sentinels::RedisSentinels;
use crate::harness::redis_server::RedisServer;
use crate::harness::relay::Relay;
use crate::harness::upstream::Upstream;
use std::thread;
use std::time::{Duration, Instant};

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
        thread::sleep(Duration::from_millis(1_200));
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

/// All that a server holds at a moment, to have it back: as when another takes over that has not heard
/// of what came after.
pub(crate) struct Snapshot(Vec<(String, Vec<u8>)>);

impl Snapshot {
    pub(crate) fn of(redis: &RedisServer) -> Self {
        let keys: Vec<String> = redis.ask(&["KEYS", "*"]);
        Self(keys.into_iter().map(|key| (key.clone(), redis.ask(&["DUMP", &key]))).collect())
    }

    pub(crate) fn take_over(&self, redis: &RedisServer) {
        let mut connection = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
        let mut all = redis::pipe();
        all.atomic().cmd("FLUSHALL").ignore();
        for (key, value) in &self.0 {
            all.cmd("RESTORE").arg(key).arg(0).arg(value).ignore();
        }
        all.query::<()>(&mut connection).unwrap();
        redis.cut_feeds();
    }
}

#[test]
fn a_session_and_a_key_that_ended_before_a_failover_stay_ended() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let [one, other] = [(); 2].map(|()| on_redis(&upstream, &redis, ""));
    make_operator(&one, "root");
    let mut browser = Browser::signed_in(&one, "ada");
    let cookie = browser.cookie().unwrap().to_owned();
    let mut elsewhere = Browser::of(&other);
    elsewhere.show(&cookie);
    let [key, roots] = ["ada", "root"].map(|name| api::key(&one, name, &[]));
    assert!(browser.is_in() && elsewhere.is_in());
    let before = Snapshot::of(&redis);
    let id = one.run(&["key", "list", "ada", "--json"]).done().json()[0]["id"].clone();
    let path = format!("/admin/account/keys/{}/revoke/", id.as_str().unwrap());
    browser.get(&path);
    assert_eq!(browser.post(&path, &[]).status, 302);
    browser.get("/admin/account/");
    assert_eq!(browser.post("/admin/logout/", &[]).status, 302);
    before.take_over(&redis);
    for _ in 0..20 {
        browser.show(&cookie);
        assert!(!browser.is_in());
        assert_eq!(api::get(&one, &key, "/key").status, 401);
        assert_eq!(api::get(&one, &roots, "/key").status, 200);
    }
    eventually("the end of the key elsewhere", || {
        (api::get(&other, &key, "/key").status == 401).then_some(())
    });
    eventually("the end of the session elsewhere", || {
        elsewhere.show(&cookie);
        (!elsewhere.is_in()).then_some(())
    });
}

#[test]
fn who_was_deleted_before_a_failover_is_deleted_again() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let [one, other] = [(); 2].map(|()| on_redis(&upstream, &redis, ""));
    make_operator(&one, "root");
    let key = api::key(&one, "root", &[]);
    let token = remembered(&one, "alice");
    let before = Snapshot::of(&redis);
    let id = one.run(&["user", "show", "alice", "--json"]).done().json()["id"].to_string();
    let path = format!("/users/{id}");
    assert_eq!(api::send(&one, &key, ("DELETE", &path), &serde_json::json!({})).status, 204);
    before.take_over(&redis);
    assert_eq!(one.status_of(&token), 401);
    eventually("the refusal", || (other.try_login("alice").status == 400).then_some(()));
    assert_eq!(other.status_of(&token), 401);
    let again = eventually("the name", || {
        let answer = other.try_register("alice");
        (answer.status != 400).then_some(answer)
    });
    let token = again.json()["token"].as_str().unwrap().to_owned();
    thread::sleep(Duration::from_millis(2_200));
    assert_eq!([&one, &other].map(|gateway| gateway.status_of(&token)), [200; 2]);
}

#[test]
fn who_signs_in_before_an_earlier_end_is_written_stays_in() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, "");
    make_operator(&gateway, "ada");
    for _ in 0..3 {
        let token = gateway.login("ada");
        refuse_writes(&redis, true);
        assert_eq!(log_out(&gateway, "/api/logoutall/", &token), 503);
        refuse_writes(&redis, false);
        let mut browser = Browser::of(&gateway);
        browser.sign_in("ada");
        assert!(browser.is_in());
        thread::sleep(Duration::from_millis(1_200));
        assert!(browser.is_in());
    }
}

#[test]
fn many_ends_that_could_not_be_written_are_written_side_by_side() {
    const TOKENS: usize = 200;
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let line = Relay::to(redis.address());
    let settings = upstream.settings() + ROUTES;
    let far = settings.clone() + &format!("[store]\nurl = \"redis://{}/0\"\n", line.address);
    let [far, near] = [far, settings + &redis.settings()].map(|text| Gateway::metered(&text));
    far.register("alice");
    let tokens: Vec<_> = (0..TOKENS).map(|_| near.login("alice")).collect();
    refuse_writes(&redis, true);
    for token in &tokens {
        assert_eq!(log_out(&far, "/api/logout/", token), 503);
    }
    line.slow_down(Duration::from_millis(20));
    refuse_writes(&redis, false);
    let begun = Instant::now();
    eventually("the end of all", || (near.status_of(&tokens[TOKENS - 1]) == 401).then_some(()));
    for token in &tokens {
        eventually("the end", || (near.status_of(token) == 401).then_some(()));
    }
    // One after the other they would take as long as 200 × 3 answers of 40 ms at least.
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
}

#[test]
fn what_no_replica_has_yet_keeps_nothing_else_from_being_ended_again() {
    const TOKENS: usize = 150;
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    // Nobody follows this server, as none may follow a new primary for some seconds.
    let [one, other] = ["replicas = 1\n", ""].map(|more| on_redis(&upstream, &redis, more));
    other.register("alice");
    let tokens: Vec<_> = (0..TOKENS).map(|_| other.login("alice")).collect();
    let before = Snapshot::of(&redis);
    thread::scope(|scope| {
        for token in &tokens {
            scope.spawn(|| assert_eq!(log_out(&one, "/api/logout/", token), 503));
        }
    });
    before.take_over(&redis);
    for token in &tokens {
        eventually("the refusal", || (other.status_of(token) == 401).then_some(()));
    }
}

#[test]
fn a_registration_that_the_store_loses_at_once_is_not_told_to_be_the_users_fault() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let line = Relay::to(redis.address());
    let store = format!("[store]\nurl = \"redis://{}/0\"\n", line.address);
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + &store));
    line.slow_down(Duration::from_millis(30));
    let status = thread::scope(|scope| {
        let registration = scope.spawn(|| gateway.try_register("alice").status);
        eventually("the user", || {
            redis.ask::<bool>(&["EXISTS", "authgate:name:{alice}"]).then_some(())
        });
        redis.ask::<()>(&["DEL", "authgate:user:{1}"]);
        registration.join().unwrap()
    });
    assert_eq!(status, 503);
}

#[test]
fn a_logout_that_a_locked_file_could_not_take_holds_here_at_once() {
    let upstream = Upstream::start();
    let gateway = Gateway::metered(&(upstream.settings() + ROUTES));
    gateway.until_told();
    let tokens = ["alice", "bob"].map(|name| remembered(&gateway, name));
    let file = rusqlite::Connection::open(gateway.folder().join("authgate.db")).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    for (path, token) in ["/api/logout/", "/api/logoutall/"].into_iter().zip(&tokens) {
        assert_eq!(log_out(&gateway, path, token), 503);
        assert_eq!(gateway.status_of(token), 401, "{path}");
    }
    file.execute_batch("ROLLBACK").unwrap();
}
