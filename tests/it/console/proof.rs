//! What a session alone is not enough for.

use super::second_factor::{half_in, with_app};
use super::users::page_of;
use super::{Browser, between, make_operator, on_each_store};
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::Answer;
use crate::harness::redis_server::RedisServer;
use serde_json::Value;

const NEW: &str = "another-Word-9";
const OWN: (&str, &str) = ("own_password", PASSWORD);

/// Whether an answer is a form that asks for the proof.
fn asks(answer: &Answer) -> bool {
    answer.text().contains("name=\"own_password\"")
}

fn shown(gateway: &Gateway, name: &str, field: &str) -> Value {
    gateway.run(&["user", "show", name, "--json"]).done().json()[field].clone()
}

/// Has all sessions proved long ago.
fn forget_proofs(redis: &RedisServer) {
    let items = "authgate:items:{session}";
    let found: Vec<String> = redis.ask(&["HGETALL", items]);
    for pair in found.chunks(2) {
        let [key, text] = pair else { panic!("{found:?}") };
        let (head, value) = text.split_at(text.find('{').unwrap());
        let mut value: Value = serde_json::from_str(value).unwrap();
        value["proved"] = (value["proved"].as_i64().unwrap() - 601_000_000).into();
        redis.ask::<u64>(&["HSET", items, key, &format!("{head}{value}")]);
    }
}

/// An operator, someone to whom things are done, and a way to age the session.
fn with_bob() -> (RedisServer, Gateway, Browser) {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    let browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    (redis, gateway, browser)
}

#[test]
fn who_has_a_session_alone_makes_nobody_staff() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ada");
        gateway.register("bob");
        let promote = format!("{}promote/", page_of(gateway, "bob"));
        assert!(asks(&browser.get(&promote)));
        for proof in [&[][..], &[("own_password", "wrong-Word-5")]] {
            let answer = browser.post(&promote, proof);
            assert!(answer.status == 400 && asks(&answer), "{}", answer.text());
            assert!(!answer.text().contains("wrong-Word-5"));
        }
        let new = [("username", "zoe"), ("email", "zoe@example.com"), ("staff", "yes")];
        let answer = browser.post("/admin/users/new/", &new);
        assert!(answer.status == 400 && asks(&answer), "{}", answer.text());
        for kept in ["zoe@example.com", "name=\"staff\" value=\"yes\" checked"] {
            assert!(answer.text().contains(kept), "{kept}: {}", answer.text());
        }
        assert_eq!(shown(gateway, "bob", "is_staff"), false);
        assert_ne!(gateway.run(&["user", "show", "zoe"]).code, Some(0));
        assert_eq!(browser.post(&promote, &[OWN]).status, 302);
        assert_eq!(shown(gateway, "bob", "is_staff"), true);
        let new = [new.as_slice(), &[OWN]].concat();
        assert_eq!(browser.post("/admin/users/new/", &new).status, 200);
        assert_eq!(shown(gateway, "zoe", "is_staff"), true);
    });
}

#[test]
fn who_has_a_session_alone_takes_no_operator_over() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ada");
        with_app(gateway, "bob");
        let bob = page_of(gateway, "bob");
        for (act, fields) in [
            ("password/", &[("how", "typed"), ("password", "another-Word-9")][..]),
            ("tokens/new/", &[("lifetime", "never"), ("name", "a thief's")]),
            ("reset-totp/", &[]),
        ] {
            let path = format!("{bob}{act}");
            assert!(asks(&browser.get(&path)), "{act}");
            let answer = browser.post(&path, fields);
            assert!(answer.status == 400 && asks(&answer), "{act} {}", answer.text());
            assert!(!answer.text().contains("another-Word-9"));
        }
        assert_eq!(gateway.try_login("bob").status, 200);
        // With the proof it is as ever.
        assert_eq!(browser.post(&format!("{bob}reset-totp/"), &[OWN]).status, 302);
        let token = browser.post(&format!("{bob}tokens/new/"), &[OWN]);
        assert!(token.text().contains("It is not shown again"), "{}", token.text());
        let typed = [("how", "typed"), ("password", "another-Word-9"), OWN];
        assert_eq!(browser.post(&format!("{bob}password/"), &typed).status, 302);
    });
}

#[test]
fn an_operator_who_was_locked_out_is_let_in_by_a_proof_alone_or_with_others() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ada");
        make_operator(gateway, "bob");
        gateway.register("eve");
        gateway.run(&["user", "deactivate", "bob", "eve"]).done();
        let (bob, eve) = (page_of(gateway, "bob"), page_of(gateway, "eve"));
        let id = |path: &str| path.trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
        let (bobs, eves) = (id(&bob), id(&eve));
        let page = browser.get(&bob).text();
        assert!(page.contains(&format!("href=\"{bob}activate/\"")), "{page}");
        let answer = browser.post(&format!("{bob}activate/"), &[]);
        assert!(answer.status == 400 && asks(&answer), "{}", answer.text());
        let both = [("act", "activate"), ("user", bobs.as_str()), ("user", &eves)];
        let answer = browser.post("/admin/users/act/", &both);
        assert!(answer.status == 400 && asks(&answer), "{}", answer.text());
        assert!(answer.text().contains(&format!("name=\"user\" value=\"{eves}\"")));
        for name in ["bob", "eve"] {
            assert_eq!(shown(gateway, name, "is_active"), false, "{name}");
        }
        let done = browser.post("/admin/users/act/", &[both.as_slice(), &[OWN]].concat());
        assert!(done.text().contains("Done for 2 users."), "{}", done.text());
    });
}

#[test]
fn what_lets_in_an_ordinary_user_asks_for_a_proof_once_the_last_one_is_old() {
    let (redis, gateway, mut browser) = with_bob();
    gateway.register("eve");
    gateway.run(&["user", "deactivate", "eve"]).done();
    let (bob, eve) = (page_of(&gateway, "bob"), page_of(&gateway, "eve"));
    let typed = [("how", "typed"), ("password", "another-Word-9")];
    let acts = [
        (format!("{bob}password/"), &typed[..], 302),
        (format!("{bob}tokens/new/"), &[("name", "ci"), ("lifetime", "never")], 200),
        ("/admin/users/new/".to_owned(), &[("username", "zoe")], 200),
        (format!("{eve}activate/"), &[], 302),
    ];
    for (path, fields, status) in acts {
        browser.get("/admin/account/");
        forget_proofs(&redis);
        assert!(asks(&browser.get(&path)), "{path}");
        let answer = browser.post(&path, fields);
        assert!(answer.status == 400 && asks(&answer), "{path} {}", answer.text());
        let answer = browser.post(&path, &[fields, &[OWN]].concat());
        assert_eq!(answer.status, status, "{path} {}", answer.text());
        // From then on it is known for a while.
        for path in [format!("{bob}password/"), format!("{bob}tokens/new/")] {
            assert!(!asks(&browser.get(&path)), "{path}");
        }
    }
    assert_eq!(browser.post(&format!("{bob}tokens/new/"), &[("lifetime", "usual")]).status, 200);
}

#[test]
fn what_shuts_someone_out_never_asks_for_a_proof() {
    let (redis, gateway, mut browser) = with_bob();
    make_operator(&gateway, "eve");
    let (bob, eve) = (page_of(&gateway, "bob"), page_of(&gateway, "eve"));
    for path in [&bob, &eve] {
        for act in ["must-change/", "end-sessions/", "deactivate/"] {
            let there = format!("{path}{act}");
            browser.get("/admin/account/");
            forget_proofs(&redis);
            let answer = browser.post(&there, &[]);
            assert_eq!(answer.status, 302, "{there} {}", answer.text());
        }
    }
    assert_eq!(browser.post(&format!("{eve}demote/"), &[]).status, 302);
    browser.get("/admin/account/");
    forget_proofs(&redis);
    let deny = [("network", "192.0.2.0/24"), ("treatment", "deny"), ("for", "1h")];
    assert_eq!(browser.post("/admin/limits/networks/", &deny).status, 302);
}

#[test]
fn who_has_a_session_alone_deletes_nobody_and_so_frees_no_name() {
    let (redis, gateway, mut browser) = with_bob();
    make_operator(&gateway, "eve");
    let (bob, eve) = (page_of(&gateway, "bob"), page_of(&gateway, "eve"));
    let bobs = bob.trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
    let bulk = [("act", "delete"), ("user", bobs.as_str())];
    let delete = |path: &str| format!("{path}delete/");
    // Staff each time, others once the last proof is old.
    assert!(!asks(&browser.get(&delete(&bob))) && asks(&browser.get(&delete(&eve))));
    assert!(asks(&browser.post(&delete(&eve), &[])));
    browser.get("/admin/account/");
    forget_proofs(&redis);
    let path = "/admin/users/act/";
    for (path, fields) in [(delete(&bob), &[][..]), (delete(&eve), &[]), (path.to_owned(), &bulk)] {
        let answer = browser.post(&path, fields);
        assert!(answer.status == 400 && asks(&answer), "{path} {}", answer.text());
    }
    assert_eq!(shown(&gateway, "bob", "is_active"), true);
    assert_eq!(browser.post(&delete(&eve), &[OWN]).status, 302);
    let done = browser.post(path, &bulk);
    assert!(done.text().contains("Done for 1 user."), "{}", done.text());
}

#[test]
fn who_has_a_session_alone_has_nobody_keep_a_password_that_others_know() {
    let (redis, gateway, mut browser) = with_bob();
    make_operator(&gateway, "eve");
    gateway.run(&["user", "must-change", "bob"]).done();
    gateway.run(&["user", "must-change", "eve"]).done();
    for name in ["bob", "eve"] {
        let keep = format!("{}keep-password/", page_of(&gateway, name));
        browser.get("/admin/account/");
        forget_proofs(&redis);
        let answer = browser.post(&keep, &[]);
        assert!(answer.status == 400 && asks(&answer), "{}", answer.text());
        assert_eq!(shown(&gateway, name, "must_change"), true);
        assert_eq!(browser.post(&keep, &[OWN]).status, 302);
        assert_eq!(shown(&gateway, name, "must_change"), false);
    }
}

#[test]
fn who_has_a_session_alone_allows_no_network_and_lets_nobody_guess_on() {
    let (redis, gateway, mut browser) = with_bob();
    gateway.run(&["limits", "deny", "198.51.100.0/24"]).done();
    assert_eq!(Browser::of(&gateway).try_sign_in("bob", "wrong").status, 401);
    let allow = [("network", "192.0.2.0/24"), ("treatment", "allow"), ("for", "forever")];
    let limits = browser.get("/admin/limits/").text();
    // Each time.
    for proof in [&[][..], &[("own_password", "wrong")]] {
        let fields = [&allow[..], proof].concat();
        assert_eq!(browser.post("/admin/limits/networks/", &fields).status, 400);
    }
    let key = between(&limits, "name=\"limit\" value=\"", "\"").unwrap();
    forget_proofs(&redis);
    let shorter = [("network", "198.51.100.0/24"), ("treatment", "deny"), ("for", "10m")];
    let acts: [(&str, &[(&str, &str)]); 5] = [
        ("networks/", &allow),
        ("networks/", &shorter),
        ("networks/forget/", &[("network", "198.51.100.0/24")]),
        ("clear/", &[("limit", &key)]),
        ("clear/all/", &[]),
    ];
    for (act, fields) in acts {
        browser.get("/admin/account/");
        forget_proofs(&redis);
        let path = format!("/admin/limits/{act}");
        let answer = browser.post(&path, fields);
        assert!(answer.status == 400 && asks(&answer), "{path} {}", answer.text());
        for (name, value) in fields {
            let kept = format!("name=\"{name}\" value=\"{value}\"");
            assert!(answer.text().contains(&kept), "{kept}: {}", answer.text());
        }
        let answer = browser.post(&path, &[fields, &[OWN]].concat());
        assert_eq!(answer.status, 302, "{path} {}", answer.text());
    }
}

#[test]
fn guesses_at_a_proof_count_from_networks_that_no_limit_holds_for_too() {
    let limits = "[limits]\nallow = [\"127.0.0.1\"]\n\
        console_failures_per_account_and_network = \"3/1h\"\n";
    on_each_store(limits, |gateway| {
        let mut browser = Browser::signed_in(gateway, "ada");
        gateway.register("bob");
        let promote = format!("{}promote/", page_of(gateway, "bob"));
        browser.get(&promote);
        let wrong = [("own_password", "wrong")];
        let statuses = [(); 4].map(|()| browser.post(&promote, &wrong).status);
        assert_eq!(statuses, [400, 400, 400, 429]);
        for _ in 0..4 {
            assert_eq!(Browser::of(gateway).try_sign_in("ada", "wrong").status, 401);
        }
    });
}

#[test]
fn those_who_have_an_app_prove_it_by_a_code_too() {
    on_each_store("", |gateway| {
        let (mut browser, app) = with_app(gateway, "ada");
        gateway.register("bob");
        let promote = format!("{}promote/", page_of(gateway, "bob"));
        let page = browser.get(&promote).text();
        assert!(page.contains("name=\"code\""), "{page}");
        for code in ["", "000000", &app.code(-1)] {
            let answer = browser.post(&promote, &[OWN, ("code", code)]);
            assert_eq!(answer.status, 400, "{code} {}", answer.text());
        }
        let code = app.code(0);
        let wrong = [("own_password", "wrong"), ("code", code.as_str())];
        assert_eq!(browser.post(&promote, &wrong).status, 400);
        assert_eq!(browser.post(&promote, &[OWN, ("code", &code)]).status, 302);
    });
}

#[test]
fn guesses_at_a_proof_count_as_those_at_the_sign_in() {
    let limits = "[limits]\nconsole_failures_per_account_and_network = \"3/1h\"";
    let gateway = Gateway::start(limits);
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let promote = format!("{}promote/", page_of(&gateway, "bob"));
    browser.get(&promote);
    let guesses = ["wrong", "", "other", "again", PASSWORD];
    let statuses = guesses.map(|guess| browser.post(&promote, &[("own_password", guess)]).status);
    assert_eq!(statuses, [400, 400, 400, 400, 429]);
    assert_eq!(shown(&gateway, "bob", "is_staff"), false);
}

#[test]
fn a_new_password_of_ones_own_takes_a_code_of_those_who_have_an_app() {
    on_each_store("", |gateway| {
        let (mut browser, app) = with_app(gateway, "ada");
        let mut change = |fields: &[(&str, &str)]| {
            let page = browser.get("/admin/account/password/").text();
            assert!(page.contains("name=\"code\""), "{page}");
            let new = [("new_password", NEW), ("new_password_again", NEW)];
            let answer = browser.post("/admin/account/password/", &[&new, fields].concat());
            (answer.status, answer.text())
        };
        let (code, old) = (app.code(0), ("old_password", PASSWORD));
        let (status, text) = change(&[old]);
        assert!(status == 400 && text.contains("code of the app"), "{text}");
        let (status, text) = change(&[("old_password", "wrong"), ("code", &code)]);
        assert!(status == 400 && text.contains("The old password is wrong"), "{text}");
        let (status, text) = change(&[old, ("code", "000000")]);
        assert!(status == 400 && text.contains("The code is wrong"), "{text}");
        assert_eq!(change(&[old, ("code", &code)]).0, 302);
    });
}

#[test]
fn a_new_password_of_ones_own_proves_who_one_is() {
    let (redis, gateway, mut browser) = with_bob();
    let path = format!("{}password/", page_of(&gateway, "bob"));
    browser.get("/admin/account/");
    forget_proofs(&redis);
    assert!(asks(&browser.get(&path)));
    let new = [("new_password", NEW), ("new_password_again", NEW)];
    let fields = [&new[..], &[("old_password", PASSWORD)]].concat();
    assert_eq!(browser.post("/admin/account/password/", &fields).status, 302);
    assert!(!asks(&browser.get(&path)));
}

#[test]
fn who_has_an_old_session_alone_ends_no_others() {
    const END: &str = "/admin/account/sessions/end/";
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    let (mut thief, app) = with_app(&gateway, "ada");
    forget_proofs(&redis);
    let mut owner = half_in(&gateway, "ada");
    assert!(asks(&thief.get(END)));
    let answer = thief.post(END, &[]);
    assert!(answer.status == 400 && asks(&answer), "{}", answer.text());
    // They may be half-way.
    assert_eq!(owner.post("/admin/login/code/", &[("code", &app.code(0))]).status, 302);
    assert_eq!(thief.post(END, &[]).status, 400);
    assert!(owner.is_in());
    assert!(!asks(&owner.get(END)));
    assert_eq!(owner.post(END, &[]).status, 302);
    assert!(owner.is_in() && !thief.is_in());
}

#[test]
fn no_code_is_spent_on_what_cannot_be() {
    on_each_store("", |gateway| {
        let (mut browser, app) = with_app(gateway, "ada");
        make_operator(gateway, "bob");
        let code = app.code(0);
        let proof = [OWN, ("code", code.as_str())];
        browser.get("/admin/users/new/");
        let mut make = |name: &str, password: &str| {
            let typed = [("how", "typed"), ("password", password), ("staff", "yes")];
            let fields = [&[("username", name)], &typed[..], &proof].concat();
            browser.post("/admin/users/new/", &fields)
        };
        assert!(make("bob", NEW).text().contains("already exists"));
        assert!(make("zoe", "password").text().contains("too common"));
        let set = format!("{}password/", page_of(gateway, "bob"));
        let weak = [("how", "typed"), ("password", "password")];
        let answer = browser.post(&set, &[&weak[..], &proof].concat());
        assert!(answer.text().contains("too common"), "{}", answer.text());
        let good = [("how", "typed"), ("password", NEW)];
        assert_eq!(browser.post(&set, &[&good[..], &proof].concat()).status, 302);
    });
}

#[test]
fn no_code_is_spent_on_a_key_too_many() {
    let gateway = Gateway::start("");
    let (mut browser, app) = with_app(&gateway, "ada");
    for number in 0..50 {
        let name = number.to_string();
        gateway.run(&["key", "create", "ada", &name, "--right", "users:read"]).done();
    }
    browser.get("/admin/account/keys/");
    let code = app.code(0);
    let proof = [OWN, ("code", code.as_str())];
    let wish = [("name", "one more"), ("right", "users:read"), ("days", "7")];
    let answer = browser.post("/admin/account/keys/", &[&wish[..], &proof].concat());
    assert!(answer.status == 400 && answer.text().contains("as many"), "{}", answer.text());
    assert_eq!(browser.post("/admin/account/totp/off/", &proof).status, 302);
}
