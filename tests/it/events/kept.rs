//! What is kept, whatever happens to the gateway and its store.

use super::{events, kept, log_out, names};
use crate::harness::accounts::{accounts, create};
use crate::harness::gateway::Gateway;
use crate::harness::redis_server::RedisServer;
use crate::harness::{eventually, folder};
use authgate::auth::Proved;
use authgate::clock::{Clock, ManualClock, SystemClock};
use authgate::model::identity::Identity;
use authgate::store::EventQuery;
use authgate::store::redis::RedisStore;
use authgate::store::sqlite::SqliteStore;
use std::sync::Arc;
use std::time::Duration;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trail_that_cannot_be_kept_holds_up_no_other() {
    let redis = RedisServer::start();
    let store = Arc::new(RedisStore::open(&redis.url()).unwrap());
    let auth = accounts(store, Arc::new(SystemClock));
    redis.ask::<String>(&["SET", "authgate:events:{operators}", "spoilt"]);
    // More than are written at once.
    for number in 0..300 {
        auth.clear_limits(None, Some([192, 0, 2, 1].into()), Proved::command_line()).await.unwrap();
        if number % 100 == 0 {
            auth.until_kept().await;
        }
    }
    let ada = create(&auth, "ada").await;
    auth.logout_all(&Identity::of(&ada), [127, 0, 0, 1].into()).await.unwrap();
    for _ in 0..3 {
        auth.until_kept().await;
    }
    assert_eq!(redis.ask::<u64>(&["XLEN", USERS]), 1);
    redis.ask::<u64>(&["DEL", "authgate:events:{operators}"]);
    auth.until_kept().await;
    assert_eq!(redis.ask::<u64>(&["XLEN", "authgate:events:{operators}"]), 301);
    assert_eq!(redis.ask::<u64>(&["XLEN", USERS]), 1);
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
    assert_eq!(outcome.stdout, "alice is staff; all their tokens have ended\n");
    assert!(outcome.stderr.contains("the last events are not kept"), "{outcome:?}");
    let shown = gateway.run(&["user", "show", "alice", "--json"]).done().json();
    assert_eq!(shown["is_staff"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_once_they_are_as_old_as_the_settings_say() {
    let folder = folder();
    let store = Arc::new(SqliteStore::open(&folder.path().join("authgate.db")).unwrap());
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let auth = accounts(store, Arc::clone(&clock) as Arc<dyn Clock>);
    let query = EventQuery::newest(10);
    let day = Duration::from_hours(24);
    for (name, days_later, left) in [("a", 0, 1), ("b", 89, 2), ("c", 2, 2), ("d", 91, 1)] {
        clock.advance(day * days_later);
        create(&auth, name).await;
        auth.until_kept().await;
        auth.sweep().await.unwrap();
        assert_eq!(auth.events(&query).await.unwrap().len(), left, "{name}");
    }
}

#[test]
fn more_than_the_bound_is_not_kept() {
    let gateway = Gateway::start("[events]\nmax = 2\n");
    gateway.register_staff("root");
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
