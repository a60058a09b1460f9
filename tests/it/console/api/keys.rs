//! API keys: how they are made, what they hold on, and how they end.

use super::super::{Browser, between};
use super::{get, key, make_operator, send, with_key};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use serde_json::{Value, json};

fn keys_of(gateway: &Gateway, owner: &str) -> Value {
    gateway.run(&["key", "list", owner, "--json"]).done().json()
}

#[test]
fn a_key_tells_what_it_is() {
    let (gateway, key) = with_key();
    let told = get(&gateway, &key, "/key").json();
    assert_eq!((&told["owner"], &told["name"]), (&json!("ada"), &json!("test")));
    assert!(told["rights"].as_array().unwrap().contains(&json!("users:write")));
}

#[test]
fn a_key_that_nobody_has_is_refused() {
    let (gateway, key) = with_key();
    for other in
        ["agk_", "agk_0123", &key[..key.len() - 1], &key.to_uppercase().replace("AGK", "agk")]
    {
        assert_eq!(get(&gateway, other, "/users").status, 401, "{other}");
    }
}

#[test]
fn guesses_are_limited_as_unknown_tokens_are() {
    let gateway = Gateway::start("[limits]\nunknown_tokens_per_network = \"3/1h\"");
    let guesses = (0..5).map(|_| get(&gateway, "agk_0123", "/users"));
    let answers: Vec<_> = guesses.collect();
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    assert!(answers[4].header("Retry-After").is_some());
}

#[test]
fn a_key_ends_with_its_time() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "ada");
    let verb = ["key", "create", "ada", "short", "--all-rights", "--lifetime", "2s"];
    let key = gateway.run(&verb).done().stdout.trim().to_owned();
    assert_eq!(get(&gateway, &key, "/key").status, 200);
    eventually("the end of the key", || (get(&gateway, &key, "/key").status == 401).then_some(()));
}

#[test]
fn a_key_dies_at_once_with_its_owners_right_and_stays_dead() {
    for (end, again) in [("demote", "promote"), ("deactivate", "activate")] {
        let gateway = Gateway::start("");
        make_operator(&gateway, "root");
        make_operator(&gateway, "ada");
        let key = key(&gateway, "ada", &[]);
        assert_eq!(get(&gateway, &key, "/key").status, 200);
        gateway.run(&["user", end, "ada"]).done();
        assert_eq!(get(&gateway, &key, "/key").status, 401, "{end}");
        gateway.run(&["user", again, "ada"]).done();
        assert_eq!(get(&gateway, &key, "/key").status, 401, "{again}");
    }
    let gateway = Gateway::start("");
    make_operator(&gateway, "root");
    make_operator(&gateway, "ada");
    let key = key(&gateway, "ada", &[]);
    gateway.run(&["user", "delete", "ada"]).done();
    assert_eq!(get(&gateway, &key, "/key").status, 401);
}

#[test]
fn a_right_that_is_lost_unseen_does_not_bring_keys_back() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "root");
    make_operator(&gateway, "ada");
    let key = key(&gateway, "ada", &[]);
    gateway.run(&["user", "demote", "ada"]).done();
    gateway.run(&["user", "promote", "ada"]).done();
    assert_eq!(get(&gateway, &key, "/key").status, 401);
}

#[test]
fn a_new_password_leaves_keys_as_they_are() {
    let (gateway, key) = with_key();
    let verb = ["user", "set-password", "ada", "--password-stdin"];
    gateway.run_with_input(&verb, "another-Word-456").done();
    assert_eq!(get(&gateway, &key, "/key").status, 200);
}

#[test]
fn when_a_key_was_used_is_written_once_a_minute() {
    let (gateway, key) = with_key();
    assert_eq!(keys_of(&gateway, "ada")[0]["last_used"], Value::Null);
    get(&gateway, &key, "/key");
    let first = keys_of(&gateway, "ada");
    assert_eq!(first[0]["last_used_from"], "127.0.0.1");
    get(&gateway, &key, "/users");
    assert_eq!(keys_of(&gateway, "ada"), first);
    let told = get(&gateway, &key, "/key").json();
    assert_eq!(
        (&told["last_used"], &told["last_used_from"]),
        (&first[0]["last_used"], &"127.0.0.1".into())
    );
    let table = gateway.run(&["key", "list", "id:1"]).done();
    assert!(table.says("FROM") && table.says("127.0.0.1"), "{table:?}");
}

#[test]
fn the_command_line_makes_and_ends_keys() {
    let (gateway, key) = with_key();
    let id = keys_of(&gateway, "ada")[0]["id"].as_str().unwrap().to_owned();
    assert!(!gateway.run(&["key", "list", "ada"]).done().says(&key));
    gateway.run(&["key", "revoke", "ada", &id]).done();
    assert_eq!(get(&gateway, &key, "/key").status, 401);
    assert_ne!(gateway.run(&["key", "revoke", "ada", &id]).code, Some(0));
}

#[test]
fn only_operators_have_keys() {
    let gateway = Gateway::start("");
    gateway.register("bob");
    let outcome = gateway.run(&["key", "create", "bob", "x", "--all-rights"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_ne!(gateway.run(&["key", "create", "bob", "x"]).code, Some(0));
}

#[test]
fn a_key_is_made_on_a_page_shown_once_and_revoked() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    assert!(browser.get("/admin/account/keys/").text().contains("You have no keys"));
    let form =
        [("name", "deploy"), ("right", "users:read"), ("right", "tokens:write"), ("days", "7")];
    let page = browser.post("/admin/account/keys/", &form).text();
    let key = format!("agk_{}", between(&page, "agk_", "<").unwrap());
    assert_eq!(get(&gateway, &key, "/users").status, 200);
    assert_eq!(send(&gateway, &key, ("POST", "/users"), &json!({})).status, 403);
    let list = browser.get("/admin/account/keys/").text();
    assert!(list.contains("deploy") && !list.contains(&key));
    let id = keys_of(&gateway, "ada")[0]["id"].as_str().unwrap().to_owned();
    let revoke = format!("/admin/account/keys/{id}/revoke/");
    assert_eq!(browser.get(&revoke).status, 200);
    assert_eq!(get(&gateway, &key, "/users").status, 200);
    assert_eq!(browser.post(&revoke, &[]).status, 302);
    assert_eq!(get(&gateway, &key, "/users").status, 401);
}

#[test]
fn a_key_without_rights_is_not_made() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    browser.get("/admin/account/keys/");
    let answer = browser.post("/admin/account/keys/", &[("name", "deploy"), ("days", "7")]);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("role=\"alert\"") && answer.text().contains("value=\"deploy\""));
    assert_eq!(keys_of(&gateway, "ada"), json!([]));
}

#[test]
fn what_is_done_to_keys_and_by_keys_is_told() {
    let (gateway, key) = with_key();
    let user = json!({ "username": "bob", "password": PASSWORD });
    assert_eq!(send(&gateway, &key, ("POST", "/users"), &user).status, 201);
    let id = keys_of(&gateway, "ada")[0]["id"].as_str().unwrap().to_owned();
    gateway.run(&["key", "revoke", "ada", &id]).done();
    let told = |name: &str| -> Option<Value> {
        let verb = ["events", "--name", name, "--json"];
        let events = gateway.run(&verb).done().json();
        events.as_array().unwrap().last().cloned()
    };
    let made = told("api_key_created").unwrap();
    assert!(made["detail"].as_str().unwrap().starts_with(&format!("test ({id}): ")));
    assert!(!made.to_string().contains(&key[4..]));
    let bob =
        eventually("the event", || told("user_created").filter(|event| event["user"] == "bob"));
    assert_eq!((&bob["actor"], &bob["address"]), (&json!("api_key"), &json!("127.0.0.1")));
    assert_eq!(told("api_key_revoked").unwrap()["user"], "ada");
    assert!(!gateway.log().contains(&key));
}
