//! A gateway whose store is a file, killed and starved: what was answered is there.

use crate::harness::command::AUTHGATE;
use crate::harness::gateway::{Gateway, PASSWORD, route};
use crate::harness::http::{Connection, Request};
use crate::harness::{eventually, is_long};
use serde_json::json;
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

/// What clients were told.
#[derive(Default)]
struct Told {
    ended: BTreeSet<String>,
    given: BTreeSet<String>,
    registered: BTreeSet<String>,
}

/// Registers, logs in and out until the gateway is gone.
fn come_and_go(gateway: std::net::SocketAddr, names: &str, told: &Mutex<Told>) {
    let ask = |request: &Request| {
        let mut connection = Connection::try_open(gateway).ok()?;
        connection.try_send(&request.bytes()).ok()?;
        let answer = connection.try_answer().ok()?;
        // A busy machine may be slow to serve; nothing was promised then.
        (answer.status < 300).then_some(answer)
    };
    for number in 0.. {
        let name = format!("{names}-{number}");
        let account = json!({ "username": name, "password": PASSWORD });
        let Some(answer) = ask(&Request::post("/api/register/").json(&account)) else { return };
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        let mut now = told.lock().unwrap();
        now.registered.insert(name);
        now.given.insert(token.clone());
        if number % 2 == 0 {
            continue;
        }
        // From here on nobody knows, until it is answered.
        now.given.remove(&token);
        drop(now);
        let logout = Request::post("/api/logout/").token(&token);
        if ask(&logout).is_none() {
            return;
        }
        told.lock().unwrap().ended.insert(token);
    }
}

#[test]
fn what_was_answered_before_a_kill_is_there_after_it() {
    let rounds = if is_long() { 200 } else { 4 };
    let settings = route("/app", "user") + "[limits]\nenabled = false\n";
    let mut gateway = Gateway::start(&settings);
    let told = Mutex::new(Told::default());
    for round in 0..rounds {
        let address = gateway.address;
        std::thread::scope(|scope| {
            for client in 0..4 {
                let (told, names) = (&told, format!("user{round}-{client}"));
                scope.spawn(move || come_and_go(address, &names, told));
            }
            let some = || (told.lock().unwrap().registered.len() > 4).then_some(());
            eventually("some users", some);
            // Not at the same moment in each round.
            std::thread::sleep(Duration::from_millis((round * 37) % 150));
            gateway.kill();
        });
        gateway.restart();
        let mut told = told.lock().unwrap();
        assert!(!told.registered.is_empty(), "round {round}");
        for (tokens, expected) in [(&told.given, 502), (&told.ended, 401)] {
            for token in tokens {
                assert_eq!(gateway.status_of(token), expected, "round {round}");
            }
        }
        let listed = gateway.run(&["user", "list", "--json"]).done().json();
        let listed = listed.as_array().unwrap().iter();
        let listed: BTreeSet<_> = listed.map(|user| user["username"].as_str().unwrap()).collect();
        for name in &told.registered {
            assert!(listed.contains(name.as_str()), "round {round}: {name}");
        }
        *told = Told::default();
        drop(told);
        gateway.run(&["store", "verify"]).done();
    }
}

#[test]
fn without_room_on_the_disk_nothing_is_taken_and_tokens_are_served_until_there_is_room() {
    let settings = route("/app", "user") + "[limits]\nenabled = false\n";
    // The system would end the process, where a disk that is full only says so.
    let mut program = Command::new("sh");
    program.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", AUTHGATE]);
    let gateway = Gateway::start_by(program, &settings, &[]);
    let token = gateway.register("ada");
    let limit = |bytes: &str| {
        let id = gateway.process_id().to_string();
        let said = Command::new("prlimit").args(["--pid", &id, bytes]).output().unwrap();
        assert!(said.status.success(), "{said:?}");
    };
    limit("--fsize=4096:unlimited");
    for number in 0..3 {
        assert_eq!(gateway.try_register(&format!("user{number}")).status, 503);
        assert_eq!(gateway.try_login("ada").status, 503);
        assert_eq!(gateway.status_of(&token), 502);
    }
    limit("--fsize=unlimited:unlimited");
    eventually("room", || (gateway.try_register("eve").status == 200).then_some(()));
    gateway.run(&["store", "verify"]).done();
    assert_eq!(gateway.status_of(&token), 502);
}

#[test]
fn a_first_start_says_that_it_made_the_store_and_later_ones_do_not() {
    let mut gateway = Gateway::start("");
    let made =
        |gateway: &Gateway| gateway.log().matches("there was no store: made a new one").count();
    eventually("its word", || (made(&gateway) == 1).then_some(()));
    let starts = |gateway: &Gateway| gateway.log().matches("version=").count();
    eventually("the start", || (starts(&gateway) == 1).then_some(()));
    gateway.restart();
    eventually("another start", || (starts(&gateway) == 2).then_some(()));
    assert_eq!(made(&gateway), 1);
}
