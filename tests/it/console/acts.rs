//! What operators do to users, at the console, by the API and on the command line.

use super::users::page_of;
use super::{Browser, between, make_operator, on_each_store};
use crate::harness::accounts::{accounts, create};
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::{Answer, Request};
use crate::harness::{eventually, folder};
use authgate::auth::Proved;
use authgate::clock::SystemClock;
use authgate::model::event::Actor;
use authgate::store::sqlite::SqliteStore;
use serde_json::{Value, json};
use std::sync::Arc;

/// How often an event of an account is told in the log, where it is at once.
fn told(gateway: &Gateway, event: &str) -> usize {
    gateway.log().matches(event).count()
}

/// Does it, and gets the page that comes next.
fn act(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    browser.get("/admin/account/");
    let answer = browser.post(path, fields);
    assert_eq!(answer.status, 302, "{path}: {}", answer.text());
    browser.get(&answer.header("Location").unwrap())
}

#[test]
fn a_change_that_changes_nothing_is_said_kindly_at_the_console_and_is_no_event() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let path = page_of(&gateway, "bob");
    for (name, words) in [
        ("activate", "The user is active already"),
        ("demote", "The user is not staff"),
        ("keep-password", "The user may keep their password already"),
    ] {
        let page = act(&mut browser, &format!("{path}{name}/"), &[]).text();
        assert!(page.contains(words), "{name}: {page}");
    }
    let page = act(&mut browser, &format!("{path}email/"), &[("email", "")]).text();
    assert!(page.contains("The user has this email already"), "{page}");
    let id = between(&path, "users/", "/").unwrap();
    let result = browser.post("/admin/users/act/", &[("act", "activate"), ("user", &id)]).text();
    assert!(result.contains("is active already"), "{result}");
    for event in ["user_activated", "staff_withdrawn", "user_changed"] {
        assert_eq!(told(&gateway, event), 0, "{event}");
    }
}

#[test]
fn a_change_that_changes_nothing_is_no_event_by_the_api() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "ada");
    let key = gateway.run(&["key", "create", "ada", "test", "--all-rights"]).done();
    let token = gateway.register("bob");
    let id = gateway.run(&["user", "show", "bob", "--json"]).done().json()["id"].clone();
    let send = |method: &str, path: &str, body: &Value| {
        let request = Request::new(method, &format!("/admin/api/v1{path}")).json(body);
        let bearer = format!("Bearer {}", key.stdout.trim());
        gateway.send(&request.with("Authorization", &bearer))
    };
    let same = json!({ "is_active": true, "is_staff": false, "must_change": false, "email": "" });
    assert_eq!(send("PATCH", &format!("/users/{id}"), &same).status, 200);
    let done = send("POST", "/users/bulk", &json!({ "action": "activate", "ids": [id] })).json();
    assert_eq!(done, json!({ "done": [id], "failed": [] }));
    for event in ["user_activated", "staff_withdrawn", "user_changed"] {
        assert_eq!(told(&gateway, event), 0, "{event}");
    }
    let logout = gateway.send(&Request::post("/api/logout/").token(&token));
    assert!(logout.status < 300, "the token lives on: {}", logout.text());
}

#[test]
fn a_change_that_changes_nothing_is_said_kindly_on_the_command_line_and_is_no_event() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "ada");
    for (verb, words) in [
        (["user", "activate", "ada"], "ada is active already"),
        (["user", "promote", "ada"], "ada is staff already"),
    ] {
        let said = gateway.run(&verb).done().stdout;
        assert_eq!(said.trim(), words);
    }
    gateway.run(&["user", "must-change", "ada"]).done();
    let said = gateway.run(&["user", "must-change", "ada"]).done().stdout;
    assert_eq!(said.trim(), "ada must change the password already");
    let said = gateway.run(&["user", "set-email", "ada", ""]).done().stdout;
    assert_eq!(said.trim(), "ada has this email already");
    let told = gateway.run(&["events", "--user", "ada", "--json"]).done().json();
    let names = told.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    assert_eq!(names, ["user_changed", "user_created"]);
}

#[test]
fn the_page_after_an_act_tells_of_it() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ada");
        gateway.register("bob");
        let path = page_of(gateway, "bob");
        for (name, detail) in [
            ("promote", "is_staff: no → yes"),
            ("must-change", "must_change: no → yes"),
            ("deactivate", "is_active: yes → no"),
        ] {
            let page =
                act(&mut browser, &format!("{path}{name}/"), &[("own_password", PASSWORD)]).text();
            assert!(page.contains(detail), "{name}: {page}");
        }
    });
}

#[test]
fn a_deletion_tells_whose_email_is_gone_and_that_they_were_staff() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    let verb = ["user", "create", "bob", "--email", "b@example.com", "--staff"];
    gateway.run_with_input(&[&verb[..], &["--password-stdin"]].concat(), PASSWORD).done();
    let path = page_of(&gateway, "bob");
    act(&mut browser, &format!("{path}delete/"), &[("own_password", PASSWORD)]);
    let words = "email: b@example.com → gone, staff";
    eventually("the event", || gateway.log().contains(words).then_some(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_there_is_something_to_do_is_judged_by_the_store_and_not_by_what_was_seen() {
    let folder = folder();
    let store = SqliteStore::open(&folder.path().join("store.db")).unwrap();
    let auth = accounts(Arc::new(store), Arc::new(SystemClock));
    let seen = create(&auth, "alice").await;
    let lock_out = async || auth.deactivate(&seen, Actor::CommandLine).await.unwrap();
    assert!(lock_out().await.is_changed);
    let again = lock_out().await;
    assert!(!again.is_changed && !again.user.is_active);
    // As they were seen there would be nothing to do.
    let back = auth.activate(&seen, Proved::command_line()).await.unwrap();
    assert!(back.is_changed && back.user.is_active);
}
