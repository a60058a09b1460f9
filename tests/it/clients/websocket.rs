//! WebSocket clients of Python and Node.

use std::process::Command;

use serde_json::{Value, json};

use super::{node, python, run_to_end};
use crate::harness::gateway::Gateway;
use crate::harness::upstream::{Script, Upstream};

#[test]
fn a_python_websocket_passes_with_a_token() {
    assert_passes(&mut python("websocket_client.py"));
}

#[test]
fn a_python_websocket_without_a_token_is_refused() {
    assert_is_refused(&mut python("websocket_client.py"));
}

#[test]
fn a_node_websocket_passes_with_a_token() {
    assert_passes(&mut node("websocket_client.js"));
}

#[test]
fn a_node_websocket_without_a_token_is_refused() {
    assert_is_refused(&mut node("websocket_client.js"));
}

fn assert_passes(client: &mut Command) {
    let upstream = Upstream::answering(Script::WebSocket);
    let gateway = Gateway::before(&upstream);
    let told = talk(client, &gateway, &gateway.register("alice"));
    let all = json!({ "texts": ["hello", "hé"], "long": true, "binary": true, "pong": true, "code": 1000 });
    assert_eq!(told, all);
    assert_eq!(upstream.only_request().header("X-Auth-User").as_deref(), Some("alice"));
}

fn assert_is_refused(client: &mut Command) {
    let upstream = Upstream::answering(Script::WebSocket);
    let gateway = Gateway::before(&upstream);
    assert_eq!(talk(client, &gateway, ""), json!({ "refused": 401 }));
    assert!(upstream.take().is_empty());
}

fn talk(client: &mut Command, gateway: &Gateway, token: &str) -> Value {
    let url = format!("ws://{}/app", gateway.address);
    run_to_end(client.args([&url, token])).json()
}
