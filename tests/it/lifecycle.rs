//! Start, stop, kill, restart, and a store that goes away: nothing that was answered is lost.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::command::AUTHGATE;
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::{Connection, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::{Script, Upstream};
use crate::harness::{eventually, folder, free_address};

/// A Redis that has written to its disk what it has answered.
const DURABLE: &[&str] = &["--appendonly", "yes", "--appendfsync", "always"];
const UNAVAILABLE: &str = r#"{"detail":"Service temporarily unavailable."}"#;

#[test]
fn a_gateway_answers_once_it_listens() {
    let gateway = Gateway::start("");
    assert_eq!(gateway.try_register("alice").status, 200);
}

#[test]
fn a_gateway_says_at_its_start_which_store_it_uses() {
    let redis = RedisServer::start_with(DURABLE);
    for (settings, store) in [(String::new(), "sqlite"), (store(&redis), "redis")] {
        let gateway = Gateway::start(&settings);
        eventually(store, || gateway.log().to_lowercase().contains(store).then_some(()));
    }
}

#[test]
fn a_gateway_warns_of_a_redis_that_forgets() {
    let redis = RedisServer::start_with(&["--appendonly", "no"]);
    let gateway = Gateway::start(&store(&redis));
    eventually("the warning", || gateway.log().contains("appendonly is off").then_some(()));
}

#[test]
fn the_demo_leaves_nothing_behind() {
    for signal in ["TERM", "INT"] {
        let (folder, address) = (folder(), free_address());
        let mut process = Command::new(AUTHGATE)
            .args(["demo", "--listen", &address.to_string()])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the demo to listen", || TcpStream::connect(address).ok());
        let count = || fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(count(), 1);
        let id = process.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        let end = eventually("the demo's end", || process.try_wait().unwrap());
        assert_eq!((end.code(), count()), (Some(0), 0), "{signal}");
    }
}

#[test]
fn a_log_that_nobody_reads_stops_nobody() {
    let folder = folder();
    let address = free_address();
    let mut process = Command::new(AUTHGATE)
        .args(["serve", "--listen", &address.to_string()])
        .current_dir(&folder)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("the gateway to listen", || TcpStream::connect(address).ok());
    let mut client = Connection::open(address);
    // A pipe holds some 400 lines.
    for _ in 0..1_000 {
        assert_eq!(client.send(Request::get("/app").bytes()).answer().status, 401);
    }
    let terminate = format!("kill -TERM {}", process.id());
    Command::new("sh").args(["-c", &terminate]).status().unwrap();
    let end = eventually("the gateway's end", || process.try_wait().unwrap());
    assert_eq!(end.code(), Some(0));
}

#[test]
fn a_restart_keeps_users_and_tokens() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    gateway.restart();
    assert_eq!(gateway.send(&Request::get("/app").token(&token)).status, 200);
    assert_eq!(gateway.try_login("alice").status, 200);
}

#[test]
fn a_restart_keeps_a_logout() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    gateway.send(&Request::post("/api/logout/").token(&token));
    gateway.restart();
    assert_eq!(gateway.send(&Request::get("/app").token(&token)).status, 401);
}

#[test]
fn a_killed_gateway_loses_no_registration_that_it_answered() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::before(&upstream);
    let answered = register_until(gateway.address, || gateway.kill());
    gateway.restart();
    assert_all_live(&gateway, &answered);
}

#[test]
fn a_killed_redis_loses_no_registration_that_was_answered() {
    let upstream = Upstream::start();
    let mut redis = RedisServer::start_with(DURABLE);
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + &store(&redis)));
    let answered = register_until(gateway.address, || redis.kill());
    redis.restart();
    eventually("the store's return", || (gateway.try_register("last").status == 200).then_some(()));
    assert_all_live(&gateway, &answered);
}

#[test]
fn a_request_in_flight_is_finished_after_sigterm() {
    let upstream = Upstream::answering(Script::Dictated);
    let mut gateway = Gateway::before(&upstream);
    let mut client = gateway.connect();
    client.send(Request::get("/public").bytes());
    upstream.say("before");
    client.head().unwrap();
    assert_eq!(client.chunk().unwrap(), b"before");
    gateway.terminate();
    upstream.say("after");
    upstream.say("");
    assert_eq!(client.chunk().unwrap(), b"after");
    assert_eq!(client.chunk().unwrap(), b"");
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn an_idle_gateway_ends_well_after_sigterm() {
    let mut gateway = Gateway::start("");
    gateway.register("alice");
    gateway.terminate();
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn a_request_that_never_ends_does_not_hold_up_the_end_for_longer_than_the_grace() {
    let upstream = Upstream::answering(Script::Silence);
    let grace = "[server]\ngrace = \"500ms\"\n";
    let mut gateway = Gateway::start(&(upstream.settings() + ROUTES + grace));
    let mut client = gateway.connect();
    client.send(Request::get("/public").bytes());
    upstream.next_request();
    gateway.terminate();
    gateway.exit_code();
}

#[test]
fn a_token_of_one_gateway_holds_at_the_other() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let [one, other] = two_gateways(&upstream, &redis);
    let token = one.register("alice");
    assert_eq!(other.send(&Request::get("/app").token(&token)).status, 200);
}

#[test]
fn a_logout_at_one_gateway_holds_at_the_other() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let [one, other] = two_gateways(&upstream, &redis);
    let token = one.register("alice");
    let request = Request::get("/app").token(&token);
    assert_eq!(other.send(&request).status, 200);
    assert_eq!(one.send(&Request::post("/api/logout/").token(&token)).status, 204);
    eventually("the logout at the other", || (other.send(&request).status == 401).then_some(()));
}

#[test]
fn a_name_is_registered_once_whichever_gateway_is_asked() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateways = two_gateways(&upstream, &redis);
    let mut statuses: Vec<u16> = thread::scope(|scope| {
        let register = |turn: usize| {
            let gateway = &gateways[turn % 2];
            scope.spawn(move || gateway.try_register("alice").status)
        };
        let clients: Vec<_> = (0..20).map(register).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![400; 19]].concat());
}

#[test]
fn an_unreachable_store_is_503_where_it_is_needed_and_nowhere_else() {
    let (upstream, mut redis) = (Upstream::start(), RedisServer::start_with(DURABLE));
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + &store(&redis)));
    let token = gateway.register("alice");
    let request = Request::get("/app").token(&token);
    redis.kill();
    // What is in memory may hold for the moment that the loss takes to be seen.
    let refused = eventually("a refusal", || {
        Some(gateway.send(&request)).filter(|answer| answer.status != 200)
    });
    for answer in [refused, gateway.try_login("alice"), gateway.try_register("bob")] {
        assert_eq!((answer.status, answer.text().as_str()), (503, UNAVAILABLE));
        assert_eq!(answer.header("Content-Type").as_deref(), Some("application/json"));
        assert!(answer.header("Retry-After").is_some(), "{answer:?}");
    }
    assert_eq!(gateway.send(&Request::get("/public")).status, 200);
    assert_eq!(gateway.send(&Request::get("/app")).status, 401);
}

#[test]
fn a_gateway_recovers_by_itself_when_its_store_is_back() {
    let (upstream, mut redis) = (Upstream::start(), RedisServer::start_with(DURABLE));
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + &store(&redis)));
    let token = gateway.register("alice");
    let request = Request::get("/app").token(&token);
    redis.kill();
    eventually("the outage", || (gateway.send(&request).status == 503).then_some(()));
    redis.restart();
    eventually("the recovery", || (gateway.send(&request).status == 200).then_some(()));
    assert_eq!(gateway.try_login("alice").status, 200);
}

#[test]
fn a_frozen_store_is_503_within_a_second() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&store(&redis));
    gateway.register("alice");
    redis.freeze();
    let asked = Instant::now();
    let answer = gateway.try_login("alice");
    let took = asked.elapsed();
    redis.thaw();
    assert_eq!((answer.status, answer.text().as_str()), (503, UNAVAILABLE));
    assert!(took < Duration::from_secs(1), "{took:?}");
    eventually("the recovery", || (gateway.try_login("alice").status == 200).then_some(()));
}

#[test]
fn a_closed_registration_is_403() {
    let gateway = Gateway::start("[registration]\nopen = false\n");
    let answer = gateway.try_register("alice");
    assert_eq!(answer.status, 403);
    assert_eq!(answer.text(), r#"{"detail":"Registration is closed."}"#);
}

#[test]
fn a_stranger_never_becomes_staff_by_registering() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let account = json!({ "username": "eve", "password": PASSWORD, "is_staff": true });
    let answer = gateway.send(&Request::post("/api/register/").json(&account));
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(gateway.send(&Request::get("/staff").token(&token)).status, 403);
}

fn store(redis: &RedisServer) -> String {
    format!("[store]\nurl = \"{}\"\n", redis.url())
}

fn two_gateways(upstream: &Upstream, redis: &RedisServer) -> [Gateway; 2] {
    let settings = upstream.settings() + ROUTES + &store(redis);
    [Gateway::start(&settings), Gateway::start(&settings)]
}

/// Registers names from four clients at once, until a disaster strikes after the fortieth: the
/// token of every name that was answered.
fn register_until(address: SocketAddr, disaster: impl FnOnce()) -> BTreeMap<String, String> {
    let answered = Mutex::new(BTreeMap::new());
    let register = |client: u8| {
        for turn in 0.. {
            let name = format!("user-{client}-{turn}");
            let Some(token) = try_register(address, &name) else { return };
            answered.lock().unwrap().insert(name, token);
        }
    };
    thread::scope(|scope| {
        for client in 0..4 {
            scope.spawn(move || register(client));
        }
        eventually("forty accounts", || (answered.lock().unwrap().len() >= 40).then_some(()));
        disaster();
    });
    answered.into_inner().unwrap()
}

/// The token of a new account; `None` if there was no whole answer, or none of success.
fn try_register(address: SocketAddr, name: &str) -> Option<String> {
    let stream = TcpStream::connect(address).ok()?;
    let account = json!({ "username": name, "password": PASSWORD });
    let request = Request::post("/api/register/").json(&account);
    let answer = Connection::over(stream).send(request.bytes()).try_answer().ok()?;
    (answer.status == 200).then(|| answer.json()["token"].as_str().unwrap().to_owned())
}

fn assert_all_live(gateway: &Gateway, answered: &BTreeMap<String, String>) {
    for (name, token) in answered {
        let answer = gateway.send(&Request::get("/app").token(token));
        assert_eq!(answer.status, 200, "the token of {name}");
        assert_eq!(gateway.try_login(name).status, 200, "{name}");
    }
}
