//! Many tokens at once, and many logouts.

use super::{on_redis, until_refused};
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Request;
use crate::harness::is_long;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::{Script, Upstream};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn of_many_first_uses_at_once_each_is_told_as_its_own_user() {
    const USERS: usize = 50;
    let (upstream, redis) = (Upstream::answering(Script::WhoCalls), RedisServer::start());
    let settings = upstream.settings() + ROUTES + &redis.settings();
    let maker = Gateway::start(&settings);
    let tokens: Vec<_> =
        (0..USERS).map(|number| maker.register(&format!("user{number}"))).collect();
    let gateway = Gateway::metered(&settings);
    gateway.until_told();
    let is_told_apart = |number: usize| {
        let answer = gateway.send(&Request::get("/app").token(&tokens[number]));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["user"], format!("user{number}"));
    };
    thread::scope(|scope| {
        for turn in 0..4 * USERS {
            let is_told_apart = &is_told_apart;
            scope.spawn(move || is_told_apart(turn % USERS));
        }
    });
    // Nor are they mixed up in memory.
    (0..2 * USERS).for_each(|turn| is_told_apart(turn % USERS));
}

#[test]
fn however_often_one_logs_out_the_other_gateway_refuses_within_the_bound() {
    /// As long as the feed may be silent.
    const BOUND: Duration = Duration::from_secs(1);
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let [one, other] = [(); 2].map(|()| on_redis(&upstream, &redis, ""));
    one.register("alice");
    let mut longest = Duration::ZERO;
    for _ in 0..if is_long() { 1_000 } else { 30 } {
        let token = one.login("alice");
        assert_eq!([&one, &other].map(|gateway| gateway.status_of(&token)), [200; 2]);
        let logout = one.send(&Request::post("/api/logout/").token(&token));
        assert_eq!(logout.status, 204);
        let ended = Instant::now();
        until_refused(&other, &token, 200);
        longest = longest.max(ended.elapsed());
        assert_eq!(other.status_of(&token), 401);
    }
    println!("refused after {longest:?} at the latest");
    assert!(longest < BOUND, "{longest:?}");
}
