//! A copy that follows its store while gateways use it.

use super::*;
use crate::harness::command::AUTHGATE;
use crate::harness::eventually;
use crate::harness::gateway::PASSWORD;
use crate::harness::http::{Connection, Request};
use authgate::model::token::Token;
use serde_json::json;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// A copy under way.
struct Copying {
    process: Child,
    said: PathBuf,
}

impl Copying {
    /// Copies the store of a gateway to another one, by these words.
    fn begin(gateway: &Gateway, words: &[&str]) -> Self {
        let said = gateway.folder().join("copy.out");
        let process = Command::new(AUTHGATE)
            .args(["store", "copy", "--config"])
            .arg(gateway.folder().join("authgate.toml"))
            .args(words)
            .stdout(File::create(&said).unwrap())
            .stderr(File::create(gateway.folder().join("copy.err")).unwrap())
            .spawn()
            .unwrap();
        Self { process, said }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    fn until_caught_up(&self) {
        eventually("the copy", || self.said().contains("It has caught up").then_some(()));
    }

    /// Ends it by Ctrl-C; what it has said.
    fn end(self) -> String {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
        self.finish()
    }

    fn finish(mut self) -> String {
        let status = eventually("its end", || self.process.try_wait().unwrap());
        let said = self.said();
        assert!(status.success(), "{status}: {said}");
        said
    }
}

/// A store of each kind, and where one of the other kind is.
fn both_ways(act: impl Fn(&str, &str)) {
    for is_from_redis in [false, true] {
        let (redis, folder) = (RedisServer::start(), crate::harness::folder());
        let file = format!("sqlite:{}", folder.path().join("store.db").display());
        let [from, to] = if is_from_redis { [redis.url(), file] } else { [file, redis.url()] };
        act(&from, &to);
    }
}

fn on(store: &str) -> Gateway {
    gateway(&format!("[store]\nurl = \"{store}\"\n[limits]\nenabled = false\n")).0
}

/// What clients were told.
#[derive(Default)]
struct Told {
    ended: Mutex<Vec<String>>,
    good: Mutex<Vec<String>>,
}

/// Registers, logs in and out, until it is over.
fn use_it(gateway: &Gateway, number: usize, told: &Told, is_over: &AtomicBool, done: &AtomicUsize) {
    for turn in 0.. {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let name = format!("user-{number}-{turn}");
        let first = gateway.register(&name);
        let second = gateway.login(&name);
        let (ended, good) = match turn % 3 {
            0 => (vec![], vec![first, second]),
            1 => {
                let logout = Request::post("/api/logout/").token(&first);
                assert_eq!(gateway.send(&logout).status, 204);
                (vec![first], vec![second])
            }
            _ => {
                let logout = Request::post("/api/logoutall/").token(&first);
                assert_eq!(gateway.send(&logout).status, 204);
                (vec![first, second], vec![gateway.login(&name)])
            }
        };
        told.ended.lock().unwrap().extend(ended);
        told.good.lock().unwrap().extend(good);
        done.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn nothing_that_was_answered_is_lost_and_nothing_that_was_ended_lives() {
    both_ways(|from, to| {
        let one = on(from);
        let (told, is_over, done) = (Told::default(), AtomicBool::new(false), AtomicUsize::new(0));
        let until = |more: usize| {
            let wanted = done.load(Ordering::SeqCst) + more;
            eventually("some work", || (done.load(Ordering::SeqCst) >= wanted).then_some(()));
        };
        let (said, other) = thread::scope(|scope| {
            for number in 0..3 {
                let (one, told, is_over, done) = (&one, &told, &is_over, &done);
                scope.spawn(move || use_it(one, number, told, is_over, done));
            }
            until(10);
            let copying = Copying::begin(&one, &[from, to, "--follow"]);
            copying.until_caught_up();
            until(10);
            let other = on(to);
            until(5);
            is_over.store(true, Ordering::SeqCst);
            eventually("the last", || {
                let last = told.good.lock().unwrap().last().cloned();
                last.filter(|token| other.status_of(token) == 502)
            });
            (copying.end(), other)
        });
        assert!(said.contains("Both have the same"), "{said}");
        for token in told.good.into_inner().unwrap() {
            assert_eq!(other.status_of(&token), 502);
        }
        for token in told.ended.into_inner().unwrap() {
            assert_eq!(other.status_of(&token), 401);
        }
        other.login("user-0-0");
        other.run(&["store", "verify"]).done();
        // Whoever joins the one is nobody of the other.
        let number = |gateway: &Gateway, name: &str| {
            gateway.register(name);
            gateway.run(&["user", "show", name, "--json"]).done().json()["id"].as_u64().unwrap()
        };
        assert!(number(&one, "late") + 500 < number(&other, "new"));
    });
}

/// Registers at an address, and every other time logs out; says what was answered.
fn come_and_go(address: SocketAddr, number: usize, told: &Told, is_over: &AtomicBool) {
    let ask = |request: &Request| Connection::open(address).send(request.bytes()).answer();
    for turn in 0.. {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        let name = format!("user-{number}-{turn}");
        let account = json!({ "username": name, "password": PASSWORD });
        let registered = ask(&Request::post("/api/register/").json(&account));
        assert_eq!(registered.status, 200, "{}", registered.text());
        let token = registered.json()["token"].as_str().unwrap().to_owned();
        let is_out =
            turn % 2 == 0 && ask(&Request::post("/api/logout/").token(&token)).status == 204;
        let list = if is_out { &told.ended } else { &told.good };
        list.lock().unwrap().push(token);
    }
}

#[test]
fn gateways_go_over_to_the_other_store_by_an_upgrade() {
    both_ways(|from, to| {
        let settings = |store: &str| {
            let terms = "[limits]\nenabled = false\n[server]\ncontrol = \"control\"\n";
            let routes = crate::harness::gateway::route("/app", "user");
            format!("[store]\nurl = \"{store}\"\n{terms}{routes}")
        };
        let mut gateway = Gateway::start(&settings(from));
        let (told, is_over) = (Told::default(), AtomicBool::new(false));
        let (address, old) = (gateway.address, gateway.register("ada"));
        let said = thread::scope(|scope| {
            for number in 0..3 {
                let (told, is_over) = (&told, &is_over);
                scope.spawn(move || come_and_go(address, number, told, is_over));
            }
            let copying = Copying::begin(&gateway, &[from, to, "--follow"]);
            copying.until_caught_up();
            gateway.configure(&settings(to));
            gateway.upgrade();
            let served = told.good.lock().unwrap().len();
            eventually("some work", || {
                (told.good.lock().unwrap().len() > served + 5).then_some(())
            });
            is_over.store(true, Ordering::SeqCst);
            copying.end()
        });
        assert!(said.contains("the other"), "{said}");
        assert_eq!(gateway.status_of(&old), 502);
        for token in told.good.into_inner().unwrap() {
            assert_eq!(gateway.status_of(&token), 502, "{said}");
        }
        for token in told.ended.into_inner().unwrap() {
            assert_eq!(gateway.status_of(&token), 401, "{said}");
        }
        gateway.run(&["store", "verify"]).done();
    });
}

#[test]
fn whatever_an_operator_does_is_carried_over() {
    both_ways(|from, to| {
        let one = on(from);
        let tokens = ["ada", "bob", "eve", "zoe"].map(|name| one.register(name));
        let copying = Copying::begin(&one, &[to, "--until-quiet=2s"]);
        copying.until_caught_up();
        one.run(&["user", "deactivate", "ada"]).done();
        one.run(&["user", "delete", "bob"]).done();
        one.run(&["token", "revoke-all", "eve"]).done();
        one.run(&["user", "promote", "eve"]).done();
        one.run(&["limits", "deny", "203.0.113.0/24"]).done();
        let bob = one.register("bob");
        let said = copying.finish();
        assert!(said.contains("Both have the same: 4 users, 2 good tokens."), "{said}");
        let other = on(to);
        let statuses = tokens.map(|token| other.status_of(&token));
        assert_eq!(statuses, [401, 401, 401, 502]);
        assert_eq!(other.status_of(&bob), 502);
        let list = |gateway: &Gateway| gateway.run(&["user", "list", "--json"]).done().json();
        assert_eq!(list(&other), list(&one));
        assert!(other.run(&["limits", "networks"]).done().says("203.0.113.0/24"));
        assert_eq!(drafts(one.folder()), 0);
    });
}

#[test]
fn a_token_that_is_kept_at_a_new_password_goes_on_in_the_other_store() {
    both_ways(|from, to| {
        let store = format!("[store]\nurl = \"{from}\"\n[limits]\nenabled = false\n");
        let (one, _) = gateway(&(store + "[passwords]\nself_service = true\n"));
        let [kept, ended] = [one.register("ada"), one.login("ada")];
        let copying = Copying::begin(&one, &[to, "--until-quiet=2s"]);
        copying.until_caught_up();
        let passwords = json!({ "old_password": PASSWORD, "new_password": "another-Word-456" });
        let change = Request::post("/api/password/change/").token(&kept).json(&passwords);
        assert_eq!(one.send(&change).status, 204);
        copying.finish();
        let other = on(to);
        assert_eq!((other.status_of(&kept), other.status_of(&ended)), (502, 401));
    });
}

#[test]
fn a_user_with_all_of_a_profile_is_carried_over() {
    both_ways(|from, to| {
        let one = on(from);
        let copying = Copying::begin(&one, &[to, "--until-quiet=2s"]);
        copying.until_caught_up();
        let ada = json!({
            "username": "ada", "password": "!x", "first_name": "Ada", "last_name": "Lovelace",
            "groups": [3], "is_superuser": true,
        });
        let dump = json!([
            { "model": "auth.group", "pk": 3, "fields": { "name": "poets" } },
            { "model": "auth.user", "pk": 7, "fields": ada },
        ]);
        let file = one.folder().join("dump.json");
        fs::write(&file, dump.to_string()).unwrap();
        one.run(&["import", "django", file.to_str().unwrap()]).done();
        copying.finish();
        let show =
            |gateway: &Gateway| gateway.run(&["user", "show", "ada", "--json"]).done().json();
        let shown = show(&on(to));
        assert_eq!(shown["profile"]["groups"], json!(["poets"]), "{shown}");
        assert_eq!(shown, show(&one));
    });
}

#[test]
fn who_was_deleted_in_the_one_store_does_not_come_back_in_the_other() {
    both_ways(|from, to| {
        let one = on(from);
        let file = one.folder().join("dump.json");
        let account = |name: &str, number: u64| {
            let joined = "2026-01-01T00:00:00Z";
            let fields = json!({ "username": name, "password": "!", "date_joined": joined });
            json!({ "model": "auth.user", "pk": number, "fields": fields })
        };
        let dump =
            json!([account("ada", 7), account("bob", 8), account("eve", 9), account("zoe", 10)]);
        fs::write(&file, dump.to_string()).unwrap();
        let import = ["import", "django", file.to_str().unwrap()];
        one.run(&import).done();
        one.run(&["user", "delete", "ada"]).done();
        let copying = Copying::begin(&one, &[to, "--until-quiet=2s"]);
        copying.until_caught_up();
        one.run(&["user", "delete", "bob"]).done();
        // A user of another name is no other one, and not deleted.
        let renamed = json!([account("zola", 10), account("new", 70)]);
        fs::write(&file, renamed.to_string()).unwrap();
        one.run(&[&import[..], &["--on-conflict", "update"]].concat()).done();
        copying.finish();
        fs::write(&file, dump.to_string()).unwrap();
        let other = on(to);
        for gateway in [&one, &other] {
            let said = gateway.run(&import).done();
            let told = "2 users are not taken: who had the number was deleted here";
            assert!(said.says(told), "{said:?}");
            gateway.run(&["user", "show", "id:70"]).done();
            gateway.run(&["user", "delete", "zola"]).done();
            let said = gateway.run(&import).done();
            assert!(said.says(&told.replace('2', "3")), "{said:?}");
            gateway.run(&["store", "verify"]).done();
        }
    });
}

#[test]
fn what_the_other_store_has_of_its_own_stays() {
    both_ways(|from, to| {
        let one = on(from);
        let old = one.register("ada");
        let copying = Copying::begin(&one, &[to, "--follow"]);
        copying.until_caught_up();
        let other = on(to);
        let (new, of_ada) = (other.register("new"), other.login("ada"));
        let late = one.register("late");
        one.send(&Request::post("/api/logout/").token(&old));
        eventually("what is late", || (other.status_of(&late) == 502).then_some(()));
        eventually("the end", || (other.status_of(&old) == 401).then_some(()));
        copying.end();
        assert_eq!([&new, &of_ada, &late].map(|token| other.status_of(token)), [502; 3]);
    });
}

#[test]
fn what_is_changed_while_no_feed_tells_of_it_is_found() {
    let redis = RedisServer::start();
    let one = on(&redis.url());
    let tokens: Vec<_> = (0..5).map(|turn| one.register(&format!("user{turn}"))).collect();
    let to = format!("sqlite:{}", one.folder().join("other.db").display());
    let copying = Copying::begin(&one, &[&to, "--follow"]);
    copying.until_caught_up();
    let mut late = vec![];
    for token in &tokens {
        redis.cut_feeds();
        one.send(&Request::post("/api/logout/").token(token));
        late.push(one.register(&format!("late{}", late.len())));
    }
    let other = on(&to);
    for (ended, good) in tokens.iter().zip(&late) {
        eventually("what is late", || (other.status_of(good) == 502).then_some(()));
        eventually("the end", || (other.status_of(ended) == 401).then_some(()));
    }
    assert!(copying.end().contains("Both have the same"));
}

/// How many files are on their way in a folder.
fn drafts(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().flatten();
    names.filter(|name| name.file_name().to_string_lossy().contains(".part")).count()
}

#[test]
fn whoever_may_not_sign_in_takes_their_tokens_along() {
    both_ways(|from, to| {
        let one = on(from);
        let tokens = ["a", "b"].map(|digit| digit.repeat(64));
        bring_inactive(&one, 1, "ada", &tokens[0]);
        let copying = Copying::begin(&one, &[to, "--until-quiet=2s"]);
        copying.until_caught_up();
        bring_inactive(&one, 2, "bob", &tokens[1]);
        copying.finish();
        let other = on(to);
        for (name, token) in ["ada", "bob"].into_iter().zip(&tokens) {
            assert_eq!(other.status_of(token), 401);
            other.run(&["user", "activate", name]).done();
            assert_eq!(other.status_of(token), 502, "{name}");
        }
    });
}

/// Somebody is moved in who may not sign in, with a token.
fn bring_inactive(to: &Gateway, number: u64, name: &str, token: &str) {
    let digest = hex::encode(Token::new(token.to_owned()).digest().as_bytes());
    let user = json!({ "username": name, "password": "!x", "is_active": false });
    let fields = json!({
        "token_key": token[..15], "user": number,
        "created": "2026-11-24T06:13:53Z", "expiry": null,
    });
    let dump = json!([
        { "model": "auth.user", "pk": number, "fields": user },
        { "model": "knox.authtoken", "pk": digest, "fields": fields },
    ]);
    let file = to.folder().join(format!("{name}.json"));
    fs::write(&file, dump.to_string()).unwrap();
    to.run(&["import", "django", file.to_str().unwrap()]).done();
}
