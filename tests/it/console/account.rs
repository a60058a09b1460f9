//! One's own account, and passwords that others know.

use super::{Browser, make_operator, on_each_store};
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;
use rusqlite::Connection;
use serde_json::json;

const OTHER: &str = "another-Word-456";
const MUST_CHANGE: &str = r#"{"detail":"You must change your password."}"#;

fn change(browser: &mut Browser, old: &str, new: &str) -> (u16, String) {
    browser.get("/admin/account/password/");
    let fields = [("old_password", old), ("new_password", new), ("new_password_again", new)];
    let answer = browser.post("/admin/account/password/", &fields);
    (answer.status, answer.text())
}

#[test]
fn a_new_password_ends_all_else_and_goes_on_here_under_a_new_id() {
    on_each_store("", |gateway| {
        let mut here = Browser::signed_in(gateway, "ada");
        let token = gateway.login("ada");
        let mut there = Browser::of(gateway);
        there.sign_in("ada");
        let before = here.cookie().unwrap().to_owned();
        assert_eq!(change(&mut here, PASSWORD, OTHER).0, 302);
        assert!(here.is_in() && !there.is_in());
        there.show(&before);
        assert!(!there.is_in());
        assert_eq!(there.try_sign_in("ada", PASSWORD).status, 401);
        assert_eq!(there.try_sign_in("ada", OTHER).status, 302);
        let logout = Request::post("/api/logout/").token(&token);
        assert_eq!(gateway.send(&logout).status, 401);
    });
}

#[test]
fn a_new_password_needs_the_old_one() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    for (old, new, words) in [
        ("wrong", OTHER, "The old password is wrong."),
        ("", OTHER, "The old password is wrong."),
        (PASSWORD, "password", "This password is too common."),
        (PASSWORD, "", "The new password is blank."),
    ] {
        let (status, text) = change(&mut browser, old, new);
        assert_eq!(status, 400);
        assert!(text.contains(words), "{words}: {text}");
    }
    let fields =
        [("old_password", PASSWORD), ("new_password", OTHER), ("new_password_again", "else")];
    assert_eq!(browser.post("/admin/account/password/", &fields).status, 400);
    browser.sign_in("ada");
}

#[test]
fn who_must_choose_another_password_does_that_first_at_the_console() {
    on_each_store("", |gateway| {
        make_operator(gateway, "ada");
        gateway.run(&["user", "must-change", "ada"]).done();
        let mut browser = Browser::of(gateway);
        browser.sign_in("ada");
        for page in ["/admin/", "/admin/users/", "/admin/account/", "/admin/account/totp/"] {
            let answer = browser.get(page);
            let location = answer.header("Location");
            assert_eq!(
                (answer.status, location.as_deref()),
                (302, Some("/admin/account/password/"))
            );
        }
        browser.get("/admin/account/password/");
        assert_eq!(browser.post("/admin/users/create/", &[("username", "eve")]).status, 302);
        assert_eq!(change(&mut browser, PASSWORD, PASSWORD).0, 400);
        assert_eq!(change(&mut browser, PASSWORD, OTHER).0, 302);
        assert!(browser.is_in());
    });
}

#[test]
fn a_token_of_one_who_must_choose_another_password_is_good_for_that_and_for_logging_out() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES + "[passwords]\nself_service = true\n";
    on_each_store(&settings, |gateway| {
        let token = gateway.register("ada");
        let get = |path| {
            let answer = gateway.send(&Request::get(path).token(&token));
            (answer.status, answer.text())
        };
        assert_eq!(get("/app").0, 200);
        gateway.run(&["user", "must-change", "ada"]).done();
        crate::harness::eventually("the refusal", || (get("/app").0 == 403).then_some(()));
        for path in ["/app", "/optional", "/staff"] {
            assert_eq!(get(path), (403, MUST_CHANGE.to_owned()), "{path}");
        }
        assert_eq!(get("/public").0, 200);
        let other = gateway.login("ada");
        assert_eq!(gateway.status_of(&other), 403);
        assert_eq!(gateway.send(&Request::post("/api/logout/").token(&other)).status, 204);
        let change = |new: &str| {
            let fields = json!({ "old_password": PASSWORD, "new_password": new });
            let request = Request::post("/api/password/change/").token(&token).json(&fields);
            let answer = gateway.send(&request);
            (answer.status, answer.text())
        };
        let same = r#"{"new_password":["Your new password must not be the old one."]}"#;
        assert_eq!(change(PASSWORD), (400, same.to_owned()));
        assert_eq!(change(OTHER).0, 204);
        assert_eq!(get("/app").0, 200);
    });
}

#[test]
fn no_key_of_one_who_must_choose_another_password_opens_the_api() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "ada");
    let key = gateway.run(&["key", "create", "ada", "test", "--all-rights"]).done().stdout;
    let ask = || {
        let request = Request::get("/admin/api/v1/users");
        let answer =
            gateway.send(&request.with("Authorization", &format!("Bearer {}", key.trim())));
        (answer.status, answer.text())
    };
    assert_eq!(ask().0, 200);
    gateway.run(&["user", "must-change", "ada"]).done();
    assert_eq!(ask(), (403, MUST_CHANGE.to_owned()));
}

/// Has a kind of write fail in the store of a gateway from now on.
pub(super) fn have_fail(store: &Connection, write: &str) {
    let trigger =
        format!("CREATE TRIGGER fails BEFORE {write} BEGIN SELECT raise(ABORT, 'disk'); END");
    store.execute_batch(&trigger).unwrap();
}

#[test]
fn keys_that_were_to_end_with_a_password_end_however_far_it_comes() {
    const OF_A_KEY: &str = "DELETE ON items WHEN OLD.kind = 'api_key'";
    const OF_A_PASSWORD: &str = "UPDATE OF password ON users WHEN NEW.password <> OLD.password";
    const OF_A_SESSION: &str = "INSERT ON items WHEN NEW.kind = 'session'";
    // What fails, and whether the new password counts then. An end that could not be written holds here.
    for (write, is_changed) in [(OF_A_KEY, false), (OF_A_PASSWORD, false), (OF_A_SESSION, true)] {
        let gateway = Gateway::start("");
        let mut browser = Browser::signed_in(&gateway, "ada");
        let key = gateway.run(&["key", "create", "ada", "test", "--all-rights"]).done().stdout;
        let opens = || {
            let bearer = format!("Bearer {}", key.trim());
            let request = Request::get("/admin/api/v1/key").with("Authorization", &bearer);
            gateway.send(&request).status == 200
        };
        let store = Connection::open(gateway.folder().join("authgate.db")).unwrap();
        have_fail(&store, write);
        let mut end = |old: &str, new: &str| {
            browser.get("/admin/account/password/");
            let typed = [("old_password", old), ("new_password", new), ("new_password_again", new)];
            let fields = [typed.as_slice(), &[("end_keys", "yes")]].concat();
            browser.post("/admin/account/password/", &fields)
        };
        let answer = end(PASSWORD, OTHER);
        assert_eq!(answer.status, 503, "{write}: {}", answer.text());
        let words = if is_changed { "Your password is changed." } else { "change it once more" };
        assert!(answer.text().contains(words), "{write}: {}", answer.text());
        assert!(!answer.text().contains("Nothing was changed"), "{write}");
        assert!(!opens(), "{write}");
        store.execute_batch("DROP TRIGGER fails").unwrap();
        if !is_changed {
            assert_eq!(end(PASSWORD, OTHER).status, 302, "{write}");
        }
        assert!(!opens(), "{write}");
        assert_eq!(Browser::of(&gateway).try_sign_in("ada", OTHER).status, 302, "{write}");
    }
}

/// Has writes of a kind come to nothing in the store of a gateway from now on.
fn have_ignored(gateway: &Gateway, write: &str) -> Connection {
    let store = Connection::open(gateway.folder().join("authgate.db")).unwrap();
    let trigger = format!("CREATE TRIGGER fails BEFORE {write} BEGIN SELECT raise(IGNORE); END");
    store.execute_batch(&trigger).unwrap();
    store
}

#[test]
fn keys_that_ended_although_the_password_stays_are_told_of() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.run(&["key", "create", "ada", "test", "--all-rights"]).done();
    // As though someone else changed it each time.
    let _store = have_ignored(&gateway, "UPDATE OF password ON users");
    browser.get("/admin/account/password/");
    let typed =
        [("old_password", PASSWORD), ("new_password", OTHER), ("new_password_again", OTHER)];
    let fields = [typed.as_slice(), &[("end_keys", "yes")]].concat();
    let answer = browser.post("/admin/account/password/", &fields);
    let text = answer.text();
    assert!(
        text.contains("Your password stays as it was, but your API keys have ended."),
        "{text}"
    );
    assert!(!text.contains("Nothing was changed"), "{text}");
}

#[test]
fn who_cannot_be_noted_as_logged_in_is_signed_in_all_the_same() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "ada");
    let store = Connection::open(gateway.folder().join("authgate.db")).unwrap();
    have_fail(&store, "UPDATE OF last_login ON users");
    let mut browser = Browser::of(&gateway);
    browser.sign_in("ada");
    assert!(browser.is_in());
}
