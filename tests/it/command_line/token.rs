//! `authgate token ...`

use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;

#[test]
fn a_created_token_passes_the_gate() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    gateway.register("alice");
    let created = gateway.run(&["token", "create", "alice", "--json"]).done().json();
    assert!(created["id"].is_string() && created["expires"].is_string(), "{created}");
    assert_eq!(status(&gateway, created["token"].as_str().unwrap()), 200);
}

#[test]
fn a_created_token_lives_as_long_as_it_was_given() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    gateway.register("alice");
    let verb = ["token", "create", "alice", "--lifetime", "2s", "--json"];
    let created = gateway.run(&verb).done().json();
    let token = created["token"].as_str().unwrap();
    assert_eq!(status(&gateway, token), 200);
    eventually("the token's end", || (status(&gateway, token) == 401).then_some(()));
}

#[test]
fn a_list_tells_of_every_token_but_not_the_token() {
    let gateway = Gateway::start("");
    let tokens = [gateway.register("alice"), gateway.login("alice")];
    gateway.register("bob");
    let listed = gateway.run(&["token", "list", "alice", "--json"]).done();
    let rows = listed.json();
    assert_eq!(rows.as_array().map(Vec::len), Some(2), "{rows}");
    assert!(rows[0]["id"].is_string() && rows[0]["expires"].is_string(), "{rows}");
    let table = gateway.run(&["token", "list", "alice"]).done();
    for token in tokens {
        assert!(!listed.says(&token) && !table.says(&token));
    }
}

#[test]
fn a_revoked_token_is_refused_from_the_next_request() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let (token, other) = (gateway.register("alice"), gateway.login("alice"));
    assert_eq!(status(&gateway, &token), 200);
    gateway.run(&["token", "revoke", &token]).done();
    assert_eq!((status(&gateway, &token), status(&gateway, &other)), (401, 200));
}

#[test]
fn a_token_can_be_revoked_by_standard_input() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    assert_eq!(status(&gateway, &token), 200);
    gateway.run_with_input(&["token", "revoke", "--token-stdin"], &format!("{token}\n")).done();
    assert_eq!(status(&gateway, &token), 401);
}

#[test]
fn a_token_can_be_revoked_by_its_id() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    assert_eq!(status(&gateway, &token), 200);
    let rows = gateway.run(&["token", "list", "alice", "--json"]).done().json();
    gateway.run(&["token", "revoke", rows[0]["id"].as_str().unwrap()]).done();
    assert_eq!(status(&gateway, &token), 401);
}

#[test]
fn revoke_all_ends_every_token_of_one_user() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let (first, second) = (gateway.register("alice"), gateway.login("alice"));
    let bystander = gateway.register("bob");
    assert_eq!(status(&gateway, &first), 200);
    gateway.run(&["token", "revoke-all", "alice"]).done();
    let after = [first, second, bystander].map(|token| status(&gateway, &token));
    assert_eq!(after, [401, 401, 200]);
}

#[test]
fn all_tokens_but_one_end() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let (first, second) = (gateway.register("alice"), gateway.login("alice"));
    let rows = gateway.run(&["token", "list", "alice", "--json"]).done().json();
    let id = rows[0]["id"].as_str().unwrap();
    gateway.run(&["token", "revoke-all", "alice", "--keep", id]).done();
    assert_eq!([first, second].map(|token| status(&gateway, &token)), [200, 401]);
}

#[test]
fn the_tokens_of_all_users_are_listed_with_what_is_known_of_them() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    gateway.register("bob");
    gateway.run(&["token", "create", "bob", "--name", "backup"]).done();
    let rows = gateway.run(&["token", "list", "--json"]).done().json();
    assert_eq!(rows.as_array().map(Vec::len), Some(3), "{rows}");
    let made = rows.as_array().unwrap().iter().find(|row| row["name"] == "backup").unwrap();
    assert_eq!(
        (made["user"].as_str(), made["issued_by"].as_str()),
        (Some("bob"), Some("command line"))
    );
    let few = gateway.run(&["token", "list", "--json", "--limit", "2"]).done().json();
    assert_eq!(few.as_array().map(Vec::len), Some(2), "{few}");
}

#[test]
fn a_token_is_found_without_being_an_argument() {
    let gateway = Gateway::start("");
    let token = gateway.register("alice");
    let found =
        gateway.run_with_input(&["token", "find", "--token-stdin", "--json"], &token).done();
    assert_eq!(found.json()["user"], "alice");
    assert!(!found.says(&token));
    let nothing = gateway.run(&["token", "find", "no-such-token"]);
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
}

#[test]
fn a_token_that_nobody_has_cannot_be_revoked() {
    let gateway = Gateway::start("");
    let outcome = gateway.run(&["token", "revoke", &"0".repeat(64)]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
}

#[test]
fn a_verb_for_nobody_is_refused() {
    let gateway = Gateway::start("");
    for verb in ["list", "create", "revoke-all"] {
        assert_eq!(gateway.run(&["token", verb, "nobody"]).code, Some(1), "{verb}");
    }
}

fn status(gateway: &Gateway, token: &str) -> u16 {
    gateway.send(&Request::get("/app").token(token)).status
}

#[test]
fn a_lifetime_is_written_as_in_the_settings() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    for lifetime in ["90s", "10h", "7d"] {
        gateway.run(&["token", "create", "alice", "--lifetime", lifetime]).done();
    }
    let endless = gateway.run(&["token", "create", "alice", "--lifetime", "never", "--json"]);
    assert!(endless.done().json()["expires"].is_null());
}
