//! Signing in and out.

use super::{Browser, between, make_operator, on_each_store};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::{HOST, Request};
use serde_json::json;

#[test]
fn who_is_not_signed_in_is_sent_to_sign_in_and_comes_back() {
    let gateway = Gateway::start("");
    let mut browser = Browser::of(&gateway);
    for page in ["/admin", "/admin/", "/admin/users/?q=a", "/admin/nowhere/"] {
        let answer = browser.get(page);
        assert_eq!(answer.status, 302, "{page}");
        let next: String = form_urlencoded::byte_serialize(page.as_bytes()).collect();
        assert_eq!(answer.header("Location").unwrap(), format!("/admin/login/?next={next}"));
    }
}

#[test]
fn who_sends_a_form_too_late_comes_back_to_its_page() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "ada");
    let ours = |rest: &str| format!("http://{HOST}{rest}");
    for (referer, back) in [
        (Some(ours("/admin/limits/?network=203.0.113.7")), "/admin/limits/?network=203.0.113.7"),
        (Some(ours("/app/")), "/admin/"),
        (Some(ours("/administrator/")), "/admin/"),
        (Some("http://other.test/admin/users/".to_owned()), "/admin/"),
        (Some("nonsense".to_owned()), "/admin/"),
        (None, "/admin/"),
    ] {
        let mut browser = Browser::of(&gateway);
        let form = Request::post("/admin/limits/networks/");
        let form = match &referer {
            Some(referer) => form.with("Referer", referer),
            None => form,
        };
        let sent = browser.send(form).header("Location").unwrap();
        let next: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
        assert_eq!(sent, format!("/admin/login/?next={next}"), "{referer:?}");
        browser.get(&sent);
        let fields = [("username", "ada"), ("password", PASSWORD), ("next", back)];
        let there = browser.post("/admin/login/", &fields).header("Location").unwrap();
        assert_eq!((there.as_str(), browser.get(&there).status), (back, 200));
    }
}

#[test]
fn a_path_that_takes_forms_alone_leads_to_the_page_with_the_form() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    for (path, page) in [
        ("/admin/logout/", "/admin/"),
        ("/admin/limits/clear/", "/admin/limits/"),
        ("/admin/limits/networks/", "/admin/limits/#rule"),
        ("/admin/tokens/revoke/", "/admin/tokens/"),
    ] {
        let answer = browser.get(path);
        let there = answer.header("Location");
        assert_eq!((answer.status, there.as_deref()), (302, Some(page)), "{path}");
        assert_eq!(browser.get(page.split('#').next().unwrap()).status, 200, "{page}");
    }
    assert!(browser.is_in(), "nobody is signed out by a link");
}

#[test]
fn staff_sign_in_and_out() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    let answer = browser.get("/admin/");
    assert_eq!((answer.status, answer.text().contains("ada")), (200, true));
    let cookie = browser.cookie().unwrap().to_owned();
    assert_eq!(browser.post("/admin/logout/", &[]).status, 302);
    let mut thief = Browser::of(&gateway);
    let request = Request::get("/admin/").with("Cookie", &cookie);
    assert_eq!(thief.send(request).status, 302);
}

#[test]
fn whoever_cannot_sign_in_gets_one_answer_and_costs_one_hash() {
    let gateway = Gateway::metered("");
    make_operator(&gateway, "root");
    make_operator(&gateway, "locked");
    gateway.run(&["user", "deactivate", "locked"]).done();
    gateway.register("plain");
    let mut browser = Browser::of(&gateway);
    browser.get("/admin/login/");
    let long = "x".repeat(4_097);
    let attempts = [
        ("nobody", PASSWORD, 1.0),
        ("plain", PASSWORD, 1.0),
        ("locked", PASSWORD, 1.0),
        ("root", "wrong", 1.0),
        ("", "", 1.0),
        // No user has it, so none is hashed.
        ("root", &long, 0.0),
    ];
    let answers = attempts.map(|(name, password, hashes)| {
        let before = gateway.meter("hash_seconds_count");
        let fields = [("username", name), ("password", password)];
        let answer = browser.post("/admin/login/", &fields);
        let after = gateway.meter("hash_seconds_count");
        assert!((after - before - hashes).abs() < 0.5, "{name}: {before} {after}");
        (answer.status, answer.text())
    });
    assert_eq!(answers[0].0, 401);
    assert!(answers[0].1.contains("Nobody of the staff has this username"));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(!gateway.log().contains("wrong"));
}

#[test]
fn a_cookie_that_was_there_before_never_becomes_a_session() {
    on_each_store("", |gateway| {
        make_operator(gateway, "ada");
        let planted = format!("authgate={}", "5".repeat(64));
        let mut browser = Browser::of(gateway);
        browser.show(&planted);
        browser.sign_in("ada");
        let first = browser.cookie().unwrap().to_owned();
        assert_ne!(first, planted);
        let mut thief = Browser::of(gateway);
        thief.show(&planted);
        assert!(!thief.is_in());
        // Nor does a session that was there go on under the old id.
        browser.get("/admin/login/");
        browser.post("/admin/logout/", &[]);
        browser.sign_in("ada");
        thief.show(&first);
        assert!(browser.is_in() && !thief.is_in());
    });
}

#[test]
fn whoever_signs_in_again_has_one_session_here() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    let first = browser.cookie().unwrap().to_owned();
    browser.get("/admin/account/");
    browser.post("/admin/login/", &[("username", "ada"), ("password", PASSWORD)]);
    let mut thief = Browser::of(&gateway);
    thief.show(&first);
    assert!(browser.is_in() && !thief.is_in());
}

#[test]
fn wrong_passwords_are_limited_by_account_and_by_network() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "ada");
    let mut browser = Browser::of(&gateway);
    let mut tries = |name, count: usize| {
        let tries = (0..count).map(|_| browser.try_sign_in(name, "wrong").status);
        tries.collect::<Vec<_>>()
    };
    assert_eq!(tries("ada", 6), [401, 401, 401, 401, 401, 429]);
    assert_eq!(tries("bob", 5), [401; 5]);
    assert_eq!(tries("eve", 1), [429]);
    let answer = browser.try_sign_in("ada", PASSWORD);
    assert_eq!(answer.status, 429);
    assert!(answer.header("Retry-After").is_some());
}

#[test]
fn the_console_and_the_endpoints_share_no_limit() {
    let limits = "[limits]\nlogin_failures_per_network = \"3/1h\"\n\
                  console_failures_per_network = \"3/1h\"\n";
    let gateway = Gateway::start(limits);
    make_operator(&gateway, "ada");
    let guess = json!({ "username": "ada", "password": "wrong" });
    let guess = Request::post("/api/login/").json(&guess);
    let statuses = [(); 4].map(|()| gateway.send(&guess).status);
    assert_eq!(statuses, [400, 400, 400, 429]);
    let mut browser = Browser::of(&gateway);
    browser.sign_in("ada");
    let mut browser = Browser::of(&gateway);
    let statuses = [(); 4].map(|()| browser.try_sign_in("ada", "wrong").status);
    assert_eq!(statuses, [401, 401, 401, 429]);
    gateway.run(&["limits", "clear", "--user", "ada"]).done();
    gateway.run(&["limits", "clear", "--network", "127.0.0.1"]).done();
    for status in [401, 200] {
        eventually("what was refused to be forgotten", || {
            let got = match status {
                401 => browser.try_sign_in("ada", "wrong").status,
                _ => gateway.try_login("ada").status,
            };
            (got == status).then_some(())
        });
    }
}

#[test]
fn who_signs_in_and_who_cannot_is_told() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    browser.get("/admin/account/");
    browser.post("/admin/logout/", &[]);
    gateway.register("plain");
    browser.try_sign_in("plain", PASSWORD);
    browser.try_sign_in("hunter2", "hunter3");
    let told = eventually("the events", || {
        let events = gateway.run(&["events", "--json"]).done().json();
        let events = events.as_array().unwrap();
        let is_ours = |name: &str| name.starts_with("console_");
        let ours = events.iter().filter(|event| is_ours(event["event"].as_str().unwrap()));
        let ours: Vec<_> = ours
            .map(|event| {
                let text = |key: &str| event[key].as_str().unwrap_or("-").to_owned();
                [text("event"), text("user"), text("detail")].join(" ")
            })
            .collect();
        (ours.len() == 4).then_some(ours)
    });
    let expected = [
        "console_signed_in ada -",
        "console_signed_out ada -",
        "console_sign_in_failed plain the user is not staff",
        "console_sign_in_failed - nobody has that name",
    ];
    assert_eq!(told, expected);
    assert!(!gateway.log().contains("hunter"));
}

#[test]
fn nobody_is_sent_to_another_site_after_signing_in() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "ada");
    for next in ["https://evil.example/", "//evil.example", "/admin", "/app", "/admin/\\evil"] {
        let mut browser = Browser::of(&gateway);
        browser.get("/admin/login/");
        let fields = [("username", "ada"), ("password", PASSWORD), ("next", next)];
        let answer = browser.post("/admin/login/", &fields);
        assert_eq!(answer.header("Location").unwrap(), "/admin/", "{next}");
    }
    let mut browser = Browser::of(&gateway);
    let page = browser.get("/admin/login/?next=/admin/users/%3Fq%3Da");
    assert_eq!(between(&page.text(), "name=\"next\" value=\"", "\"").unwrap(), "/admin/users/?q=a");
}

#[test]
fn a_cookie_of_an_app_that_is_no_text_hides_nothing() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    let request = Request::get("/admin/").with("Cookie", "x=\u{e9}\u{ff}");
    assert_eq!(browser.send(request).status, 200);
    let joined = format!("x=\u{e9}; {}", browser.cookie().unwrap());
    let request = Request::get("/admin/").with("Cookie", &joined);
    assert_eq!(Browser::of(&gateway).send(request).status, 200);
}

#[test]
fn a_sign_in_is_a_login_of_its_user() {
    on_each_store("", |gateway| {
        make_operator(gateway, "ada");
        let last =
            || gateway.run(&["user", "show", "ada", "--json"]).done().json()["last_login"].clone();
        let mut browser = Browser::of(gateway);
        assert_eq!(browser.try_sign_in("ada", "wrong").status, 401);
        assert!(last().is_null());
        browser.sign_in("ada");
        let first = last();
        assert!(first.is_string(), "{first}");
        // The second step is what counts, and the list sorts by it.
        let app = super::second_factor::set_up(&mut browser);
        let mut browser = Browser::of(gateway);
        assert_eq!(browser.try_sign_in("ada", PASSWORD).status, 302);
        assert_eq!(last(), first);
        browser.get("/admin/login/code/");
        browser.post("/admin/login/code/", &[("code", &app.code(0))]);
        assert!(last().as_str() > first.as_str());
        gateway.register("bob");
        gateway.login("bob");
        let page = browser.get("/admin/users/?sort=-last_login").text();
        assert!(page.find("bob").unwrap() < page.rfind(">ada<").unwrap(), "{page}");
    });
}
