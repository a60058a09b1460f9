//! `authgate user ...`

use serde_json::{Value, json};

use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::{Answer, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

const INACTIVE: &str = r#"{"detail":"User inactive or deleted."}"#;

#[test]
fn a_created_user_can_log_in() {
    let gateway = Gateway::start("");
    create(&gateway, "alice", &[]);
    assert_eq!(gateway.try_login("alice").status, 200);
}

#[test]
fn a_user_can_be_created_where_registration_is_closed() {
    let gateway = Gateway::start("[registration]\nopen = false\n");
    create(&gateway, "alice", &[]);
    assert_eq!(gateway.try_login("alice").status, 200);
}

#[test]
fn a_user_created_as_staff_is_staff() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    create(&gateway, "alice", &["--staff"]);
    let token = gateway.login("alice");
    assert_eq!(gateway.send(&Request::get("/staff").token(&token)).status, 200);
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    let verb = ["user", "create", "alice", "--password-stdin"];
    let outcome = gateway.run_with_input(&verb, "another-Word-9\n");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("already exists"), "{outcome:?}");
    assert_eq!(gateway.try_login("alice").status, 200);
}

#[test]
fn a_name_that_nobody_may_have_is_refused() {
    let gateway = Gateway::start("");
    let verb = ["user", "create", "not a name", "--password-stdin"];
    let outcome = gateway.run_with_input(&verb, PASSWORD);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
}

#[test]
fn a_password_that_fails_the_checks_is_refused() {
    let gateway = Gateway::start("");
    let verb = ["user", "create", "alice", "--password-stdin"];
    let outcome = gateway.run_with_input(&verb, "12345\n");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("too short"), "{outcome:?}");
}

#[test]
fn show_tells_all_of_a_user_but_no_secret() {
    let gateway = Gateway::start("");
    create(&gateway, "alice", &["--email", "alice@example.com", "--staff"]);
    let outcome = gateway.run(&["user", "show", "alice", "--json"]).done();
    let user = outcome.json();
    assert_eq!(user["username"], "alice");
    assert_eq!(user["email"], "alice@example.com");
    assert_eq!((&user["is_active"], &user["is_staff"]), (&json!(true), &json!(true)));
    assert!(user["id"].is_u64() && user["joined"].is_string(), "{user}");
    assert!(!outcome.stdout.contains("argon2"), "{user}");
}

#[test]
fn show_of_nobody_is_refused() {
    let gateway = Gateway::start("");
    let outcome = gateway.run(&["user", "show", "nobody"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("nobody"), "{outcome:?}");
}

#[test]
fn list_names_every_user() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    gateway.register("Ünal");
    let listed = gateway.run(&["user", "list", "--json"]).done().json();
    let mut names: Vec<_> =
        listed.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["alice", "Ünal"]);
    let table = gateway.run(&["user", "list"]).done().stdout;
    assert!(table.contains("alice") && table.contains("Ünal"), "{table}");
}

#[test]
fn a_list_of_nobody_is_an_empty_list() {
    let gateway = Gateway::start("");
    assert_eq!(gateway.run(&["user", "list", "--json"]).done().json(), Value::Array(vec![]));
}

#[test]
fn the_next_request_of_a_deactivated_user_is_401() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    assert_eq!(app(&gateway, &token).status, 200);
    gateway.run(&["user", "deactivate", "alice"]).done();
    let answer = app(&gateway, &token);
    assert_eq!((answer.status, answer.text().as_str()), (401, INACTIVE));
}

#[test]
fn a_deactivated_user_cannot_log_in_until_activated() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    gateway.run(&["user", "deactivate", "alice"]).done();
    let deactivated = gateway.try_login("alice").status;
    gateway.run(&["user", "activate", "alice"]).done();
    assert_eq!((deactivated, gateway.try_login("alice").status), (400, 200));
}

#[test]
fn a_promotion_and_its_end_hold_from_the_next_request() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    gateway.register_staff("root");
    let token = gateway.register("alice");
    let staff = || gateway.send(&Request::get("/staff").token(&token)).status;
    let before = staff();
    gateway.run(&["user", "promote", "alice"]).done();
    let promoted = staff();
    gateway.run(&["user", "demote", "alice"]).done();
    // A demotion ends what was issued to the staff.
    assert_eq!((before, promoted, staff()), (403, 200, 401));
}

#[test]
fn a_new_password_replaces_the_old_one_and_ends_the_tokens() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let verb = ["user", "set-password", "alice", "--password-stdin"];
    gateway.run_with_input(&verb, "another-Word-9\n").done();
    let credentials = json!({ "username": "alice", "password": "another-Word-9" });
    let login = gateway.send(&Request::post("/api/login/").json(&credentials));
    assert_eq!((login.status, gateway.try_login("alice").status), (200, 400));
    assert_eq!(app(&gateway, &token).status, 401);
}

#[test]
fn a_deleted_user_is_gone_from_the_next_request() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    assert_eq!(app(&gateway, &token).status, 200);
    gateway.run(&["user", "delete", "alice"]).done();
    assert_eq!(app(&gateway, &token).status, 401);
    assert_eq!(gateway.try_login("alice").status, 400);
    assert_eq!(gateway.run(&["user", "show", "alice"]).code, Some(1));
}

#[test]
fn the_last_operator_stays_and_it_is_said_what_to_do() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    create(&gateway, "root", &["--staff"]);
    for verb in ["deactivate", "demote", "delete"] {
        let refused = gateway.run(&["user", verb, "root"]);
        assert_eq!(refused.code, Some(1), "{verb}");
        assert!(refused.says("root is the last active staff user: make another one first"));
        gateway.run(&["user", verb, "alice"]).done();
    }
    create(&gateway, "other", &["--staff"]);
    gateway.run(&["user", "deactivate", "other"]).done();
    // One who may not sign in is no other.
    assert_eq!(gateway.run(&["user", "demote", "root"]).code, Some(1));
    gateway.run(&["user", "activate", "other"]).done();
    gateway.run(&["user", "demote", "root"]).done();
}

#[test]
fn a_verb_for_nobody_is_refused() {
    let gateway = Gateway::start("");
    for verb in [
        "activate",
        "deactivate",
        "promote",
        "demote",
        "must-change",
        "reset-totp",
        "sign-out",
        "delete",
    ] {
        assert_eq!(gateway.run(&["user", verb, "nobody"]).code, Some(1), "{verb}");
    }
}

#[test]
fn a_gateway_on_redis_obeys_too() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let store = format!("[store]\nurl = \"{}\"\n", redis.url());
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + &store));
    create(&gateway, "alice", &[]);
    let token = gateway.login("alice");
    assert_eq!(app(&gateway, &token).status, 200);
    gateway.run(&["user", "deactivate", "alice"]).done();
    let refused = eventually("the refusal", || {
        Some(app(&gateway, &token)).filter(|answer| answer.status != 200)
    });
    assert_eq!((refused.status, refused.text().as_str()), (401, INACTIVE));
}

fn create(gateway: &Gateway, name: &str, options: &[&str]) {
    let verb = [&["user", "create", name, "--password-stdin"], options].concat();
    gateway.run_with_input(&verb, &format!("{PASSWORD}\n")).done();
}

fn app(gateway: &Gateway, token: &str) -> Answer {
    gateway.send(&Request::get("/app").token(token))
}
