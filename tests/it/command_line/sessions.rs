//! `authgate user sessions` and `sign-out`, and what is done to several users in one go.

use crate::console::{Browser, on_each_store};
use crate::harness::gateway::Gateway;

#[test]
fn sessions_at_the_console_are_listed_and_ended_but_for_one() {
    on_each_store("", |gateway| {
        let none = gateway.run(&["user", "sessions", "id:1"]);
        assert_eq!(none.code, Some(1), "{none:?}");
        let mut here = Browser::signed_in(gateway, "ada");
        let listed = || gateway.run(&["user", "sessions", "ada", "--json"]).done().json();
        let keep = listed()[0]["id"].as_str().unwrap().to_owned();
        let mut other = Browser::of(gateway);
        other.sign_in("ada");
        assert_eq!(listed().as_array().map(Vec::len), Some(2));
        let table = gateway.run(&["user", "sessions", "ada"]).done().stdout;
        assert!(table.trim_start().starts_with("ID ") && table.contains("127.0.0.1"), "{table}");
        let cookie = here.cookie().unwrap().to_owned();
        assert!(!table.contains(&cookie) && !cookie.contains(&keep), "{table}");
        let unknown = gateway.run(&["user", "sign-out", "ada", "--keep", "nothing"]);
        assert_eq!(unknown.code, Some(1), "{unknown:?}");
        assert!(here.is_in() && other.is_in());
        let said = gateway.run(&["user", "sign-out", "ada", "--keep", &keep]).done().stdout;
        assert_eq!(said, "ada is signed out of 1 other session\n");
        assert!(here.is_in() && !other.is_in());
        gateway.run(&["user", "sign-out", "ada"]).done();
        assert!(!here.is_in());
    });
}

#[test]
fn several_users_are_acted_on_in_one_go_and_one_that_is_not_there_stops_nothing() {
    let gateway = Gateway::start("");
    for name in ["ada", "bob", "cleo"] {
        gateway.register(name);
    }
    let outcome = gateway.run(&["user", "deactivate", "ada", "nobody", "bob"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("not done to 1 of 3 users"), "{outcome:?}");
    let status = |name| gateway.try_login(name).status;
    assert_eq!([status("ada"), status("bob"), status("cleo")], [400, 400, 200]);
    let said = gateway.run(&["user", "activate", "ada", "bob"]).done().stdout;
    assert_eq!(said, "ada is active\nbob is active\n");
    assert_eq!(status("bob"), 200);
    gateway.run(&["user", "delete", "bob", "cleo"]).done();
    let left = gateway.run(&["user", "list", "--json"]).done().json();
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
}

#[test]
fn that_a_user_must_change_their_password_is_taken_back() {
    let gateway = Gateway::start("");
    gateway.register("ada");
    let must =
        || gateway.run(&["user", "show", "ada", "--json"]).done().json()["must_change"].clone();
    gateway.run(&["user", "must-change", "ada"]).done();
    assert_eq!(must(), true);
    gateway.run(&["user", "must-change", "ada", "--off"]).done();
    assert_eq!(must(), false);
}
