//! Saving while users come and go: what was answered before is in it, what had ended is not.

use super::*;
use crate::harness::http::Request;
use crate::harness::{eventually, is_long};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// What clients were told: tokens that they got, and those that they ended.
#[derive(Default)]
struct Told {
    ended: BTreeSet<String>,
    given: BTreeSet<String>,
}

#[test]
fn a_backup_under_load_has_what_was_answered_before_it_began() {
    let rounds = if is_long() { 20 } else { 2 };
    for (settings, _server) in stores() {
        let (mut gateway, file) = gateway(&(settings + "[limits]\nenabled = false\n"));
        for number in 0..4 {
            gateway.register(&format!("user{number}"));
        }
        for round in 0..rounds {
            let (told, is_over) = (Mutex::new(Told::default()), AtomicBool::new(false));
            let (before, made) = std::thread::scope(|scope| {
                for number in 0..4 {
                    let (gateway, told, is_over) = (&gateway, &told, &is_over);
                    scope.spawn(move || {
                        while !is_over.load(Ordering::Relaxed) {
                            come_and_go(gateway, &format!("user{number}"), told);
                        }
                    });
                }
                eventually("some tokens", || (told.lock().unwrap().given.len() > 20).then_some(()));
                let now = told.lock().unwrap();
                let before = (now.given.clone(), now.ended.clone());
                drop(now);
                let path = file.to_str().unwrap();
                let made = gateway.run(&["store", "backup", "--force", path]);
                is_over.store(true, Ordering::Relaxed);
                (before, made)
            });
            made.done();
            let ended_later = told.into_inner().unwrap().ended;
            let has = |token: &str| {
                let digest = authgate::model::token::Token::new(token.to_owned()).digest();
                let db = Connection::open(&file).unwrap();
                let sql = "SELECT count(*) FROM tokens JOIN users ON users.id = user_id
                           WHERE digest = ?1 AND user_epoch = epoch";
                db.query_row(sql, [digest.as_bytes()], |row| row.get::<_, i64>(0)).unwrap() == 1
            };
            for token in &before.1 {
                assert!(!has(token), "round {round}: one had ended");
            }
            for token in before.0.difference(&ended_later) {
                assert!(has(token), "round {round}: one was there before");
            }
            gateway.run(&["store", "verify", file.to_str().unwrap()]).done();
        }
        gateway.kill();
        let path = file.to_str().unwrap();
        gateway.run(&["store", "restore", path, "--replace", "--yes", "--keep-tokens"]).done();
        gateway.run(&["store", "verify"]).done();
    }
}

/// Two logins and a logout. What is on its way to an end counts as ended only once it is answered, and
/// not as there from the moment when it is asked for.
fn come_and_go(gateway: &Gateway, name: &str, told: &Mutex<Told>) {
    // A busy machine may be too slow for a login: nothing was promised then.
    let login = || {
        let answer = gateway.try_login(name);
        let token = (answer.status == 200).then(|| answer.json()["token"].clone());
        token.map(|token| token.as_str().unwrap().to_owned())
    };
    let [one, other] = [(); 2].map(|()| eventually("a login", login));
    told.lock().unwrap().given.extend([one.clone(), other]);
    told.lock().unwrap().given.remove(&one);
    let logout = Request::post("/api/logout/").token(&one);
    // Repeated, it may find that it was done.
    let is_out = || matches!(gateway.send(&logout).status, 204 | 401).then_some(());
    eventually("a logout", is_out);
    told.lock().unwrap().ended.insert(one);
}
