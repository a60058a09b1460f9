//! Programs that others use come through the gate: curl, h2load, gRPC and `WebSocket`s.
//!
//! `tests/setup test` installs them; a test fails where its program is missing.

mod curl;
mod grpc;
mod h2load;
mod websocket;

use std::process::Command;

use crate::harness::command::{Outcome, run};

/// A program of `tests/clients` under Python, with the packages that it needs.
fn python(script: &str) -> Command {
    let mut command = Command::new(installed("venv/bin/python"));
    command.arg(source(script));
    command
}

/// A program of `tests/clients` under Node.
fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(source(script)).env("NODE_PATH", installed("node_modules"));
    command
}

fn run_to_end(command: &mut Command) -> Outcome {
    run(command, "").done()
}

fn source(name: &str) -> String {
    format!("{}/tests/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Where `tests/setup` has put something.
pub(crate) fn installed(name: &str) -> String {
    format!("{}/target/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}
