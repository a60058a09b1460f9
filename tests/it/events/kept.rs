//! What is kept, whatever happens to the gateway and its store.

use super::{events, kept, log_out, names};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::redis_server::RedisServer;

/// The stream of what users do, in Redis.
const USERS: &str = "authgate:events:{users}";

#[test]
fn events_survive_a_restart_on_each_store() {
    let redis = RedisServer::start();
    for store in [String::new(), redis.settings()] {
        let mut gateway = Gateway::start(&store);
        log_out(&gateway, &gateway.register("alice"));
        gateway.run(&["user", "promote", "alice"]).done();
        let before = [kept(&gateway, "logged_out"), kept(&gateway, "staff_granted")];
        gateway.restart();
        assert_eq!([kept(&gateway, "logged_out"), kept(&gateway, "staff_granted")], before);
    }
}

#[test]
fn events_wait_for_a_store_that_does_not_take_them() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    refuse_events(&redis);
    log_out(&gateway, &gateway.register("alice"));
    eventually("the warning", || gateway.log().contains("events wait").then_some(()));
    log_out(&gateway, &gateway.login("alice"));
    redis.ask::<u64>(&["DEL", USERS]);
    eventually("both", || (events(&gateway, &["--name", "logged_out"]).len() == 2).then_some(()));
    assert_eq!(gateway.log().matches("events wait").count(), 1);
}

#[test]
fn what_waits_is_kept_when_the_gateway_stops() {
    let redis = RedisServer::start();
    let mut gateway = Gateway::start(&redis.settings());
    refuse_events(&redis);
    log_out(&gateway, &gateway.register("alice"));
    eventually("the warning", || gateway.log().contains("events wait").then_some(()));
    redis.ask::<u64>(&["DEL", USERS]);
    gateway.terminate();
    assert_eq!(gateway.exit_code(), Some(0));
    assert_eq!(events(&gateway, &["--name", "logged_out"]).len(), 1);
}

#[test]
fn a_gateway_stops_though_its_store_takes_no_events_and_says_so() {
    let redis = RedisServer::start();
    let mut gateway = Gateway::start(&redis.settings());
    refuse_events(&redis);
    log_out(&gateway, &gateway.register("alice"));
    gateway.terminate();
    assert_eq!(gateway.exit_code(), Some(0));
    assert!(gateway.log().contains("the last events are not kept in the store"));
}

#[test]
fn an_operators_act_counts_though_its_event_is_not_kept() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    gateway.register("alice");
    redis.ask::<String>(&["SET", "authgate:events:{operators}", "spoilt"]);
    let outcome = gateway.run(&["user", "promote", "alice"]).done();
    assert_eq!(outcome.stdout, "alice is staff\n");
    assert!(outcome.stderr.contains("the last events are not kept"), "{outcome:?}");
    let shown = gateway.run(&["user", "show", "alice", "--json"]).done().json();
    assert_eq!(shown["is_staff"], true);
}

#[test]
fn more_than_the_bound_is_not_kept() {
    let gateway = Gateway::start("[events]\nmax = 2\n");
    gateway.register("alice");
    for verb in ["promote", "demote", "deactivate", "activate"] {
        gateway.run(&["user", verb, "alice"]).done();
    }
    let operators = |name: &String| !name.starts_with("login") && name != "registered";
    let left: Vec<_> = names(&gateway).into_iter().filter(operators).collect();
    assert_eq!(left, ["user_deactivated", "user_activated"]);
}

#[test]
fn with_a_bound_of_none_events_are_in_the_log_alone() {
    let mut gateway = Gateway::start("");
    let token = gateway.register("alice");
    gateway.configure("[events]\nmax = 0\n");
    gateway.hang_up();
    eventually("the reload", || gateway.log().contains("settings read again").then_some(()));
    log_out(&gateway, &token);
    gateway.run(&["user", "promote", "alice"]).done();
    gateway.terminate();
    assert_eq!(gateway.exit_code(), Some(0));
    assert!(gateway.log().contains("logged_out"));
    let names = names(&gateway);
    let later = ["logged_out", "staff_granted"].map(str::to_owned);
    assert!(later.iter().all(|name| !names.contains(name)), "{names:?}");
}

/// Lets the store refuse events of users, and nothing else.
fn refuse_events(redis: &RedisServer) {
    redis.ask::<String>(&["SET", USERS, "spoilt"]);
}
