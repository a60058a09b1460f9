//! `POST /api/password/change/`

use super::on_each_store;
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::{Answer, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const ON: &str = "[passwords]\nself_service = true\n";
const NEW: &str = "another-long-secret";

#[test]
fn an_owner_changes_their_password_and_keeps_the_token_that_was_used() {
    on_each_store(ON, |gateway| {
        let [used, other] = [gateway.register("ada"), gateway.login("ada")];
        let answer = change(gateway, &used, PASSWORD, NEW);
        assert_eq!((answer.status, answer.text().as_str()), (204, ""));
        assert_eq!(answer.header("allow").as_deref(), Some("POST, OPTIONS"));
        assert_eq!((gateway.status_of(&used), gateway.status_of(&other)), (200, 401));
        assert_eq!(gateway.try_login("ada").status, 400);
        assert_eq!(log_in(gateway, "ada", NEW).status, 200);
        // The token that was kept is a token like any other.
        let back = change(gateway, &used, NEW, PASSWORD);
        assert_eq!((back.status, gateway.status_of(&used)), (204, 200));
        assert_eq!(gateway.send(&Request::post("/api/logout/").token(&used)).status, 204);
        assert_eq!(gateway.status_of(&used), 401);
    });
}

#[test]
fn a_change_of_which_no_replica_heard_ends_no_token_that_was_used() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let settings = upstream.settings() + ROUTES + &redis.settings() + "replicas = 1\n" + ON;
    let [gateway, other] = [(); 2].map(|()| Gateway::start(&settings));
    let used = gateway.register("ada");
    assert_eq!((gateway.status_of(&used), other.status_of(&used)), (200, 200));
    let answer = change(&gateway, &used, PASSWORD, NEW);
    assert_eq!(answer.status, 503);
    // It may have been done: whoever asks again knows by which of the two they come in.
    for _ in 0..20 {
        assert_eq!((gateway.status_of(&used), other.status_of(&used)), (200, 200));
    }
}

#[test]
fn a_token_that_was_used_stays_though_its_own_key_takes_no_writes() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let settings = upstream.settings() + ROUTES + &redis.settings() + ON;
    let [gateway, other] = [(); 2].map(|()| Gateway::start(&settings));
    let (used, ended) = (gateway.register("ada"), gateway.login("ada"));
    for token in [&used, &ended] {
        assert_eq!((gateway.status_of(token), other.status_of(token)), (200, 200));
    }
    // As in a Cluster, where it may be on another server than its user.
    let keys = ["resetkeys", "%R~authgate:token:*", "~authgate:[^t]*", "~authgate:tokens:*"];
    redis.ask::<()>(&[&["ACL", "SETUSER", "default"][..], &keys].concat());
    assert_eq!(change(&gateway, &used, PASSWORD, NEW).status, 204);
    for _ in 0..20 {
        assert_eq!((gateway.status_of(&used), other.status_of(&used)), (200, 200));
        assert_eq!(gateway.status_of(&ended), 401);
    }
    assert_eq!(Gateway::start(&settings).status_of(&used), 200);
}

#[test]
fn a_wrong_old_password_is_told_and_changes_nothing() {
    on_each_store(ON, |gateway| {
        let [used, other] = [gateway.register("ada"), gateway.login("ada")];
        for wrong in [NEW.to_owned(), format!("{PASSWORD} "), "x".repeat(5000)] {
            let words = "Your old password was entered incorrectly. Please enter it again.";
            let answer = change(gateway, &used, &wrong, NEW);
            assert_eq!((answer.status, answer.json()), (400, json!({ "old_password": [words] })));
        }
        assert_eq!((gateway.status_of(&used), gateway.status_of(&other)), (200, 200));
        assert_eq!(gateway.try_login("ada").status, 200);
    });
}

#[test]
fn a_wrong_old_password_counts_as_a_failed_login() {
    let limits = "[limits]\nlogin_failures_per_account_and_network = \"3/10m\"\n";
    on_each_store(&format!("{ON}{limits}"), |gateway| {
        let used = gateway.register("ada");
        for _ in 0..3 {
            assert_eq!(change(gateway, &used, "wrong", NEW).status, 400);
        }
        for old in ["wrong", PASSWORD] {
            let answer = change(gateway, &used, old, NEW);
            assert_eq!(answer.status, 429);
            assert!(answer.header("retry-after").is_some());
        }
        assert_eq!(gateway.try_login("ada").status, 429);
        assert_eq!(gateway.status_of(&used), 200);
    });
}

#[test]
fn a_new_password_is_an_event_without_the_password() {
    let gateway = gateway(&format!("{ON}[log]\nformat = \"json\"\n"));
    let used = gateway.register("ada");
    assert_eq!(change(&gateway, &used, PASSWORD, NEW).status, 204);
    let log = eventually("the event", || {
        let log = gateway.log();
        log.contains("password_changed").then_some(log)
    });
    let line = log.lines().find(|line| line.contains("password_changed")).unwrap();
    assert!(line.contains("\"user\":\"ada\"") && line.contains("127."), "{line}");
    assert!(!log.contains(PASSWORD) && !log.contains(NEW) && !log.contains(&used));
}

#[test]
fn a_weak_new_password_is_told_in_djangos_words() {
    let gateway = gateway(ON);
    let used = gateway.register("robertson");
    for (weak, words) in [
        ("robertson", "The password is too similar to the username."),
        ("password1", "This password is too common."),
        ("83729105", "This password is entirely numeric."),
        ("xkq#7", "This password is too short. It must contain at least 8 characters."),
    ] {
        let answer = change(&gateway, &used, PASSWORD, weak);
        assert_eq!((answer.status, answer.json()), (400, json!({ "new_password": [words] })));
    }
    assert_eq!(gateway.try_login("robertson").status, 200);
}

#[test]
fn what_is_wrong_with_the_fields_is_told_at_once() {
    let gateway = gateway(ON);
    let used = gateway.register("ada");
    for (body, [old, new]) in [
        (json!({}), ["This field is required."; 2]),
        (json!({ "old_password": "", "new_password": " " }), ["This field may not be blank."; 2]),
        (json!({ "old_password": null, "new_password": null }), ["This field may not be null."; 2]),
        (json!({ "old_password": [], "new_password": {} }), ["Not a valid string."; 2]),
        (
            json!({ "old_password": "a\0", "new_password": "b\0" }),
            ["Null characters are not allowed."; 2],
        ),
    ] {
        let answer = ask(&gateway, &used, &body);
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.json(),
            json!({ "old_password": [old], "new_password": [new] }),
            "{body}"
        );
    }
    let long = "Ensure this field has no more than 128 characters.";
    let answer = change(&gateway, &used, PASSWORD, &"x7".repeat(65));
    assert_eq!((answer.status, answer.json()), (400, json!({ "new_password": [long] })));
}

#[test]
fn a_change_is_refused_as_the_other_endpoints_refuse() {
    let gateway = gateway(ON);
    let used = gateway.register("ada");
    let path = "/api/password/change/";
    let status = |request: Request| gateway.send(&request).status;
    for method in ["GET", "POST", "OPTIONS"] {
        assert_eq!(status(Request::new(method, path)), 401, "{method}");
        assert_eq!(status(Request::new(method, path).token("unknown")), 401, "{method}");
    }
    assert_eq!(status(Request::new("PUT", path).token(&used)), 405);
    let text = Request::post(path).token(&used).with("Content-Type", "text/plain").body("x");
    assert_eq!(status(text), 415);
    let answer = gateway.send(&Request::new("OPTIONS", path).token(&used));
    assert_eq!((answer.status, &answer.json()["name"]), (200, &json!("Change Password")));
}

#[test]
fn a_form_changes_a_password_too_with_and_without_the_slash() {
    let gateway = gateway(ON);
    let used = gateway.register("ada");
    let form = format!("old_password={PASSWORD}&new_password={NEW}");
    let request = Request::post("/api/password/change")
        .token(&used)
        .with("Content-Type", "application/x-www-form-urlencoded")
        .body(form);
    assert_eq!(gateway.send(&request).status, 204);
    assert_eq!(log_in(&gateway, "ada", NEW).status, 200);
}

#[test]
fn unless_it_is_asked_for_the_path_is_the_apps() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let used = gateway.register("ada");
    let passwords = json!({ "old_password": PASSWORD, "new_password": NEW });
    assert_eq!(ask(&gateway, &used, &passwords).status, 200);
    assert_eq!(upstream.only_request().target(), "/api/password/change/");
    assert_eq!(gateway.try_login("ada").status, 200);
    gateway.configure(&(upstream.settings() + ROUTES + ON));
    gateway.hang_up();
    eventually("the endpoint", || (ask(&gateway, &used, &json!({})).status == 400).then_some(()));
}

#[test]
fn a_login_that_races_with_a_new_password_leaves_no_good_token() {
    // The many logins are not guesses.
    on_each_store(&format!("{ON}[limits]\nenabled = false\n"), |gateway| {
        gateway.register("ada");
        let mut passwords = [PASSWORD, NEW];
        for _ in 0..6 {
            let [old, new] = passwords;
            let used = log_in(gateway, "ada", old).json()["token"].as_str().unwrap().to_owned();
            let tokens = race(gateway, &used, passwords);
            for token in tokens {
                assert_eq!(gateway.status_of(&token), 401, "a token by the old password");
            }
            assert_eq!(gateway.status_of(&used), 200);
            assert_eq!(log_in(gateway, "ada", old).status, 400);
            assert_eq!(log_in(gateway, "ada", new).status, 200);
            passwords.reverse();
        }
    });
}

/// Logs in by the old password until it is changed; the tokens that came of it.
fn race(gateway: &Gateway, used: &str, [old, new]: [&str; 2]) -> Vec<String> {
    let is_over = AtomicBool::new(false);
    let insist = || {
        let mut tokens = Vec::new();
        loop {
            let was_over = is_over.load(Ordering::SeqCst);
            let answer = log_in(gateway, "ada", old);
            match answer.status {
                200 => {
                    assert!(!was_over, "the old password works after the change");
                    tokens.push(answer.json()["token"].as_str().unwrap().to_owned());
                }
                status => assert_eq!(status, 400),
            }
            if was_over {
                return tokens;
            }
        }
    };
    thread::scope(|scope| {
        let logins = [(); 3].map(|()| scope.spawn(insist));
        let answer = change(gateway, used, old, new);
        is_over.store(true, Ordering::SeqCst);
        assert_eq!(answer.status, 204);
        logins.into_iter().flat_map(|login| login.join().unwrap()).collect()
    })
}

#[test]
fn of_two_changes_at_once_one_is_made() {
    on_each_store(ON, |gateway| {
        let tokens = [gateway.register("ada"), gateway.login("ada"), gateway.login("ada")];
        let numbers = [0, 1, 2];
        let statuses = thread::scope(|scope| {
            let change = |number: usize| {
                let token = &tokens[number];
                move || change(gateway, token, PASSWORD, &format!("{NEW}-{number}")).status
            };
            numbers.map(|number| scope.spawn(change(number))).map(|one| one.join().unwrap())
        });
        let made: Vec<_> = numbers.into_iter().filter(|number| statuses[*number] == 204).collect();
        let [winner] = made[..] else { panic!("{statuses:?}") };
        assert_eq!(log_in(gateway, "ada", &format!("{NEW}-{winner}")).status, 200);
        assert_eq!(
            tokens.map(|token| gateway.status_of(&token) == 200),
            numbers.map(|n| n == winner)
        );
    });
}

fn gateway(settings: &str) -> Gateway {
    Gateway::start(settings)
}

fn change(gateway: &Gateway, token: &str, old: &str, new: &str) -> Answer {
    ask(gateway, token, &json!({ "old_password": old, "new_password": new }))
}

fn ask(gateway: &Gateway, token: &str, body: &Value) -> Answer {
    gateway.send(&Request::post("/api/password/change/").token(token).json(body))
}

fn log_in(gateway: &Gateway, name: &str, password: &str) -> Answer {
    let credentials = json!({ "username": name, "password": password });
    gateway.send(&Request::post("/api/login/").json(&credentials))
}
