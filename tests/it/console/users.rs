//! The pages of users.

use super::{Browser, between};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::{Answer, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use rusqlite::Connection;
use serde_json::{Value, json};

/// A name that would be a script wherever it is not escaped.
pub(super) const HOSTILE: &str = "\"><img src=x onerror=alert(1)>";
/// And one that no user can have.
const UNSOUND: &str = "\"><img src=x\nonerror=alert(1)>";

/// The address of a user's page.
pub(super) fn page_of(gateway: &Gateway, name: &str) -> String {
    let user = gateway.run(&["user", "show", name, "--json"]).done().json();
    format!("/admin/users/{}/", user["id"])
}

/// The latest event of a user's account, once it is kept.
fn event_of(gateway: &Gateway, name: &str, event: &str) -> Value {
    eventually(event, || {
        let verb = ["events", "--user", name, "--name", event, "--json"];
        gateway.run(&verb).done().json().as_array()?.last().cloned()
    })
}

/// Whether the page says each of these, one after the other.
fn says_in_order(page: &Answer, words: &[&str]) -> bool {
    let text = page.text();
    let mut rest = text.as_str();
    words.iter().all(|word| match rest.split_once(word) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

#[test]
fn the_list_has_each_user_with_what_matters_of_them() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let page = browser.get("/admin/users/");
    assert_eq!(page.status, 200);
    let heads =
        ["Username", "Email", "Active", "Staff", "Joined", "Last login", "Live tokens", "ada"];
    assert!(says_in_order(&page, &heads), "{}", page.text());
    assert!(page.text().contains("aria-label=\"Select bob\""), "{}", page.text());
}

#[test]
fn users_are_found_by_how_their_name_or_address_begins() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let account = json!({ "username": "zoe", "password": PASSWORD, "email": "bobby@example.com" });
    gateway.send(&Request::post("/api/register/").json(&account));
    let page = browser.get("/admin/users/?q=BOB").text();
    assert!(page.contains("Select bob") && page.contains("Select zoe"), "{page}");
    assert!(!page.contains("Select ada"), "{page}");
    let nobody = browser.get("/admin/users/?q=nobody").text();
    assert!(nobody.contains("Nobody is like that"), "{nobody}");
}

#[test]
fn users_are_found_by_whether_they_are_active_and_staff() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    for name in ["bob", "zoe"] {
        gateway.register(name);
    }
    gateway.run(&["user", "deactivate", "zoe"]).done();
    let found = |browser: &mut Browser, query: &str| {
        let page = browser.get(&format!("/admin/users/{query}")).text();
        ["ada", "bob", "zoe"].map(|name| page.contains(&format!("Select {name}")))
    };
    assert_eq!(found(&mut browser, "?active=no"), [false, false, true]);
    assert_eq!(found(&mut browser, "?staff=yes"), [true, false, false]);
    assert_eq!(found(&mut browser, "?staff=no&active=yes"), [false, true, false]);
}

#[test]
fn a_click_on_a_head_sorts_and_a_second_one_turns_that_round() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let page = browser.get("/admin/users/");
    assert!(says_in_order(&page, &["aria-sort=\"ascending\"", "Select ada", "Select bob"]));
    assert!(page.text().contains("href=\"/admin/users/?sort=-username\""), "{}", page.text());
    let page = browser.get("/admin/users/?sort=-username");
    assert!(says_in_order(&page, &["aria-sort=\"descending\"", "Select bob", "Select ada"]));
    assert!(page.text().contains("href=\"/admin/users/\">Username"), "{}", page.text());
    let page = browser.get("/admin/users/?sort=live_tokens");
    assert!(says_in_order(&page, &["Select ada", "Select bob"]), "{}", page.text());
}

#[test]
fn every_user_is_on_one_page_of_the_list() {
    let redis = RedisServer::start();
    for settings in [String::new(), redis.settings()] {
        let gateway = Gateway::start(&settings);
        let mut browser = Browser::signed_in(&gateway, "ada");
        for number in 0..60 {
            gateway.register(&format!("user{number:02}"));
        }
        let (mut path, mut seen) = (Some("/admin/users/?sort=-joined".to_owned()), Vec::new());
        while let Some(there) = path {
            let page = browser.get(&there).text();
            let names = page.split("aria-label=\"Select ").skip(1);
            let names = names.filter_map(|rest| rest.split_once('"'));
            seen.extend(names.map(|(name, _)| name.to_owned()).filter(|name| !name.contains(' ')));
            path =
                between(&page, "rel=\"next\" href=\"", "\"").map(|path| path.replace("&amp;", "&"));
        }
        let mut expected: Vec<_> = (0..60).rev().map(|number| format!("user{number:02}")).collect();
        expected.push("ada".to_owned());
        assert_eq!(seen, expected, "{settings}");
    }
}

#[test]
fn a_user_is_made_with_a_password_that_is_shown_once() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    browser.get("/admin/users/new/");
    let fields = [("username", "zoe"), ("email", "zoe@example.com"), ("how", "generated")];
    let page = browser.post("/admin/users/new/", &fields).text();
    let password = between(&page, "id=\"password\">", "<").unwrap();
    assert!(password.len() >= 20, "{password}");
    let credentials = json!({ "username": "zoe", "password": password });
    assert_eq!(gateway.send(&Request::post("/api/login/").json(&credentials)).status, 200);
    let page = browser.get(&page_of(&gateway, "zoe")).text();
    assert!(page.contains("zoe@example.com") && !page.contains(&password), "{page}");
    let event = event_of(&gateway, "zoe", "user_created");
    assert_eq!(event["actor"], "admin");
    assert!(!gateway.log().contains(&password));
}

#[test]
fn what_is_wrong_with_a_new_user_stands_beside_its_field_and_what_was_typed_stays() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    browser.get("/admin/users/new/");
    let fields = [
        ("username", "not a name"),
        ("email", "nowhere"),
        ("how", "typed"),
        ("password", "wrong-Word-5"),
        ("staff", "yes"),
    ];
    let page = browser.post("/admin/users/new/", &fields).text();
    for words in ["Enter a valid username.", "Enter a valid email address.", "value=\"not a name\""]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("name=\"staff\" value=\"yes\" checked"), "{page}");
    assert!(!page.contains("wrong-Word-5"), "{page}");
    let typed =
        |username, password| [("username", username), ("how", "typed"), ("password", password)];
    for (username, password, words) in [
        ("ada", PASSWORD, "A user with that username already exists."),
        ("zoe", "12345", "This password is too short."),
        ("zoe", "", "This field is required."),
        ("", PASSWORD, "This field is required."),
    ] {
        let page = browser.post("/admin/users/new/", &typed(username, password)).text();
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn a_page_of_a_user_tells_how_the_password_is_hashed_and_never_the_hash() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let path = page_of(&gateway, "bob");
    let page = browser.get(&path).text();
    assert!(page.contains("argon2id, m=64 t=1 p=1") && !page.contains("$argon2id"), "{page}");
    let hash = "pbkdf2_sha256$870000$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g=";
    let database = Connection::open(gateway.folder().join("authgate.db")).unwrap();
    let change = "UPDATE users SET password = ?1 WHERE username = 'bob'";
    database.execute(change, [hash]).unwrap();
    let page = browser.get(&path).text();
    let words = "pbkdf2_sha256, 870000 iterations; will be renewed at the next login";
    assert!(page.contains(words), "{page}");
    assert!(!page.contains("c2FsdHNhbHQ") && !page.contains("aGFzaGhhc2g"), "{page}");
}

#[test]
fn a_change_of_the_address_is_an_event_with_before_and_after() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.run_with_input(
        &["user", "create", "bob", "--email", "b@example.com", "--password-stdin"],
        PASSWORD,
    );
    let path = page_of(&gateway, "bob");
    browser.get(&path);
    let answer = browser.post(&format!("{path}email/"), &[("email", "b@example.org")]);
    assert_eq!(answer.header("Location").unwrap(), format!("{path}?done=email-changed"));
    let event = event_of(&gateway, "bob", "user_changed");
    assert_eq!(event["detail"], "email: b@example.com → b@example.org");
    let page = browser.get(&format!("{path}?done=email-changed")).text();
    assert!(page.contains("role=\"status\"") && page.contains("b@example.org"), "{page}");
    let wrong = browser.post(&format!("{path}email/"), &[("email", "nowhere")]).text();
    assert!(wrong.contains("Enter a valid email address."), "{wrong}");
}

#[test]
fn every_act_that_ends_tokens_is_asked_for_and_holds_from_the_next_request() {
    let redis = RedisServer::start();
    for settings in [String::new(), redis.settings()] {
        let upstream = Upstream::start();
        let routes = upstream.settings() + crate::harness::gateway::ROUTES + &settings;
        let gateway = Gateway::start(&routes);
        let mut browser = Browser::signed_in(&gateway, "ada");
        for act in ["end-sessions", "deactivate", "demote", "delete"] {
            let token = gateway.register_staff(act);
            let path = format!("{}{act}/", page_of(&gateway, act));
            assert_eq!(gateway.status_of(&token), 200);
            let question = browser.get(&path);
            assert!(question.text().contains(act), "{}", question.text());
            assert_eq!(gateway.status_of(&token), 200, "only asked: {act}");
            let answer = browser.post(&path, &[("own_password", PASSWORD)]);
            assert_eq!(answer.status, 302, "{act}: {}", answer.text());
            assert_eq!(gateway.status_of(&token), 401, "{act}");
        }
    }
}

#[test]
fn what_a_deletion_takes_along_is_told_before() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    gateway.login("bob");
    let page = browser.get(&format!("{}delete/", page_of(&gateway, "bob"))).text();
    for words in ["With the account goes:", "2 live tokens", "no session", "no API key"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn a_switch_of_rights_is_an_event_with_before_and_after() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let path = page_of(&gateway, "bob");
    browser.get(&path);
    browser.post(&format!("{path}promote/"), &[("own_password", PASSWORD)]);
    assert_eq!(event_of(&gateway, "bob", "staff_granted")["detail"], "is_staff: no → yes");
    browser.post(&format!("{path}must-change/"), &[]);
    assert_eq!(event_of(&gateway, "bob", "user_changed")["detail"], "must_change: no → yes");
    browser.post(&format!("{path}deactivate/"), &[]);
    assert_eq!(event_of(&gateway, "bob", "user_deactivated")["detail"], "is_active: yes → no");
    let page = browser.get(&path).text();
    assert!(page.contains("locked out") && page.contains("is_active: yes → no"), "{page}");
}

#[test]
fn a_password_that_is_set_ends_tokens_and_lets_its_user_in() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let mut browser = Browser::signed_in(&gateway, "ada");
    let token = gateway.register("bob");
    let path = format!("{}password/", page_of(&gateway, "bob"));
    browser.get(&path);
    let weak = browser.post(&path, &[("how", "typed"), ("password", "12345")]).text();
    assert!(weak.contains("This password is too short."), "{weak}");
    assert_eq!(gateway.status_of(&token), 200);
    let answer = browser.post(&path, &[("how", "typed"), ("password", "another-Word-9")]);
    assert_eq!(answer.status, 302, "{}", answer.text());
    assert_eq!((gateway.status_of(&token), gateway.try_login("bob").status), (401, 400));
}

#[test]
fn many_are_changed_at_once_after_a_question_that_names_them() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let mut browser = Browser::signed_in(&gateway, "ada");
    let tokens = ["bob", "zoe"].map(|name| gateway.register(name));
    let ids = ["bob", "zoe"].map(|name| {
        let path = page_of(&gateway, name);
        between(&path, "/admin/users/", "/").unwrap()
    });
    let query = format!("?act=deactivate&user={}&user={}&user=9999", ids[0], ids[1]);
    let question = browser.get(&format!("/admin/users/act/{query}")).text();
    for words in ["2 users?", ">bob<", ">zoe<"] {
        assert!(question.contains(words), "{words}: {question}");
    }
    assert_eq!(tokens.each_ref().map(|token| gateway.status_of(token)), [200, 200]);
    let fields = [("act", "deactivate"), ("user", &ids[0]), ("user", &ids[1])];
    let result = browser.post("/admin/users/act/", &fields).text();
    assert!(result.contains("Done for 2 users."), "{result}");
    assert_eq!(tokens.each_ref().map(|token| gateway.status_of(token)), [401, 401]);
    assert_eq!(event_of(&gateway, "zoe", "user_deactivated")["actor"], "admin");
}

#[test]
fn what_cannot_be_done_to_one_of_many_is_told_with_the_reason_and_the_others_are_done() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let ids = ["ada", "bob"].map(|name| {
        let path = page_of(&gateway, name);
        between(&path, "/admin/users/", "/").unwrap()
    });
    browser.get(&format!("/admin/users/act/?act=delete&user={}&user={}", ids[0], ids[1]));
    let fields = [("act", "delete"), ("user", &ids[0]), ("user", &ids[1])];
    let result = browser.post("/admin/users/act/", &fields).text();
    assert!(result.contains("Done for 1 user."), "{result}");
    assert!(result.contains("not done: Your own account"), "{result}");
    assert_eq!(browser.get(&page_of(&gateway, "ada")).status, 200);
    assert_eq!(gateway.try_login("bob").status, 400);
}

#[test]
fn an_act_without_anyone_selected_changes_nothing() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    for query in ["", "?act=delete", "?act=hack&user=1", "?act=delete&user=x"] {
        assert_eq!(browser.get(&format!("/admin/users/act/{query}")).status, 400, "{query}");
    }
}

#[test]
fn the_export_has_every_user_of_the_search_and_no_formula() {
    let redis = RedisServer::start();
    for settings in [String::new(), redis.settings()] {
        let gateway = Gateway::start(&settings);
        let mut browser = Browser::signed_in(&gateway, "ada");
        for name in ["+bob", "zoe"] {
            gateway.register(name);
        }
        let answer = browser.get("/admin/users/export/?staff=no");
        let disposition = answer.header("Content-Disposition").unwrap();
        assert!(disposition.starts_with("attachment; filename=\"users-20"), "{disposition}");
        assert!(answer.header("Content-Type").unwrap().starts_with("text/csv"));
        let text = answer.text();
        let rows: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(rows[0], "id,username,email,is_active,is_staff,joined,last_login,live_tokens");
        assert_eq!(rows.len(), 4, "{text}");
        assert!(rows[1].contains("\"'+bob\",,true,false,20") && rows[1].ends_with(",,1"), "{text}");
        assert!(!text.contains("ada") && !text.contains("argon2"), "{text}");
        browser.get("/admin/events/export/?name=login_failed");
        eventually("both exports", || {
            let log = gateway.log();
            let told = log.contains("events_exported") && log.contains("name=login_failed");
            (told && log.contains("users_exported") && log.contains("staff=no")).then_some(())
        });
    }
}

#[test]
fn a_hostile_name_is_harmless_everywhere() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    for name in ["bob", "zoe"] {
        gateway.register(name);
    }
    let path = page_of(&gateway, "bob");
    let database = Connection::open(gateway.folder().join("authgate.db")).unwrap();
    let change = "UPDATE users SET username = ?1, email = ?1 WHERE username = 'bob'";
    database.execute(change, [HOSTILE]).unwrap();
    let id = between(&path, "users/", "/").unwrap();
    let pages = [
        "/admin/users/".to_owned(),
        "/admin/users/?q=%22".to_owned(),
        format!("/admin/users/?q={}&sort={}", "%22%3E%3Cimg%20src%3Dx%3E", "%3Cimg%3E"),
        format!("/admin/users/act/?act=delete&user={id}"),
        "/admin/tokens/".to_owned(),
        path.clone(),
        format!("{path}?done=%3Cimg%3E&token=%3Cimg%3E"),
        format!("{path}delete/"),
        format!("{path}email/"),
        format!("{path}password/"),
        format!("{path}tokens/new/"),
    ];
    for page in pages {
        let answer = browser.get(&page);
        assert_eq!(answer.status, 200, "{page}");
        assert!(!answer.text().contains("<img"), "{page}: {}", answer.text());
    }
    let list = browser.get("/admin/users/").text();
    assert!(list.contains("&lt;img src=x") && list.contains("Select zoe"), "{list}");
    let csv = browser.get("/admin/users/export/").text();
    assert!(csv.contains("\"\"\"><img src=x onerror=alert(1)>\""), "{csv}");
    browser.get(&format!("{path}delete/"));
    let deleted = browser.post(&format!("{path}delete/"), &[]);
    assert_eq!(deleted.status, 302, "{}", deleted.text());
    assert_eq!(browser.get(&path).status, 404);
}

#[test]
fn a_hostile_name_in_redis_is_listed_harmlessly_and_can_be_deleted() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    let mut browser = Browser::signed_in(&gateway, "ada");
    for name in ["bob", "zoe"] {
        gateway.register(name);
    }
    let path = page_of(&gateway, "bob");
    let id = between(&path, "users/", "/").unwrap();
    redis.ask::<u64>(&["HSET", &format!("authgate:user:{{{id}}}"), "username", UNSOUND]);
    for there in ["/admin/users/", "/admin/users/?sort=joined", "/admin/users/export/", &path] {
        let text = browser.get(there).text();
        assert!(text.contains("img src=x"), "{there}: {text}");
        assert!(there.contains("export") || !text.contains("<img"), "{there}: {text}");
    }
    assert!(browser.get("/admin/users/").text().contains("Select zoe"));
    let credentials = json!({ "username": "bob", "password": PASSWORD });
    let login = gateway.send(&Request::post("/api/login/").json(&credentials));
    assert_ne!(login.status, 200, "{}", login.text());
    browser.get(&format!("{path}delete/"));
    assert_eq!(browser.post(&format!("{path}delete/"), &[]).status, 302);
    assert_eq!(browser.get(&path).status, 404);
}

#[test]
fn nobody_is_let_in_by_a_name_that_no_user_can_have() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("bob");
    let database = Connection::open(gateway.folder().join("authgate.db")).unwrap();
    database.execute("UPDATE users SET username = ?1", [UNSOUND]).unwrap();
    let credentials = json!({ "username": UNSOUND, "password": PASSWORD });
    let login = gateway.send(&Request::post("/api/login/").json(&credentials));
    assert_eq!(login.status, 400, "{}", login.text());
    let refused =
        eventually("the refusal", || Some(gateway.status_of(&token)).filter(|s| *s != 200));
    assert_eq!(refused, 503);
}

#[test]
fn ones_own_account_has_no_button_that_takes_it_away() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    let page = browser.get(&page_of(&gateway, "ada")).text();
    assert!(page.contains("This is your own account"), "{page}");
    for act in ["deactivate/", "demote/", "delete/"] {
        assert!(!page.contains(act), "{act}: {page}");
    }
}

#[test]
fn what_changes_something_is_refused_without_the_key_of_the_page() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let path = page_of(&gateway, "bob");
    for there in ["delete/", "email/", "password/", "tokens/new/", "tokens/keep/"] {
        let request = Request::post(&format!("{path}{there}"))
            .with("Content-Type", "application/x-www-form-urlencoded")
            .body("form_key=wrong");
        assert_eq!(browser.send(request).status, 403, "{there}");
    }
    assert_eq!(browser.get(&path).status, 200);
}

#[test]
fn a_user_who_is_not_there_is_not_found() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    for path in ["/admin/users/999/", "/admin/users/x/", "/admin/users/1/hack/"] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_selection_keeps_the_search_and_the_page_that_it_came_from() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    for name in ["bob", "bobby"] {
        gateway.register(name);
    }
    let list = browser.get("/admin/users/?q=bob&sort=-username").text();
    assert!(list.contains("name=\"list\" value=\"?q=bob&amp;sort=-username\""), "{list}");
    let back = "href=\"/admin/users/?q=bob&amp;sort=-username\"";
    let query = "act=delete&list=%3Fq%3Dbob%26sort%3D-username";
    let nobody = browser.get(&format!("/admin/users/act/?{query}"));
    assert_eq!(nobody.status, 400);
    assert!(nobody.text().contains(back), "{}", nobody.text());
    let ids = ["bob", "bobby"]
        .map(|name| between(&page_of(&gateway, name), "/admin/users/", "/").unwrap());
    let query = format!("{query}&user={}&user={}", ids[0], ids[1]);
    let question = browser.get(&format!("/admin/users/act/?{query}")).text();
    for words in [back, "With the accounts goes:", "2 live tokens", "The accounts are gone"] {
        assert!(question.contains(words), "{words}: {question}");
    }
    let fields = [
        ("act", "delete"),
        ("list", "?q=bob&sort=-username"),
        ("user", &ids[0]),
        ("user", &ids[1]),
    ];
    let report = browser.post("/admin/users/act/", &fields).text();
    assert!(report.contains("Done for 2 users.") && report.contains(back), "{report}");
    let elsewhere = browser.get("/admin/users/act/?act=delete&list=//evil.example/").text();
    assert!(!elsewhere.contains("evil"), "{elsewhere}");
}
