//! API keys: how they are made, what they hold on, and how they end.

use super::super::{Browser, between, on_each_store};
use super::{PLACE, ask, get, key, make_operator, send, with_key};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::Request;
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
fn what_another_operator_does_against_a_thief_ends_keys_too() {
    on_each_store("", |gateway| {
        let mut root = Browser::signed_in(gateway, "root");
        make_operator(gateway, "ada");
        let id = gateway.run(&["user", "show", "ada", "--json"]).done().json()["id"].clone();
        let roots = key(gateway, "root", &[]);
        let set = ["user", "set-password", "ada", "--password-stdin"];
        ended_by(gateway, "password_changed", || {
            gateway.run_with_input(&set, "another-Word-123").done();
        });
        ended_by(gateway, "password_changed", || {
            let path = format!("/users/{id}/password");
            let body = json!({ "password": "another-Word-456" });
            assert_eq!(send(gateway, &roots, ("POST", &path), &body).status, 200);
        });
        for verb in [["user", "sign-out", "ada"], ["token", "revoke-all", "ada"]] {
            ended_by(gateway, "tokens_revoked", || {
                gateway.run(&verb).done();
            });
        }
        let mut by_page = |act: &str, fields: &[(&str, &str)]| {
            let path = format!("/admin/users/{id}/{act}/");
            assert!(root.get(&path).text().contains("API keys"), "{act}");
            assert_eq!(root.post(&path, fields).status, 302, "{act}");
        };
        let typed =
            [("how", "typed"), ("password", "another-Word-789"), ("own_password", PASSWORD)];
        ended_by(gateway, "password_changed", || by_page("password", &typed));
        ended_by(gateway, "tokens_revoked", || by_page("end-sessions", &[]));
        assert_eq!(get(gateway, &roots, "/key").status, 200);
    });
}

/// Sees that keys of Ada end by an act, and that its event tells of it.
fn ended_by(gateway: &Gateway, name: &str, act: impl FnOnce()) {
    let told = || {
        let verb = ["events", "--name", name, "--user", "ada", "--json"];
        let events = gateway.run(&verb).done().json();
        let events = events.as_array().unwrap().clone();
        events.iter().filter(|event| event["detail"] == "2 API keys ended").count()
    };
    let before = told();
    let keys = [key(gateway, "ada", &[]), key(gateway, "ada", &[])];
    assert!(keys.iter().all(|key| get(gateway, key, "/key").status == 200));
    act();
    assert!(keys.iter().all(|key| get(gateway, key, "/key").status == 401), "{name}");
    eventually("the event", || (told() == before + 1).then_some(()));
}

#[test]
fn ones_own_new_password_ends_keys_if_that_is_wished() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    let key = key(&gateway, "ada", &[]);
    let mut change = |old: &str, new: &str, more: &[(&str, &str)]| {
        let page = browser.get("/admin/account/password/").text();
        assert!(page.contains("name=\"end_keys\"") && page.contains("checked"), "{page}");
        let fields = [("old_password", old), ("new_password", new), ("new_password_again", new)];
        let fields = [fields.as_slice(), more].concat();
        let answer = browser.post("/admin/account/password/", &fields);
        assert_eq!(answer.status, 302, "{}", answer.text());
    };
    change(PASSWORD, "another-Word-456", &[]);
    assert_eq!(get(&gateway, &key, "/key").status, 200);
    change("another-Word-456", "another-Word-789", &[("end_keys", "yes")]);
    assert_eq!(get(&gateway, &key, "/key").status, 401);
}

#[test]
fn an_end_of_ones_own_tokens_leaves_keys_as_they_are() {
    let (gateway, key) = with_key();
    let token = gateway.login("ada");
    let answer = gateway.send(&Request::post("/api/logoutall/").token(&token));
    assert_eq!(answer.status, 204);
    assert_eq!(get(&gateway, &key, "/key").status, 200);
}

#[test]
fn a_key_does_not_shut_out_its_own_owner() {
    let (gateway, key) = with_key();
    let id = gateway.run(&["user", "show", "ada", "--json"]).done().json()["id"].clone();
    let path = format!("{PLACE}/users/{id}/tokens");
    assert_eq!(ask(&gateway, &key, Request::new("DELETE", &path)).status, 409);
    assert_eq!(get(&gateway, &key, "/key").status, 200);
}

#[test]
fn whoever_ends_all_their_own_sessions_at_the_console_ends_their_keys_too() {
    on_each_store("", |gateway| {
        let mut ada = Browser::signed_in(gateway, "ada");
        let key = key(gateway, "ada", &["users:read"]);
        let id = gateway.run(&["user", "show", "ada", "--json"]).done().json()["id"].clone();
        ada.get(&format!("/admin/users/{id}/end-sessions/"));
        ada.post(&format!("/admin/users/{id}/end-sessions/"), &[]);
        assert_eq!(get(gateway, &key, "/key").status, 401);
    });
}

#[test]
fn other_operators_see_keys_and_revoke_them() {
    on_each_store("", |gateway| {
        let mut root = Browser::signed_in(gateway, "root");
        make_operator(gateway, "ada");
        let key = key(gateway, "ada", &["users:read"]);
        get(gateway, &key, "/key");
        let number = gateway.run(&["user", "show", "ada", "--json"]).done().json()["id"].clone();
        let path = format!("/admin/users/{number}/");
        let page = root.get(&path).text();
        assert!(page.contains("users:read") && page.contains("127.0.0.1"), "{page}");
        assert!(!page.contains(&key));
        let id = keys_of(gateway, "ada")[0]["id"].as_str().unwrap().to_owned();
        let revoke = format!("{path}keys/{id}/revoke/");
        assert_eq!(root.get(&format!("{path}keys/0123456789abcdef/revoke/")).status, 404);
        assert_eq!(root.get(&revoke).status, 200);
        assert_eq!(get(gateway, &key, "/key").status, 200);
        assert_eq!(root.post(&revoke, &[]).status, 302);
        assert_eq!(get(gateway, &key, "/key").status, 401);
        assert!(root.get(&path).text().contains("No program calls the API in their name"));
    });
}

#[test]
fn who_has_a_session_alone_makes_no_key_and_guesses_count() {
    let limits = "[limits]\nconsole_failures_per_account_and_network = \"3/1h\"";
    let gateway = Gateway::start(limits);
    let mut browser = Browser::signed_in(&gateway, "ada");
    browser.get("/admin/account/keys/");
    let mut make = |password| {
        let wish = [("name", "x"), ("right", "users:read"), ("days", "365")];
        let fields = [wish.as_slice(), &[("own_password", password)]].concat();
        browser.post("/admin/account/keys/", &fields).status
    };
    let guesses = ["wrong", "", "other", "again", PASSWORD];
    assert_eq!(guesses.map(&mut make), [400, 400, 400, 400, 429]);
    assert_eq!(keys_of(&gateway, "ada"), json!([]));
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
    let form = [form.as_slice(), &[("own_password", PASSWORD)]].concat();
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
