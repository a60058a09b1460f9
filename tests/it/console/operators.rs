//! That there is always someone who can sign in.

use super::{Browser, make_operator, on_each_store};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::redis_server::RedisServer;
use std::thread;

fn id_of(gateway: &Gateway, name: &str) -> String {
    gateway.run(&["user", "show", name, "--json"]).done().json()["id"].to_string()
}

#[test]
fn nobody_takes_their_own_account_from_themselves_at_the_console() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "root");
    let mut browser = Browser::signed_in(&gateway, "ada");
    let id = id_of(&gateway, "ada");
    for act in ["deactivate", "demote", "delete"] {
        browser.get(&format!("/admin/users/{id}/{act}/"));
        let answer = browser.post(&format!("/admin/users/{id}/{act}/"), &[]);
        let words = answer.text();
        assert_eq!(answer.status, 400, "{act}: {words}");
        assert!(words.contains("by another operator only"), "{act}: {words}");
    }
    assert!(browser.is_in());
    // Nor do they replace their password without the present one.
    let path = format!("/admin/users/{id}/password/");
    let fields = [("how", "typed"), ("password", "another-Word-456")];
    let answer = browser.post(&path, &fields);
    assert_eq!(answer.header("Location").unwrap(), "/admin/account/password/");
    browser.sign_in("ada");
}

#[test]
fn of_two_operators_who_demote_each_other_one_stays() {
    on_each_store("", |gateway| {
        for round in 0..3 {
            let names = ["a", "b"].map(|letter| format!("{letter}{round}"));
            for name in &names {
                make_operator(gateway, name);
            }
            if round > 0 {
                // Whoever was left before is none any more.
                for name in ["a", "b"].map(|letter| format!("{letter}{}", round - 1)) {
                    gateway.run(&["user", "demote", &name]).done();
                }
            }
            let demote = |name: &str| gateway.run(&["user", "demote", name]).code;
            let codes = thread::scope(|scope| {
                let demotions = names.each_ref().map(|name| scope.spawn(move || demote(name)));
                demotions.map(|demotion| demotion.join().unwrap())
            });
            let done = codes.iter().filter(|code| **code == Some(0)).count();
            assert_eq!(done, 1, "{codes:?}");
        }
    });
}

#[test]
fn a_gateway_that_has_an_operator_offers_to_make_none() {
    let mut gateway = Gateway::start("");
    let offers = |gateway: &Gateway| gateway.log().matches("/setup/?code=").count();
    eventually("the first offer", || (offers(&gateway) == 1).then_some(()));
    make_operator(&gateway, "ada");
    gateway.restart();
    let mut browser = Browser::of(&gateway);
    assert_eq!(browser.try_sign_in("ada", PASSWORD).status, 302);
    assert_eq!(offers(&gateway), 1, "that of the first start");
}

const LOCK: &str = "authgate:lock:{operators}";

#[test]
fn only_what_could_take_an_operator_away_waits_for_others_who_do_so() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    make_operator(&gateway, "root");
    make_operator(&gateway, "ada");
    for name in ["alice", "bob"] {
        gateway.register(name);
    }
    let lock = || redis.ask::<String>(&["SET", LOCK, "another"]);
    lock();
    gateway.run(&["user", "deactivate", "alice", "bob"]).done();
    gateway.run(&["user", "delete", "alice"]).done();
    for verb in ["deactivate", "demote", "delete"] {
        lock();
        let refused = gateway.run(&["user", verb, "ada"]);
        assert_eq!(refused.code, Some(1), "{verb}");
        assert!(refused.stderr.contains("at this moment"), "{}", refused.stderr);
    }
    redis.ask::<u64>(&["DEL", LOCK]);
    gateway.run(&["user", "demote", "ada"]).done();
}

#[test]
fn that_keys_cannot_be_listed_keeps_nobody_from_locking_an_operator_out() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    make_operator(&gateway, "root");
    make_operator(&gateway, "ada");
    redis.ask::<u64>(&["DEL", "authgate:items:{api_key}"]);
    redis.ask::<String>(&["SET", "authgate:items:{api_key}", "junk"]);
    gateway.run(&["user", "sign-out", "ada"]).done();
    gateway.run(&["user", "deactivate", "ada"]).done();
    assert_eq!(gateway.try_login("ada").status, 400);
}

#[test]
fn that_nobody_knows_whether_keys_have_ended_is_told_and_done_again() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    make_operator(&gateway, "root");
    make_operator(&gateway, "ada");
    gateway.register("alice");
    let permit = |keys: &[&str]| {
        let words = [&["ACL", "SETUSER", "default", "resetkeys"], keys].concat();
        redis.ask::<String>(&words);
    };
    // All but the API keys.
    permit(&["~authgate:[^i]*", "~authgate:in*", "~authgate:items:{[^a]*"]);
    let said = gateway.run(&["user", "deactivate", "alice"]);
    assert!(said.stderr.contains("did not tell whether API keys"), "{said:?}");
    assert_eq!(gateway.try_login("alice").status, 400);
    // Of an operator they end first: nothing is changed.
    assert_ne!(gateway.run(&["user", "deactivate", "ada"]).code, Some(0));
    assert_eq!(gateway.try_login("ada").status, 200);
    permit(&["allkeys"]);
    assert!(gateway.run(&["user", "deactivate", "alice"]).done().says("is locked out already"));
    gateway.run(&["user", "deactivate", "ada"]).done();
}
