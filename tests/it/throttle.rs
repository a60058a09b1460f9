//! How much anyone may try, and what they are told beyond it.

mod classes;
mod logins;
mod networks;
mod operators;
mod others;

use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::{Answer, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use serde_json::json;

/// Clients say by `X-Forwarded-For` where they come from, since the tests cannot come from elsewhere.
const BEHIND_A_PROXY: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";

/// An address of IPv4 for tests.
fn address(host: u32) -> String {
    format!("198.18.{}.{}", host / 256, host % 256)
}

/// Runs a test on a gateway before each of the stores, with these settings of `[limits]`.
fn on_each_store(limits: &str, test: impl Fn(&Gateway)) {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    for store in [String::new(), redis.settings()] {
        let settings =
            [&upstream.settings(), ROUTES, BEHIND_A_PROXY, &store, "\n[limits]\n", limits];
        test(&Gateway::metered(&settings.concat()));
    }
}

/// A request from this address.
fn from(address: &str, request: Request) -> Request {
    request.with("X-Forwarded-For", address)
}

fn login(name: &str, password: &str) -> Request {
    let credentials = json!({ "username": name, "password": password });
    Request::post("/api/login/").json(&credentials)
}

/// Tries a wrong password.
fn guess(gateway: &Gateway, name: &str, address: &str) -> Answer {
    gateway.send(&from(address, login(name, "not-their-Passw0rd")))
}

/// Logs in with the right one.
fn sign_in(gateway: &Gateway, name: &str, address: &str) -> Answer {
    gateway.send(&from(address, login(name, PASSWORD)))
}

fn register_from(gateway: &Gateway, name: &str, address: &str) -> Answer {
    let account = json!({ "username": name, "password": PASSWORD });
    gateway.send(&from(address, Request::post("/api/register/").json(&account)))
}

/// How many answers of so many have this status.
fn count(status: u16, answers: impl Iterator<Item = Answer>) -> usize {
    answers.filter(|answer| answer.status == status).count()
}
