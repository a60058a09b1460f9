//! Classes of requests, which routes name.

use super::{BEHIND_A_PROXY, address, from};
use crate::harness::gateway::Gateway;
use crate::harness::http::{Answer, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

/// Runs a test on a gateway before each of the stores, whose class `few` counts by this.
fn on_each_store(by: &str, test: impl Fn(&Gateway)) {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let routes = "[[routes]]\npath = \"/few\"\naccess = \"user\"\nupstream = \"app\"\n\
                  rate_class = \"few\"\n\
                  [[routes]]\npath = \"/public\"\naccess = \"public\"\nupstream = \"app\"\n\
                  rate_class = \"few\"\n\
                  [[routes]]\npath = \"/\"\naccess = \"user\"\nupstream = \"app\"\n";
    for store in [String::new(), redis.settings()] {
        let class =
            format!("\n[[limits.classes]]\nname = \"few\"\nrate = \"3/1h\"\nby = \"{by}\"\n");
        let settings = [&upstream.settings(), routes, BEHIND_A_PROXY, &store, &class];
        test(&Gateway::metered(&settings.concat()));
    }
}

fn get(gateway: &Gateway, path: &str, token: &str, host: u32) -> Answer {
    gateway.send(&from(&address(host), Request::get(path).token(token)))
}

fn statuses(gateway: &Gateway, path: &str, token: &str, hosts: &[u32]) -> Vec<u16> {
    hosts.iter().map(|host| get(gateway, path, token, *host).status).collect()
}

#[test]
fn a_users_requests_count_wherever_they_come_from() {
    on_each_store("user", |gateway| {
        let (alice, bob) = (gateway.register("alice"), gateway.register("bob"));
        assert_eq!(statuses(gateway, "/few", &alice, &[1, 2, 3, 4]), [200, 200, 200, 429]);
        assert_eq!(get(gateway, "/few/more", &gateway.login("alice"), 1).status, 429);
        assert_eq!(statuses(gateway, "/few", &bob, &[1]), [200]);
        assert_eq!(statuses(gateway, "/app", &alice, &[1]), [200]);
    });
}

#[test]
fn a_tokens_requests_count_by_themselves() {
    on_each_store("token", |gateway| {
        let (one, other) = (gateway.register("alice"), gateway.login("alice"));
        assert_eq!(statuses(gateway, "/few", &one, &[1, 2, 3, 4]), [200, 200, 200, 429]);
        assert_eq!(statuses(gateway, "/few", &other, &[1]), [200]);
    });
}

#[test]
fn requests_count_by_address() {
    on_each_store("address", |gateway| {
        let (alice, bob) = (gateway.register("alice"), gateway.register("bob"));
        assert_eq!(statuses(gateway, "/few", &alice, &[1, 1, 1, 1]), [200, 200, 200, 429]);
        assert_eq!(statuses(gateway, "/few", &bob, &[1, 2]), [429, 200]);
    });
}

#[test]
fn those_of_nobody_in_particular_count_by_address() {
    on_each_store("user", |gateway| {
        let get = |host| gateway.send(&from(&address(host), Request::get("/public"))).status;
        assert_eq!([1, 1, 1, 1, 2].map(get), [200, 200, 200, 429, 200]);
    });
}

#[test]
fn clients_are_told_how_their_rate_stands() {
    on_each_store("user", |gateway| {
        let alice = gateway.register("alice");
        for left in [2, 1, 0] {
            let answer = get(gateway, "/few", &alice, 1);
            assert_eq!(answer.header("RateLimit-Policy").as_deref(), Some("\"few\";q=3;w=3600"));
            let state = answer.header("RateLimit").unwrap();
            assert!(state.starts_with(&format!("\"few\";r={left};t=")), "{state}");
        }
        let refused = get(gateway, "/few", &alice, 1);
        assert!(refused.header("RateLimit").unwrap().starts_with("\"few\";r=0;t="));
        assert_eq!(refused.header("Cache-Control").as_deref(), Some("no-store"));
        assert_eq!(get(gateway, "/app", &alice, 1).header("RateLimit"), None);
    });
}

#[test]
fn while_the_store_is_away_a_gateway_counts_alone() {
    let (upstream, mut redis) = (Upstream::start(), RedisServer::start());
    let settings = upstream.settings()
        + "[[routes]]\npath = \"/public\"\naccess = \"public\"\nupstream = \"app\"\n\
           rate_class = \"few\"\n"
        + &redis.settings()
        + "\n[limits]\ngateways = 2\n\
           [[limits.classes]]\nname = \"few\"\nrate = \"6/1h\"\nby = \"address\"\n";
    let gateway = Gateway::metered(&settings);
    redis.kill();
    let statuses = (0..5).map(|_| gateway.send(&Request::get("/public")).status);
    assert_eq!(statuses.collect::<Vec<_>>(), [200, 200, 200, 429, 429]);
    assert!(gateway.meter("limiter_degraded_total") >= 4.0);
}
