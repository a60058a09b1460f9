//! A store that is not there when the gateway starts, or does not let it in.

use std::time::Instant;

use serde_json::json;

use super::judge::judge;
use super::stage::Asked;
use super::table::{Kind, STORE_DOWN};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::{Connection, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

#[test]
fn a_store_that_is_down_at_the_start_lets_nobody_in_until_it_is_up() {
    let (upstream, mut redis) = (Upstream::start(), RedisServer::stopped());
    let gateway = on(&upstream, &redis.url());
    lets_nobody_in(&gateway, &upstream);
    redis.restart();
    eventually("readiness", || (readiness(&gateway) == 200).then_some(()));
    let token = gateway.register("alice");
    assert_eq!(gateway.status_of(&token), 200);
}

#[test]
fn a_redis_with_another_password_lets_nobody_in_and_the_log_says_why_without_it() {
    let (upstream, redis) =
        (Upstream::start(), RedisServer::start_with(&["--requirepass", "other"]));
    let gateway = on(&upstream, &format!("redis://:hunter2@{}/0", redis.address()));
    lets_nobody_in(&gateway, &upstream);
    let log = gateway.log();
    assert!(log.contains("the user or the password in its address is wrong"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn a_redis_that_permits_no_reading_lets_nobody_in_and_the_log_says_what_it_forbids() {
    let upstream = Upstream::start();
    let user = ["--user", "weak", "on", ">hunter2", "~*", "&*", "+@all", "-@read"];
    let redis = RedisServer::start_with(&user);
    let gateway = on(&upstream, &format!("redis://weak:hunter2@{}/0", redis.address()));
    lets_nobody_in(&gateway, &upstream);
    let log = gateway.log();
    assert!(log.contains("may not do this"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

fn on(upstream: &Upstream, url: &str) -> Gateway {
    Gateway::metered(&format!("{}{ROUTES}[store]\nurl = \"{url}\"\n", upstream.settings()))
}

fn readiness(gateway: &Gateway) -> u16 {
    Connection::open(gateway.ops()).send(Request::get("/readyz").bytes()).answer().status
}

/// Nobody who says who they are; public pages are served.
fn lets_nobody_in(gateway: &Gateway, upstream: &Upstream) {
    let account = json!({ "username": "alice", "password": PASSWORD });
    let token = "0".repeat(64);
    for (kind, request) in [
        (Kind::Public, Request::get("/public")),
        (Kind::Fresh, Request::get("/app").token(&token)),
        (Kind::Login, Request::post("/api/login/").json(&account)),
        (Kind::Register, Request::post("/api/register/").json(&account)),
        (Kind::Logout, Request::post("/api/logout/").token(&token)),
    ] {
        upstream.take();
        let start = Instant::now();
        let answer = gateway.connect().send(request.bytes()).try_answer();
        let asked = Asked { answer, reached: upstream.take(), took: start.elapsed() };
        judge(kind, STORE_DOWN.cell(kind), &asked).unwrap();
    }
    assert_eq!(readiness(gateway), 503);
}
