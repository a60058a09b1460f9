//! gRPC, as Google's own library speaks it, from end to end: client, gate and app.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::{python, run_to_end};
use crate::harness::free_address;
use crate::harness::gateway::{Gateway, route};
use crate::harness::listener::Listener;

/// What the app says to whom it knows as `alice`, and that it saw no credentials.
fn trailers() -> Value {
    json!({ "caller": "alice", "credentials": "unseen" })
}

#[test]
fn a_unary_call_is_answered() {
    let (world, token) = World::with_a_user();
    let told = world.call("unary", "/echo.Echo/Unary", &token, &["hello"]);
    assert_eq!(told, ok(&["hello"]));
}

#[test]
fn a_stream_of_requests_is_answered() {
    let (world, token) = World::with_a_user();
    let told = world.call("client", "/echo.Echo/Collect", &token, &["a", "b", "c"]);
    assert_eq!(told, ok(&["a+b+c"]));
}

#[test]
fn a_stream_of_answers_arrives() {
    let (world, token) = World::with_a_user();
    let told = world.call("server", "/echo.Echo/Split", &token, &["a+b+c"]);
    assert_eq!(told, ok(&["a", "b", "c"]));
}

#[test]
fn a_conversation_goes_to_and_fro() {
    let (world, token) = World::with_a_user();
    let told = world.call("bidi", "/echo.Echo/Chat", &token, &["a", "b", "c"]);
    assert_eq!(told, ok(&["a", "b", "c"]));
}

#[test]
fn an_error_of_the_app_arrives_with_its_words_and_trailers() {
    let (world, token) = World::with_a_user();
    let told = world.call("unary", "/echo.Echo/Fail", &token, &["hello"]);
    let wanted = json!({
        "code": "FAILED_PRECONDITION", "details": "the app's own words: é",
        "answers": [], "trailers": trailers(),
    });
    assert_eq!(told, wanted);
}

#[test]
fn a_call_without_a_token_ends_as_unauthenticated() {
    let world = World::start();
    for (kind, method) in [("unary", "/echo.Echo/Unary"), ("bidi", "/echo.Echo/Chat")] {
        assert_eq!(world.call(kind, method, "", &["hello"])["code"], "UNAUTHENTICATED", "{kind}");
    }
}

#[test]
fn a_call_with_a_token_that_has_ended_ends_as_unauthenticated() {
    let (world, token) = World::with_a_user();
    world.gateway.run(&["token", "revoke-all", "alice"]).done();
    let told = world.call("unary", "/echo.Echo/Unary", &token, &["hello"]);
    assert_eq!(told["code"], "UNAUTHENTICATED");
}

#[test]
fn a_call_that_only_staff_may_make_ends_as_permission_denied() {
    let (world, token) = World::with_a_user();
    let told = world.call("unary", "/staff.Echo/Unary", &token, &["hello"]);
    assert_eq!(told["code"], "PERMISSION_DENIED");
}

#[test]
fn a_call_to_an_app_that_is_gone_ends_as_unavailable() {
    let (mut world, token) = World::with_a_user();
    world.app.stop();
    let told = world.call("unary", "/echo.Echo/Unary", &token, &["hello"]);
    assert_eq!(told["code"], "UNAVAILABLE");
}

fn ok(answers: &[&str]) -> Value {
    json!({ "code": "OK", "details": "", "answers": answers, "trailers": trailers() })
}

/// A gateway before an app of gRPC.
struct World {
    app: App,
    gateway: Gateway,
    listener: Listener,
}

impl World {
    fn start() -> Self {
        let (app, listener) = (App::start(), Listener::h2c());
        let upstream = format!(
            "[[upstreams]]\nname = \"app\"\nservers = [\"{}\"]\nprotocol = \"h2c\"\n",
            app.address
        );
        let routes = route("/", "user") + &route("/staff.Echo", "staff");
        let gateway = listener.gateway(&(upstream + &routes));
        Self { app, gateway, listener }
    }

    /// Beside it, the token of a user.
    fn with_a_user() -> (Self, String) {
        let world = Self::start();
        let token = world.gateway.register("alice");
        (world, token)
    }

    fn call(&self, kind: &str, method: &str, token: &str, messages: &[&str]) -> Value {
        let address = self.listener.address.to_string();
        let mut client = python("grpc_client.py");
        run_to_end(client.args([&address, kind, method, token]).args(messages)).json()
    }
}

/// The app. It is killed when it is dropped.
struct App {
    address: SocketAddr,
    process: Child,
}

impl App {
    fn start() -> Self {
        let address = free_address();
        let mut server = python("grpc_server.py");
        let server = server.arg(address.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = server.spawn().expect("Python (tests/setup test)");
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n");
        Self { address, process }
    }

    fn stop(&mut self) {
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop();
    }
}
