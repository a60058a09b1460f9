//! What is kept apart in memory: facts of a token, never a verdict.

use super::{PATIENT, on_redis, remembered};
use crate::harness::gateway::{Gateway, route};
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

#[test]
fn a_token_in_memory_is_judged_by_each_route_and_each_host_anew() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let on = |host: &str, access| route("/", access) + &format!("host = \"{host}\"\n");
    let routes = on("users.test", "user") + &on("staff.test", "staff") + &on("open.test", "public");
    let settings = redis.settings() + PATIENT + &upstream.settings() + &routes;
    let gateway = Gateway::metered(&settings);
    let (user, staff) = (gateway.register("alice"), gateway.register_staff("sam"));
    let status = |host: &str, token: &str| {
        gateway.send(&Request::get("/").with("Host", host).token(token)).status
    };
    for _ in 0..3 {
        assert_eq!(status("users.test", &user), 200);
        assert_eq!(status("staff.test", &user), 403);
        assert_eq!(status("staff.test", &staff), 200);
        assert_eq!(status("open.test", &user), 200);
        assert_eq!(status("other.test", &user), 404);
    }
}

#[test]
fn a_token_that_differs_in_one_character_is_another_token() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = on_redis(&upstream, &redis, PATIENT);
    let token = remembered(&gateway, "alice");
    for at in [0, 31, 32, 63] {
        let mut other: Vec<char> = token.chars().collect();
        other[at] = if other[at] == '0' { '1' } else { '0' };
        let other: String = other.into_iter().collect();
        for _ in 0..2 {
            assert_eq!(gateway.status_of(&other), 401);
            assert_eq!(gateway.status_of(&token), 200);
        }
    }
}
