//! How long sessions hold, and what ends them.

use super::{Browser, make_operator, on_each_store};
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::redis_server::RedisServer;

#[test]
fn whatever_ends_a_users_tokens_ends_their_sessions() {
    on_each_store("", |gateway| {
        make_operator(gateway, "root");
        let verbs: [&[&str]; 6] = [
            &["user", "demote"],
            &["user", "deactivate"],
            &["user", "delete"],
            &["user", "sign-out"],
            &["token", "revoke-all"],
            &["user", "set-password", "--password-stdin"],
        ];
        for (number, verb) in verbs.into_iter().enumerate() {
            let name = format!("user{number}");
            let mut browser = Browser::signed_in(gateway, &name);
            assert!(browser.is_in());
            let input = format!("{PASSWORD}-other\n");
            gateway.run_with_input(&[verb, &[&name]].concat(), &input).done();
            assert!(!browser.is_in(), "{verb:?}");
        }
    });
}

#[test]
fn who_was_demoted_and_promoted_again_signs_in_anew() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "root");
    let mut browser = Browser::signed_in(&gateway, "ada");
    for verb in ["demote", "promote"] {
        gateway.run(&["user", verb, "ada"]).done();
    }
    assert!(!browser.is_in());
}

#[test]
fn after_signing_out_the_back_button_shows_nothing() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    let cookie = browser.cookie().unwrap().to_owned();
    for page in ["/admin/", "/admin/account/", "/admin/account/password/", "/admin/users/"] {
        let answer = browser.get(page);
        let kept = answer.header("Cache-Control");
        assert_eq!((answer.status, kept.as_deref()), (200, Some("no-store")), "{page}");
    }
    let left = browser.post("/admin/logout/", &[]);
    assert_eq!((left.status, left.header("Location").unwrap().as_str()), (302, "/admin/login/"));
    assert!(left.header("Set-Cookie").unwrap().contains("Max-Age=0"));
    browser.show(&cookie);
    let back = browser.get("/admin/account/");
    assert_eq!((back.status, back.text().contains("ada")), (302, false));
    assert_eq!(back.header("Cache-Control").unwrap(), "no-store");
}

#[test]
fn one_ends_all_ones_other_sessions() {
    on_each_store("", |gateway| {
        let mut here = Browser::signed_in(gateway, "ada");
        let mut others = [(); 2].map(|()| Browser::of(gateway));
        for other in &mut others {
            other.sign_in("ada");
        }
        let mut bob = Browser::signed_in(gateway, "bob");
        let page = here.get("/admin/account/").text();
        assert_eq!(page.matches("data-label=\"Browser\"").count(), 3);
        assert_eq!(page.matches("this one").count(), 1);
        let question = here.get("/admin/account/sessions/end/").text();
        assert!(question.contains("Your 2 other sessions end"), "{question}");
        assert!(others.iter_mut().all(Browser::is_in));
        assert_eq!(here.post("/admin/account/sessions/end/", &[]).status, 302);
        assert!(here.is_in() && bob.is_in());
        assert!(others.iter_mut().all(|other| !other.is_in()));
    });
}

#[test]
fn junk_among_the_sessions_takes_down_no_page_and_stops_no_sweep() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    let mut browser = Browser::signed_in(&gateway, "ada");
    let items = "authgate:items:{session}";
    for (key, junk) in [("x", "junk"), ("y", "- 1 junk"), ("z", "1 999 {}")] {
        redis.ask::<u64>(&["HSET", items, key, junk]);
    }
    assert_eq!(browser.get("/admin/account/").status, 200);
    redis.ask::<String>(&["SET", "authgate:items:{lock}", "junk"]);
    gateway.run(&["sweep"]).done();
    // What has ended goes; what cannot be read stays for someone to look at.
    assert_eq!(redis.ask::<Vec<String>>(&["HMGET", items, "x", "y"]), ["junk", "- 1 junk"]);
    assert!(!redis.ask::<bool>(&["HEXISTS", items, "z"]));
    redis.ask::<u64>(&["DEL", "authgate:items:{lock}"]);
    gateway.register("bob");
    gateway.run(&["user", "delete", "bob", "--yes"]).done();
}
