//! What is told, and in which words.

use serde_json::{Value, json};

use super::{events, kept, log_out, log_out_everywhere, names};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::Request;

const JSON: &str = "[log]\nformat = \"json\"\n";

#[test]
fn a_logout_is_kept_with_its_user_its_token_and_its_address() {
    let gateway = Gateway::start("");
    let token = gateway.register("alice");
    let listed = gateway.run(&["token", "list", "alice", "--json"]).done().json();
    log_out(&gateway, &token);
    let mut event = kept(&gateway, "logged_out");
    let moment = event.as_object_mut().unwrap().remove("timestamp").unwrap();
    assert!(moment.as_str().unwrap().ends_with('Z'), "{moment}");
    let expected = json!({
        "event": "logged_out", "user": "alice", "user_id": 1, "address": "127.0.0.1",
        "actor": "client", "operator": null, "detail": listed[0]["id"],
    });
    assert_eq!(event, expected);
}

#[test]
fn logging_out_everywhere_is_one_event() {
    let gateway = Gateway::start("");
    let tokens = [gateway.register("alice"), gateway.login("alice")];
    log_out_everywhere(&gateway, &tokens[0]);
    let event = kept(&gateway, "logged_out_everywhere");
    assert_eq!((&event["user"], &event["detail"]), (&json!("alice"), &Value::Null));
    assert_eq!(events(&gateway, &["--name", "logged_out"]), Vec::<Value>::new());
}

#[test]
fn the_address_is_the_clients_behind_a_trusted_proxy() {
    let gateway = Gateway::start("[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n");
    let token = gateway.register("alice");
    let request = Request::post("/api/logout/").token(&token);
    gateway.send(&request.with("X-Forwarded-For", "203.0.113.9, 2001:db8::7"));
    assert_eq!(kept(&gateway, "logged_out")["address"], "2001:db8::7");
}

#[test]
fn a_registration_a_login_and_a_failure_are_kept_with_their_user_and_address() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    gateway.login("alice");
    guess(&gateway, "alice");
    for name in ["registered", "login_succeeded", "login_failed"] {
        let event = kept(&gateway, name);
        assert_eq!((&event["user"], &event["user_id"]), (&json!("alice"), &json!(1)), "{event}");
        assert_eq!((&event["address"], &event["detail"]), (&json!("127.0.0.1"), &Value::Null));
    }
}

#[test]
fn a_failure_tells_why_but_no_name_that_nobody_has() {
    let gateway = Gateway::start("");
    guess(&gateway, "hunter2");
    let event = kept(&gateway, "login_failed");
    assert_eq!((&event["user"], &event["user_id"]), (&Value::Null, &Value::Null));
    assert_eq!(event["detail"], "nobody has that name");
    gateway.register("alice");
    gateway.run(&["user", "deactivate", "alice"]).done();
    assert_eq!(gateway.try_login("alice").status, 400);
    let failures = || events(&gateway, &["--name", "login_failed", "--user", "alice"]).pop();
    let event = eventually("the second failure", failures);
    assert_eq!(event["detail"], "the user is locked out");
}

#[test]
fn a_limit_is_told_when_it_is_reached_and_when_an_operator_lifts_it() {
    let limits = "[limits]\nlogin_failures_per_account_and_network = \"2/10m\"\n";
    let gateway = Gateway::start(limits);
    for _ in 0..3 {
        guess(&gateway, "hunter2");
    }
    let event = kept(&gateway, "limit_reached");
    assert_eq!((&event["actor"], &event["address"]), (&json!("client"), &json!("127.0.0.1")));
    let detail = event["detail"].as_str().unwrap();
    assert!(detail.starts_with("login_failures_per_account_and_network/"), "{detail}");
    assert!(!gateway.log().contains("hunter2"));
    gateway.run(&["limits", "clear", "--all"]).done();
    let event = kept(&gateway, "limits_cleared");
    assert_eq!((&event["actor"], &event["detail"]), (&json!("command_line"), &json!("all")));
}

#[test]
fn whatever_an_operator_does_is_kept() {
    let gateway = Gateway::start("");
    let password = format!("{PASSWORD}\n");
    let with_password = |verb: &[&str]| gateway.run_with_input(verb, &password).done();
    with_password(&["user", "create", "root", "--staff", "--password-stdin"]);
    with_password(&["user", "create", "ada", "--staff", "--password-stdin"]);
    with_password(&["user", "set-password", "ada", "--password-stdin"]);
    let created = gateway.run(&["token", "create", "ada", "--json"]).done().json();
    gateway.run(&["token", "revoke", created["id"].as_str().unwrap()]).done();
    let other = gateway.run(&["token", "create", "ada"]).done().stdout;
    gateway.run(&["token", "revoke", other.trim()]).done();
    gateway.run(&["token", "revoke-all", "ada"]).done();
    for verb in ["demote", "promote", "deactivate", "activate", "delete"] {
        gateway.run(&["user", verb, "ada"]).done();
    }
    let expected = [
        ("user_created", json!("staff")),
        ("password_changed", Value::Null),
        ("token_created", created["id"].clone()),
        ("token_revoked", created["id"].clone()),
        ("token_created", Value::Null),
        ("token_revoked", Value::Null),
        ("tokens_revoked", Value::Null),
        ("staff_withdrawn", Value::Null),
        ("staff_granted", Value::Null),
        ("user_deactivated", Value::Null),
        ("user_activated", Value::Null),
        ("user_deleted", Value::Null),
    ];
    let found = events(&gateway, &["--actor", "command_line", "--user", "ada"]);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (event, (name, detail)) in found.iter().zip(expected) {
        assert_eq!((&event["event"], &event["user"]), (&json!(name), &json!("ada")));
        assert_eq!((&event["actor"], &event["address"]), (&json!("command_line"), &Value::Null));
        assert!(detail.is_null() || event["detail"] == detail, "{event}");
    }
    assert!(found.iter().all(|event| !event.to_string().contains(other.trim())));
    // A token that was named by itself is told by its id, like any other.
    assert_eq!(found[5]["detail"], found[4]["detail"]);
}

#[test]
fn what_is_refused_is_no_event() {
    let gateway = Gateway::start("");
    let outcomes = [
        gateway.run(&["user", "promote", "nobody"]),
        gateway.run(&["token", "revoke", "1-0000000000000000"]),
        gateway.run_with_input(&["user", "create", "ada", "--password-stdin"], "12345678\n"),
    ];
    assert!(outcomes.iter().all(|outcome| outcome.code == Some(1)), "{outcomes:?}");
    assert_eq!(names(&gateway), Vec::<String>::new());
}

#[test]
fn an_event_is_one_line_of_the_log() {
    let gateway = Gateway::start(JSON);
    let token = gateway.register("Иван");
    log_out(&gateway, &token);
    let line = eventually("the line", || lines(&gateway).into_iter().find(is("logged_out")));
    let shown = kept(&gateway, "logged_out");
    for field in ["event", "user", "user_id", "address", "actor", "detail"] {
        assert_eq!(line[field], shown[field], "{field}");
    }
    assert_eq!((&line["target"], &line["level"]), (&json!("authgate::event"), &json!("INFO")));
    assert_eq!(lines(&gateway).iter().filter(|line| is("logged_out")(line)).count(), 1);
}

#[test]
fn what_strangers_type_makes_no_line_and_is_in_no_event() {
    let gateway = Gateway::start(JSON);
    let forged =
        "x\r\n{\"event\":\"user_deleted\",\"target\":\"authgate::event\"}\u{2028}\u{1b}[31m";
    for name in ["hunter2-is-my-password", "hunter2.A-good-name", forged] {
        let credentials = json!({ "username": name, "password": "hunter2" });
        gateway.send(&Request::post("/api/login/").json(&credentials));
        gateway.send(&Request::post("/api/login/").body(credentials.to_string()));
    }
    let token = gateway.register("alice");
    log_out(&gateway, &token);
    kept(&gateway, "logged_out");
    // In full, though not in order: each line is an object.
    assert!(lines(&gateway).iter().all(|line| !is("user_deleted")(line)));
    assert!(!gateway.log().contains("hunter2"), "{}", gateway.log());
    assert!(!Value::from(events(&gateway, &[])).to_string().contains("hunter2"));
}

#[test]
fn no_secret_is_in_an_event() {
    let gateway = Gateway::start(JSON);
    let tokens = [gateway.register("alice"), gateway.login("alice"), gateway.login("alice")];
    log_out(&gateway, &tokens[0]);
    log_out_everywhere(&gateway, &tokens[1]);
    kept(&gateway, "logged_out_everywhere");
    let said = gateway.log() + &Value::from(events(&gateway, &[])).to_string();
    for secret in tokens.iter().map(String::as_str).chain([PASSWORD, "$argon2"]) {
        assert!(!said.contains(secret), "{said}");
    }
}

fn guess(gateway: &Gateway, name: &str) {
    let credentials = json!({ "username": name, "password": "a wrong one" });
    gateway.send(&Request::post("/api/login/").json(&credentials));
}

/// The lines of the log, each of which must be an object.
fn lines(gateway: &Gateway) -> Vec<Value> {
    let log = gateway.log();
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn is(name: &str) -> impl Fn(&Value) -> bool {
    move |line| line["event"] == name
}
