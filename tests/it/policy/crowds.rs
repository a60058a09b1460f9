//! More than can be served, or more than is allowed.

use serde_json::json;

use super::backing::Place;
use super::judge::{check, look_for_signs};
use super::stage::{Stage, Terms};
use super::stores::until_well;
use super::table::{HASHING_FULL, LIMIT_REACHED, LIMITER_ALONE};
use crate::harness::eventually;
use crate::harness::gateway::PASSWORD;
use crate::harness::http::{Connection, Request};

/// Routes of a class that allows so much.
fn limited(rate: &str) -> String {
    let route = |path: &str, access: &str| {
        format!(
            "[[routes]]\npath = \"{path}\"\naccess = \"{access}\"\nupstream = \"app\"\n\
             rate_class = \"few\"\n"
        )
    };
    let class =
        format!("[[limits.classes]]\nname = \"few\"\nrate = \"{rate}\"\nby = \"address\"\n");
    route("/limited", "public") + &route("/limited/app", "user") + &class
}

fn login(name: &str, password: &str) -> Request {
    Request::post("/api/login/").json(&json!({ "username": name, "password": password }))
}

#[test]
fn more_logins_than_can_be_hashed() {
    let slow = "[passwords]\nthreads = 1\n\
                argon2 = { memory = \"32MiB\", iterations = 6, parallelism = 1 }\n\
                [limits]\nenabled = false\n";
    let mut stage = Stage::set(Place::Sqlite, &Terms { settings: slow, ..Terms::default() });
    let mut crowd: Vec<Connection> = Vec::new();
    // Strangers, and those who are where alice has logged in lately.
    for number in 0..64 {
        let name = if number % 2 == 0 { "alice".to_owned() } else { format!("stranger{number}") };
        let mut client = stage.gateway.connect();
        client.send(login(&name, "not-their-Passw0rd").bytes());
        crowd.push(client);
    }
    eventually("a full queue", || (stage.gateway.meter("hash_refusals_total") > 4.0).then_some(()));
    check(&mut stage, &HASHING_FULL);
    look_for_signs(&stage, &HASHING_FULL);
    for client in &mut crowd {
        let status = client.answer().status;
        assert!([400, 503].contains(&status), "{status}");
    }
    until_well(&mut stage, &[]);
}

#[test]
fn limits_that_are_reached() {
    let terms = limited("2/1h")
        + "[limits]\nlogin_failures_per_account_and_network = \"3/1h\"\n\
           registrations_per_network = \"5/1h\"\n";
    for place in [Place::Sqlite, Place::Redis] {
        let mut stage = Stage::set(place, &Terms { settings: &terms, ..Terms::default() });
        stage.pages = ["/limited", "/limited/app"];
        let until_refused = |request: &dyn Fn() -> Request| {
            eventually("the limit", || {
                (stage.gateway.send(&request()).status == 429).then_some(())
            });
        };
        until_refused(&|| Request::get("/limited"));
        until_refused(&|| login("alice", "not-their-Passw0rd"));
        let taken = json!({ "username": "alice", "password": PASSWORD });
        until_refused(&|| Request::post("/api/register/").json(&taken));
        check(&mut stage, &LIMIT_REACHED);
        look_for_signs(&stage, &LIMIT_REACHED);
    }
}

#[test]
fn limits_that_each_gateway_counts_by_itself() {
    let terms = limited("4/1h") + "[limits]\ngateways = 2\n";
    let mut stage = Stage::set(Place::Redis, &Terms { settings: &terms, ..Terms::default() });
    stage.pages = ["/limited", "/app"];
    stage.backing.servers()[0].kill();
    let ask = || stage.gateway.send(&Request::get("/limited")).status;
    assert_eq!([ask(), ask()], [200; 2], "its part of four");
    check(&mut stage, &LIMITER_ALONE);
    look_for_signs(&stage, &LIMITER_ALONE);
    stage.backing.servers()[0].restart();
    stage.pages = ["/public", "/app"];
    until_well(&mut stage, &[]);
}
