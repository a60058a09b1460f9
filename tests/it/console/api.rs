//! The console's API for programs.

mod bodies;
mod keys;
mod rights;
mod schema;

use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::{Answer, Request};
use serde_json::Value;

/// Where the API is.
const PLACE: &str = "/admin/api/v1";

/// Makes an operator.
fn make_operator(gateway: &Gateway, name: &str) {
    gateway
        .run_with_input(&["user", "create", name, "--staff", "--password-stdin"], PASSWORD)
        .done();
}

/// A new key of an operator with these rights; with none of them it has all.
pub(crate) fn key(gateway: &Gateway, owner: &str, rights: &[&str]) -> String {
    let mut verb = vec!["key", "create", owner, "test"];
    if rights.is_empty() {
        verb.push("--all-rights");
    }
    for right in rights {
        verb.extend(["--right", right]);
    }
    gateway.run(&verb).done().stdout.trim().to_owned()
}

/// A gateway and a key of an operator, Ada, who may do everything.
fn with_key() -> (Gateway, String) {
    let gateway = Gateway::start("");
    make_operator(&gateway, "ada");
    let key = key(&gateway, "ada", &[]);
    (gateway, key)
}

/// A request with a key.
fn ask(gateway: &Gateway, key: &str, request: Request) -> Answer {
    gateway.send(&request.with("Authorization", &format!("Bearer {key}")))
}

/// Gets what is at a path below the API's.
pub(crate) fn get(gateway: &Gateway, key: &str, path: &str) -> Answer {
    ask(gateway, key, Request::get(&format!("{PLACE}{path}")))
}

/// Sends a body to a path below the API's.
pub(crate) fn send(
    gateway: &Gateway,
    key: &str,
    (method, path): (&str, &str),
    body: &Value,
) -> Answer {
    ask(gateway, key, Request::new(method, &format!("{PLACE}{path}")).json(body))
}
