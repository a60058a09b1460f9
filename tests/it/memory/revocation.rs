//! What ends a token is seen, whoever has it in memory.

use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{PATIENT, on_each_store, on_redis, remembered, until_refused};
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use crate::harness::{eventually, folder};

const ENDPOINTS: [&str; 2] = ["/api/logout/", "/api/logoutall/"];

#[test]
fn the_request_after_a_logout_is_refused() {
    on_each_store(PATIENT, |gateway| {
        gateway.register("alice");
        for round in 0..40 {
            let token = gateway.login("alice");
            for _ in 0..2 {
                assert_eq!(gateway.status_of(&token), 200);
            }
            end(gateway, ENDPOINTS[round % 2], &token);
            assert_eq!(gateway.status_of(&token), 401, "round {round}");
        }
    });
}

#[test]
fn no_request_after_a_logout_passes_however_many_race_with_it() {
    on_each_store(PATIENT, race_with_logouts);
}

#[test]
fn no_request_after_a_logout_passes_though_those_that_race_with_it_prolong_the_token() {
    let refresh = "[tokens]\nauto_refresh = true\nmin_refresh_interval = \"0s\"\n";
    on_each_store(&format!("{PATIENT}{refresh}"), race_with_logouts);
}

fn race_with_logouts(gateway: &Gateway) {
    gateway.register("alice");
    for round in 0..20 {
        let token = gateway.login("alice");
        let is_over = AtomicBool::new(false);
        let insist = || loop {
            let was_over = is_over.load(Ordering::SeqCst);
            let status = gateway.status_of(&token);
            assert!(status == 401 || status == 200 && !was_over, "{status} in round {round}");
            if was_over {
                return;
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(insist);
            }
            end(gateway, ENDPOINTS[round % 2], &token);
            is_over.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn what_ends_a_token_at_one_gateway_ends_it_at_the_other() {
    let (upstream, redis, folder) = (Upstream::start(), RedisServer::start(), folder());
    let file = folder.path().join("shared.db");
    let sqlite = format!("[store]\nurl = \"sqlite:{}\"\n", file.display());
    for store in [redis.settings(), sqlite] {
        let settings = upstream.settings() + ROUTES + &store + PATIENT;
        let [one, other] = [(); 2].map(|()| Gateway::metered(&settings));
        for (name, endpoint) in [("alice", ENDPOINTS[0]), ("bob", ENDPOINTS[1])] {
            let token = remembered(&one, name);
            eventually("an answer from the other's memory", || {
                let before = other.meter("cache_hits_total");
                assert_eq!(other.status_of(&token), 200);
                (other.meter("cache_hits_total") > before).then_some(())
            });
            end(&one, endpoint, &token);
            until_refused_for_good(&other, &token);
        }
    }
}

#[test]
fn a_new_login_that_drives_out_the_oldest_token_is_seen_at_both_gateways() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let limited = format!("{PATIENT}[tokens]\nlimit_per_user = 1\non_limit = \"evict-oldest\"\n");
    let [one, other] = [(); 2].map(|()| on_redis(&upstream, &redis, &limited));
    let token = remembered(&one, "alice");
    assert_eq!(other.status_of(&token), 200);
    let next = one.login("alice");
    assert_eq!(one.status_of(&token), 401);
    until_refused_for_good(&other, &token);
    assert_eq!(other.status_of(&next), 200);
}

#[test]
fn what_an_operator_ends_is_seen() {
    on_each_store(PATIENT, |gateway| {
        let verbs: [&[&str]; 6] = [
            &["token", "revoke"],
            &["token", "revoke-all"],
            &["user", "deactivate"],
            &["user", "promote"],
            &["user", "demote"],
            &["user", "delete"],
        ];
        gateway.register_staff("root");
        for (number, verb) in verbs.into_iter().enumerate() {
            let name = format!("user{number}");
            let mut token = remembered(gateway, &name);
            if verb[1] == "demote" {
                gateway.run(&["user", "promote", &name]).done();
                token = gateway.login(&name);
                gateway.until_told();
                assert_eq!(gateway.status_of(&token), 200);
            }
            let whom = if verb[1] == "revoke" { &token } else { &name };
            gateway.run(&[verb, &[whom]].concat()).done();
            until_refused_for_good(gateway, &token);
        }
    });
}

#[test]
fn a_password_that_an_operator_sets_ends_the_tokens_in_memory() {
    on_each_store(PATIENT, |gateway| {
        let token = remembered(gateway, "alice");
        let verb = ["user", "set-password", "alice", "--password-stdin"];
        gateway.run_with_input(&verb, &format!("{PASSWORD}-other\n")).done();
        until_refused_for_good(gateway, &token);
    });
}

#[test]
fn a_password_that_its_owner_changes_ends_the_other_tokens_at_both_gateways() {
    let (upstream, redis, folder) = (Upstream::start(), RedisServer::start(), folder());
    let file = folder.path().join("shared.db");
    let sqlite = format!("[store]\nurl = \"sqlite:{}\"\n", file.display());
    for store in [redis.settings(), sqlite] {
        let service = "[passwords]\nself_service = true\n";
        let settings = upstream.settings() + ROUTES + &store + PATIENT + service;
        let [one, other] = [(); 2].map(|()| Gateway::metered(&settings));
        let used = remembered(&one, "alice");
        let ended = one.login("alice");
        for token in [&used, &ended] {
            assert_eq!((one.status_of(token), other.status_of(token)), (200, 200));
        }
        let passwords = json!({ "old_password": PASSWORD, "new_password": "quite-another-1" });
        let request = Request::post("/api/password/change/").token(&used).json(&passwords);
        // It never fails its client, not while the change goes on either.
        let is_over = AtomicBool::new(false);
        let insist = |gateway: &Gateway| {
            while !is_over.load(Ordering::SeqCst) {
                assert_eq!(gateway.status_of(&used), 200, "{store}");
            }
        };
        thread::scope(|scope| {
            for gateway in [&one, &other] {
                scope.spawn(|| insist(gateway));
            }
            assert_eq!(one.send(&request).status, 204);
            assert_eq!((one.status_of(&used), one.status_of(&ended)), (200, 401));
            until_refused_for_good(&other, &ended);
            is_over.store(true, Ordering::SeqCst);
        });
        assert_eq!(other.status_of(&used), 200);
    }
}

#[test]
fn a_promotion_is_seen_by_whoever_has_the_user_in_memory() {
    on_each_store(PATIENT, |gateway| {
        let token = remembered(gateway, "alice");
        let request = Request::get("/staff").token(&token);
        assert_eq!(gateway.send(&request).status, 403);
        gateway.run(&["user", "promote", "alice"]).done();
        until_refused(gateway, &token, 200);
        let token = gateway.login("alice");
        let request = Request::get("/staff").token(&token);
        eventually("the right", || (gateway.send(&request).status == 200).then_some(()));
    });
}

#[test]
fn when_redis_loses_everything_so_does_memory() {
    for command in ["FLUSHALL", "FLUSHDB"] {
        let (upstream, redis) = (Upstream::start(), RedisServer::start());
        let gateway = on_redis(&upstream, &redis, PATIENT);
        let tokens = ["alice", "bob"].map(|name| remembered(&gateway, name));
        redis.ask::<String>(&[command]);
        for token in &tokens {
            until_refused_for_good(&gateway, token);
        }
    }
}

fn end(gateway: &Gateway, endpoint: &str, token: &str) {
    assert_eq!(gateway.send(&Request::post(endpoint).token(token)).status, 204);
}

/// Waits until the token is refused; nothing but 200 may come before, and nothing but 401 after.
fn until_refused_for_good(gateway: &Gateway, token: &str) {
    until_refused(gateway, token, 200);
    for _ in 0..10 {
        assert_eq!(gateway.status_of(token), 401);
    }
}
