//! Authenticator apps, with codes that the test computes.

use super::{Browser, between, on_each_store};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::Answer;
use authgate::clock::{Clock, SystemClock};
use std::collections::HashSet;
use std::thread;
use totp_rs::{Builder, Secret, Totp};

/// An authenticator app, which knows when it was set up.
pub(super) struct App {
    begun: u64,
    recovery: Vec<String>,
    totp: Totp,
}

impl App {
    /// The code of so many steps after the setting up. Those of the step before it, of its own and
    /// of the next one are good, each once.
    pub(super) fn code(&self, steps: i64) -> String {
        self.totp.generate(self.begun.saturating_add_signed(30 * steps)).to_string()
    }
}

fn seconds() -> u64 {
    u64::try_from(SystemClock.now().micros() / 1_000_000).unwrap()
}

/// Sets up an app for one who is signed in. There is time then before the next step.
pub(super) fn set_up(browser: &mut Browser) -> App {
    let begun = eventually("a step's beginning", || Some(seconds()).filter(|now| now % 30 < 21));
    browser.get("/admin/account/totp/");
    let page = browser.post("/admin/account/totp/", &[("own_password", PASSWORD)]).text();
    let secret = between(&page, "id=\"totp-secret\">", "<").unwrap().replace(' ', "");
    let secret = Secret::try_from_base32(&secret).unwrap();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    let mut app = App { begun, recovery: Vec::new(), totp };
    let done = browser.post("/admin/account/totp/confirm/", &[("code", &app.code(-1))]);
    assert_eq!(done.status, 200, "{}", done.text());
    let codes = between(&done.text(), "id=\"codes\">", "<").unwrap();
    app.recovery = codes.lines().map(str::to_owned).collect();
    app
}

/// An operator with an app.
pub(super) fn with_app(gateway: &Gateway, name: &str) -> (Browser, App) {
    let mut browser = Browser::signed_in(gateway, name);
    let app = set_up(&mut browser);
    (browser, app)
}

/// A browser in which the password was typed.
pub(super) fn half_in(gateway: &Gateway, name: &str) -> Browser {
    let mut browser = Browser::of(gateway);
    let answer = browser.try_sign_in(name, PASSWORD);
    assert_eq!(answer.status, 302, "{}", answer.text());
    assert!(answer.header("Location").unwrap().starts_with("/admin/login/code/?next="));
    browser.get("/admin/login/code/");
    browser
}

fn type_code(browser: &mut Browser, code: &str) -> Answer {
    browser.post("/admin/login/code/", &[("code", code)])
}

#[test]
fn a_password_alone_opens_nothing_once_an_app_is_set_up() {
    on_each_store("", |gateway| {
        let (mut first, app) = with_app(gateway, "ada");
        assert!(first.is_in());
        let mut browser = half_in(gateway, "ada");
        let half = browser.cookie().unwrap().to_owned();
        assert!(!browser.is_in());
        browser.get("/admin/login/code/");
        assert_eq!(type_code(&mut browser, &app.code(0)).status, 302);
        assert!(browser.is_in());
        assert_ne!(browser.cookie().unwrap(), half);
        let mut thief = Browser::of(gateway);
        thief.show(&half);
        assert!(!thief.is_in());
        assert_eq!(thief.get("/admin/login/code/").status, 302);
    });
}

#[test]
fn a_code_is_good_once() {
    on_each_store("", |gateway| {
        let (_, app) = with_app(gateway, "ada");
        // It confirmed the setting up.
        let mut browser = half_in(gateway, "ada");
        assert_eq!(type_code(&mut browser, &app.code(-1)).status, 401);
        assert_eq!(type_code(&mut browser, &app.code(0)).status, 302);
        let mut thief = half_in(gateway, "ada");
        for used in [0, -1] {
            assert_eq!(type_code(&mut thief, &app.code(used)).status, 401);
        }
        assert_eq!(type_code(&mut thief, &app.code(1)).status, 302);
    });
}

#[test]
fn of_many_who_show_one_code_at_once_one_is_let_in() {
    on_each_store("", |gateway| {
        let (_, app) = with_app(gateway, "ada");
        for code in [app.code(0), app.recovery[0].clone()] {
            let browsers = [(); 4].map(|()| half_in(gateway, "ada"));
            let statuses = thread::scope(|scope| {
                let tries = browsers.map(|mut browser| {
                    let code = &code;
                    scope.spawn(move || type_code(&mut browser, code).status)
                });
                tries.map(|one| one.join().unwrap())
            });
            let let_in = statuses.iter().filter(|status| **status == 302).count();
            assert_eq!(let_in, 1, "{statuses:?}");
        }
    });
}

#[test]
fn each_of_ten_recovery_codes_is_good_once() {
    on_each_store("[limits]\nconsole_codes_per_user = \"off\"\n", |gateway| {
        let (mut first, app) = with_app(gateway, "ada");
        let different: HashSet<_> = app.recovery.iter().collect();
        assert_eq!(different.len(), 10);
        for code in app.recovery.iter().take(3) {
            let mut browser = half_in(gateway, "ada");
            assert_eq!(type_code(&mut browser, &code.to_uppercase()).status, 302);
            let mut thief = half_in(gateway, "ada");
            assert_eq!(type_code(&mut thief, code).status, 401);
        }
        assert!(first.get("/admin/account/").text().contains("7 recovery codes are left"));
        first.get("/admin/account/totp/codes/");
        let code = app.code(0);
        let mut renew = |password, code| {
            let proof = [("own_password", password), ("code", code)];
            first.post("/admin/account/totp/codes/", &proof)
        };
        for (password, code) in [(PASSWORD, "000000"), ("wrong", &code), ("", &code)] {
            assert_eq!(renew(password, code).status, 400, "{password} {code}");
        }
        let renewed = renew(PASSWORD, &code);
        let codes = between(&renewed.text(), "id=\"codes\">", "<").unwrap();
        let mut browser = half_in(gateway, "ada");
        assert_eq!(type_code(&mut browser, &app.recovery[9]).status, 401);
        assert_eq!(type_code(&mut browser, codes.lines().next().unwrap()).status, 302);
    });
}

#[test]
fn after_five_wrong_codes_one_begins_anew() {
    on_each_store("", |gateway| {
        let (_, app) = with_app(gateway, "ada");
        let mut browser = half_in(gateway, "ada");
        for _ in 0..4 {
            let answer = type_code(&mut browser, "000000");
            assert!(answer.text().contains("This code is wrong"), "{}", answer.text());
        }
        let answer = type_code(&mut browser, "000000");
        assert_eq!(answer.status, 401);
        assert!(answer.text().contains("Please begin again"));
        type_code(&mut browser, &app.code(0));
        assert!(!browser.is_in());
    });
}

#[test]
fn codes_are_limited_by_user_however_often_one_begins_anew() {
    let settings = "[limits]\nconsole_codes_per_user = \"6/1h\"\nallow = [\"127.0.0.1\"]\n";
    on_each_store(settings, |gateway| {
        let (_, app) = with_app(gateway, "ada");
        let mut statuses = Vec::new();
        for _ in 0..2 {
            let mut browser = half_in(gateway, "ada");
            statuses.extend((0..4).map(|_| type_code(&mut browser, "000000").status));
        }
        assert_eq!(statuses, [401, 401, 401, 401, 401, 401, 429, 429]);
        let mut browser = half_in(gateway, "ada");
        assert_eq!(type_code(&mut browser, &app.code(0)).status, 429);
        gateway.run(&["limits", "clear", "--all"]).done();
        let answer = eventually("the limit to be lifted", || {
            let mut browser = half_in(gateway, "ada");
            Some(type_code(&mut browser, &app.code(0))).filter(|answer| answer.status != 429)
        });
        assert_eq!(answer.status, 302);
    });
}

#[test]
fn whoever_has_half_a_session_may_do_nothing_with_it() {
    let gateway = Gateway::start("");
    with_app(&gateway, "ada");
    let mut browser = half_in(&gateway, "ada");
    for page in ["/admin/", "/admin/account/", "/admin/account/totp/off/", "/admin/users/"] {
        assert_eq!(browser.get(page).status, 302, "{page}");
    }
    browser.get("/admin/login/code/");
    assert_eq!(browser.post("/admin/account/sessions/end/", &[]).status, 302);
    assert_eq!(browser.post("/admin/logout/", &[]).status, 302);
}

#[test]
fn what_changes_the_user_between_the_steps_ends_the_sign_in() {
    let gateway = Gateway::start("");
    let (_, app) = with_app(&gateway, "ada");
    let mut browser = half_in(&gateway, "ada");
    gateway.run(&["token", "revoke-all", "ada"]).done();
    assert_eq!(type_code(&mut browser, &app.code(0)).status, 401);
    assert!(!browser.is_in());
}

#[test]
fn who_has_a_session_alone_sets_up_no_app() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    browser.get("/admin/account/totp/");
    for password in ["", "wrong"] {
        let answer = browser.post("/admin/account/totp/", &[("own_password", password)]);
        assert_eq!(answer.status, 400);
        assert!(!answer.text().contains("totp-secret"));
    }
    set_up(&mut browser);
}

#[test]
fn a_key_needs_a_code_of_those_who_have_an_app() {
    let gateway = Gateway::start("");
    let (mut browser, app) = with_app(&gateway, "ada");
    browser.get("/admin/account/keys/");
    let mut make = |code: &str| {
        let wish = [("name", "deploy"), ("right", "users:read"), ("days", "7")];
        let proof = [("own_password", PASSWORD), ("code", code)];
        browser.post("/admin/account/keys/", &[wish.as_slice(), &proof].concat())
    };
    for wrong in ["", "000000", &app.code(-1)] {
        let answer = make(wrong);
        assert_eq!(answer.status, 400);
        let words =
            if wrong.is_empty() { "and a code" } else { "The password or the code is wrong" };
        assert!(answer.text().contains(words), "{}", answer.text());
    }
    let answer = make(&app.code(0));
    assert!(answer.text().contains("agk_"), "{}", answer.text());
    assert_eq!(make(&app.code(0)).status, 400);
}

#[test]
fn a_secret_does_not_count_until_a_code_confirms_it() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    browser.get("/admin/account/totp/");
    let page = browser.post("/admin/account/totp/", &[("own_password", PASSWORD)]).text();
    assert!(page.contains("<svg class=\"qr\"") && !page.contains("style="), "{page}");
    let answer = browser.post("/admin/account/totp/confirm/", &[("code", "000000")]);
    assert_eq!(answer.status, 400);
    let mut other = Browser::of(&gateway);
    other.sign_in("ada");
    assert!(other.is_in());
}

/// How many wrong codes are told.
fn wrong_codes(gateway: &Gateway) -> usize {
    gateway.run(&["events"]).done().stdout.matches("second_factor_failed").count()
}

#[test]
fn a_secret_is_dropped_after_five_wrong_codes_which_are_told() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ada");
        browser.get("/admin/account/totp/");
        let page = browser.post("/admin/account/totp/", &[("own_password", PASSWORD)]).text();
        let secret = between(&page, "id=\"totp-secret\">", "<").unwrap().replace(' ', "");
        let secret = Secret::try_from_base32(&secret).unwrap();
        let app = Builder::new().with_secret(secret).build().unwrap();
        let mut confirm =
            |code: &str| browser.post("/admin/account/totp/confirm/", &[("code", code)]);
        for is_last in [false, false, false, false, true] {
            let answer = confirm("000000");
            assert_eq!(answer.status, 400);
            let words = "This key does not hold any more";
            assert_eq!(answer.text().contains(words), is_last, "{}", answer.text());
        }
        assert_eq!(confirm(&app.generate(seconds()).to_string()).status, 400);
        eventually("the events", || (wrong_codes(gateway) == 5).then_some(()));
    });
}

#[test]
fn whoever_types_codes_in_a_session_keeps_its_owner_from_no_sign_in() {
    on_each_store("[limits]\nconsole_codes_per_user = \"3/1h\"\n", |gateway| {
        let (mut thief, app) = with_app(gateway, "ada");
        let wrong = [("code", "000000")];
        for _ in 0..12 {
            assert_eq!(thief.post("/admin/account/totp/confirm/", &wrong).status, 400);
        }
        let mut browser = half_in(gateway, "ada");
        assert_eq!(type_code(&mut browser, &app.code(0)).status, 302);
    });
}

#[test]
fn who_has_to_choose_another_password_and_came_by_their_last_code_needs_no_other() {
    on_each_store("", |gateway| {
        let (_, app) = with_app(gateway, "ada");
        gateway.run(&["user", "must-change", "ada"]).done();
        let mut browser = half_in(gateway, "ada");
        assert_eq!(type_code(&mut browser, &app.recovery[0]).status, 302);
        let page = browser.get("/admin/account/password/").text();
        assert!(!page.contains("name=\"code\""), "{page}");
        let new = "a-quite-other-password-9";
        let fields =
            [("old_password", PASSWORD), ("new_password", new), ("new_password_again", new)];
        assert_eq!(browser.post("/admin/account/password/", &fields).status, 302);
        assert!(browser.is_in());
    });
}

#[test]
fn a_blank_code_is_no_guess() {
    on_each_store("[limits]\nconsole_codes_per_user = \"2/1h\"\n", |gateway| {
        let (mut browser, app) = with_app(gateway, "ada");
        browser.get("/admin/account/totp/off/");
        let mut turn_off = |code: &str| {
            let fields = [("own_password", PASSWORD), ("code", code)];
            browser.post("/admin/account/totp/off/", &fields)
        };
        for blank in ["", " ", "", ""] {
            let answer = turn_off(blank);
            assert_eq!(answer.status, 400);
            assert!(answer.text().contains("and a code"), "{}", answer.text());
        }
        assert_eq!(wrong_codes(gateway), 0);
        assert_eq!(turn_off(&app.code(0)).status, 302);
    });
}

#[test]
fn the_secret_is_shown_once_and_told_nowhere() {
    let gateway = Gateway::start("");
    let (mut browser, app) = with_app(&gateway, "ada");
    let secret = app.totp.secret().to_base32();
    let mut half = half_in(&gateway, "ada");
    type_code(&mut half, &app.recovery[0]);
    for page in ["/admin/account/", "/admin/account/totp/", "/admin/account/totp/codes/"] {
        let text = browser.get(page).text().replace(' ', "");
        assert!(!text.contains(&secret) && !text.contains(&app.recovery[1]), "{page}");
    }
    let events = eventually("the events", || {
        let events = gateway.run(&["events", "--json"]).done().stdout;
        events.contains("recovery_code_used").then_some(events)
    });
    assert!(events.contains("second_factor_enabled") && events.contains("9 left"));
    for text in [gateway.log(), events] {
        assert!(!text.contains(&secret));
        assert!(app.recovery.iter().all(|code| !text.contains(code)));
    }
    let store = std::fs::read(gateway.folder().join("authgate.db")).unwrap();
    let store = String::from_utf8_lossy(&store);
    assert!(app.recovery.iter().all(|code| !store.contains(&code.replace('-', ""))));
}

#[test]
fn turning_it_off_needs_the_password_and_a_code() {
    on_each_store("", |gateway| {
        let (mut browser, app) = with_app(gateway, "ada");
        browser.get("/admin/account/totp/off/");
        let mut turn_off = |password, code: &str| {
            let fields = [("own_password", password), ("code", code)];
            browser.post("/admin/account/totp/off/", &fields).status
        };
        assert_eq!(turn_off("wrong", &app.code(0)), 400);
        assert_eq!(turn_off(PASSWORD, "000000"), 400);
        assert_eq!(turn_off(PASSWORD, &app.code(0)), 302);
        let mut other = Browser::of(gateway);
        other.sign_in("ada");
        assert!(other.is_in());
    });
}

#[test]
fn an_app_that_was_lost_is_reset_by_the_command_line() {
    on_each_store("", |gateway| {
        with_app(gateway, "ada");
        let done = gateway.run(&["user", "reset-totp", "ada"]).done();
        assert_eq!(done.stdout, "ada has no authenticator app any more\n");
        let mut browser = Browser::of(gateway);
        browser.sign_in("ada");
        assert!(browser.is_in());
    });
}

#[test]
fn where_all_need_an_app_one_sets_it_up_before_anything_else() {
    let gateway = Gateway::start("[admin]\nrequire_totp = true\n");
    let mut browser = Browser::signed_in(&gateway, "ada");
    for page in ["/admin/", "/admin/users/", "/admin/account/", "/admin/account/password/"] {
        let answer = browser.get(page);
        let location = answer.header("Location");
        assert_eq!((answer.status, location.as_deref()), (302, Some("/admin/account/totp/")));
    }
    browser.get("/admin/account/totp/");
    assert_eq!(browser.post("/admin/account/sessions/end/", &[]).status, 302);
    set_up(&mut browser);
    assert!(browser.is_in());
}

#[test]
fn another_operator_sees_whether_an_app_is_on_and_turns_it_off_once_asked() {
    on_each_store("", |gateway| {
        let (_, _app) = with_app(gateway, "bob");
        let mut browser = Browser::signed_in(gateway, "ada");
        let path = super::users::page_of(gateway, "bob");
        let page = browser.get(&path).text();
        assert!(page.contains("Authenticator app</dt><dd><span class=\"badge good\">on"), "{page}");
        let question = browser.get(&format!("{path}reset-totp/")).text();
        assert!(question.contains("Their password alone signs them in"), "{question}");
        let answer = browser.post(&format!("{path}reset-totp/"), &[("own_password", PASSWORD)]);
        assert_eq!(answer.status, 302, "{}", answer.text());
        let page = browser.get(&answer.header("Location").unwrap()).text();
        assert!(page.contains("<span class=\"badge warn\">off"), "{page}");
        let told =
            page.contains("second_factor_disabled") || page.contains("second factor disabled");
        assert!(told, "{page}");
        Browser::of(gateway).sign_in("bob");
        let own = browser.get(&format!("{}reset-totp/", super::users::page_of(gateway, "ada")));
        assert_eq!(own.header("Location").unwrap(), "/admin/account/totp/off/");
    });
}
