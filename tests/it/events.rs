//! Events: what happens to accounts is told in the log and kept in the store.

mod kept;
mod told;

use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::http::Request;
use serde_json::Value;

/// Waits until an event of this name is kept; the newest.
fn kept(gateway: &Gateway, name: &str) -> Value {
    eventually(name, || events(gateway, &["--name", name]).pop())
}

/// What `authgate events` shows.
fn events(gateway: &Gateway, flags: &[&str]) -> Vec<Value> {
    let verb = [&["events", "--json"], flags].concat();
    gateway.run(&verb).done().json().as_array().unwrap().clone()
}

/// The names of the events that are kept, the oldest first, but for what became of the gateway.
fn names(gateway: &Gateway) -> Vec<String> {
    let names = events(gateway, &[]).into_iter();
    let names = names.filter(|event| !event["event"].as_str().unwrap().starts_with("gateway"));
    names.map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

fn log_out(gateway: &Gateway, token: &str) {
    assert_eq!(gateway.send(&Request::post("/api/logout/").token(token)).status, 204);
}

fn log_out_everywhere(gateway: &Gateway, token: &str) {
    assert_eq!(gateway.send(&Request::post("/api/logoutall/").token(token)).status, 204);
}
