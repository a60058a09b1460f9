//! Kill rounds: gateways or their store are killed at any moment under load. What was acknowledged is
//! there afterwards, and nothing is half there.

use super::chance::Chance;
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::{Connection, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use crate::harness::{eventually, is_long};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How many clients write at once.
const CLIENTS: usize = 8;

#[test]
fn killing_a_gateway_on_a_file_loses_nothing_and_leaves_nothing_half_there() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(&settings(&upstream, "[store]\n"));
    rounds(|chance, round| {
        let written = under_load(gateway.address, round, chance, || gateway.restart());
        written.is_whole(&gateway);
    });
}

#[test]
fn killing_a_gateway_on_redis_loses_nothing_and_leaves_nothing_half_there() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let mut gateway = Gateway::start(&settings(&upstream, &redis.settings()));
    rounds(|chance, round| {
        let written = under_load(gateway.address, round, chance, || gateway.restart());
        written.is_whole(&gateway);
    });
}

#[test]
fn killing_redis_loses_nothing_and_leaves_nothing_half_there() {
    let (upstream, mut redis) = (Upstream::start(), RedisServer::start());
    let gateway = Gateway::start(&settings(&upstream, &redis.settings()));
    rounds(|chance, round| {
        let written = under_load(gateway.address, round, chance, || redis.restart());
        eventually("the store", || (gateway.try_login("nobody").status == 400).then_some(()));
        written.is_whole(&gateway);
    });
}

fn settings(upstream: &Upstream, store: &str) -> String {
    let limits = "[limits]\nenabled = false\n";
    upstream.settings() + ROUTES + store + limits
}

fn rounds(mut round: impl FnMut(&mut Chance, usize)) {
    let seed = super::seed();
    println!("AUTHGATE_SEED={seed}");
    let mut chance = Chance::new(seed);
    let count = if is_long() { 200 } else { 10 };
    (0..count).for_each(|number| round(&mut chance, number));
    println!("{count} rounds");
}

/// What clients were told, and what they were not.
#[derive(Default)]
struct Written {
    /// Tokens whose logout was acknowledged.
    ended: Vec<String>,
    /// Tokens that were given out, and nobody wanted to end.
    good: Vec<String>,
    registered: Vec<String>,
    /// Names of those who got no answer, or that nobody could tell.
    unknown: Vec<String>,
}

/// Has clients write until something is killed, at any moment, and says what they were told.
fn under_load(
    gateway: SocketAddr,
    round: usize,
    chance: &mut Chance,
    kill: impl FnOnce(),
) -> Written {
    let (written, is_over) = (Mutex::<Written>::default(), AtomicBool::new(false));
    let after = chance.millis(5, 150);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (written, is_over) = (&written, &is_over);
            scope.spawn(move || {
                for count in 0.. {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    write(gateway, format!("u{round}-{client}-{count}"), written);
                }
            });
        }
        thread::sleep(after);
        kill();
        is_over.store(true, Ordering::SeqCst);
    });
    written.into_inner().unwrap()
}

/// Registers someone, and logs every second one out.
fn write(gateway: SocketAddr, name: String, written: &Mutex<Written>) {
    let account = json!({ "username": name, "password": PASSWORD });
    let request = Request::post("/api/register/").json(&account);
    let Some(answer) = ask(gateway, &request).filter(|(status, _)| *status == 200) else {
        // Each of them is looked at afterwards: hundreds that all say the same take minutes in the end.
        thread::sleep(Duration::from_millis(100));
        return written.lock().unwrap().unknown.push(name);
    };
    let token = answer.1["token"].as_str().unwrap().to_owned();
    let wants_out = token.ends_with(['0', '1', '2', '3', '4', '5', '6', '7']);
    written.lock().unwrap().registered.push(name);
    if !wants_out {
        return written.lock().unwrap().good.push(token);
    }
    let request = Request::post("/api/logout/").token(&token);
    if ask(gateway, &request).is_some_and(|(status, _)| status == 204) {
        written.lock().unwrap().ended.push(token);
    }
}

fn ask(gateway: SocketAddr, request: &Request) -> Option<(u16, serde_json::Value)> {
    let mut connection = Connection::try_open(gateway).ok()?;
    let answer = connection.send(request.bytes()).try_answer().ok()?;
    let body = if answer.status == 200 { answer.json() } else { json!(null) };
    Some((answer.status, body))
}

impl Written {
    /// Sees that all of it is there, and nothing by half.
    fn is_whole(&self, gateway: &Gateway) {
        for name in &self.registered {
            assert_eq!(gateway.try_login(name).status, 200, "{name} was registered");
        }
        for token in &self.good {
            assert_eq!(gateway.status_of(token), 200, "a token was given out");
        }
        for token in &self.ended {
            assert_eq!(gateway.status_of(token), 401, "a logout was acknowledged");
        }
        // A name that nobody could tell of is somebody's, who gets in, or free.
        for name in &self.unknown {
            let status = gateway.try_login(name).status;
            let again = gateway.try_register(name).status;
            assert!(
                [(200, 400), (400, 200)].contains(&(status, again)),
                "{name}: {status} {again}"
            );
            assert_eq!(gateway.try_login(name).status, 200, "{name}");
        }
    }
}
