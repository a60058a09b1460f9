//! The socket by which a gateway is told what to do.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use tempfile::TempDir;

use crate::harness::command::authgate;
use crate::harness::gateway::Gateway;
use crate::harness::{PATIENCE, folder, free_address};

/// A gateway with a control socket in this folder.
fn start() -> (TempDir, PathBuf, Gateway) {
    let folder = folder();
    let path = folder.path().join("control");
    let gateway = Gateway::start(&setting(&path));
    (folder, path, gateway)
}

fn setting(path: &std::path::Path) -> String {
    format!("[server]\ncontrol = \"{}\"\n", path.display())
}

fn say(path: &std::path::Path, text: &str) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn only_its_owner_may_open_the_socket() {
    let (_folder, path, _gateway) = start();
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_unknown_command_is_answered() {
    let (_folder, path, gateway) = start();
    assert_eq!(say(&path, "dance\n"), "error no such command");
    assert_eq!(say(&path, &("a".repeat(1000) + "\n")), "error no such command");
    assert!(gateway.run(&["reload"]).done().says("settings read again"));
}

#[test]
fn a_client_that_says_nothing_holds_up_nobody() {
    let (_folder, path, gateway) = start();
    let _silent: Vec<_> = (0..30).map(|_| UnixStream::connect(&path).unwrap()).collect();
    gateway.run(&["reload"]).done();
}

#[test]
fn a_command_is_heard_whatever_else_the_gateway_looks_at() {
    let (_folder, path, gateway) = start();
    // The gateway looks at its files each second, and hears of each signal.
    for _ in 0..5 {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"rel").unwrap();
        gateway.hang_up();
        std::thread::sleep(std::time::Duration::from_millis(250));
        stream.write_all(b"oad\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("ok "), "{answer:?}");
    }
}

#[test]
fn a_socket_that_a_dead_gateway_has_left_is_replaced() {
    let folder = folder();
    let path = folder.path().join("control");
    drop(UnixListener::bind(&path).unwrap());
    let mut gateway = Gateway::start(&setting(&path));
    gateway.run(&["reload"]).done();
    gateway.restart();
    gateway.run(&["reload"]).done();
}

#[test]
fn a_second_gateway_on_the_same_socket_is_refused() {
    let (folder, path, gateway) = start();
    let file = folder.path().join("second.toml");
    let database = folder.path().join("second.db").display().to_string();
    let settings = setting(&path)
        + &format!("listen = [\"{}\"]\n[store]\nurl = \"sqlite:{database}\"\n", free_address());
    fs::write(&file, settings).unwrap();
    let outcome = authgate(&["serve", "--config", file.to_str().unwrap()], "");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.says("cannot listen for commands at"), "{outcome:?}");
    assert!(outcome.says(path.to_str().unwrap()), "{outcome:?}");
    gateway.run(&["reload"]).done();
}

#[test]
fn where_no_gateway_answers_the_command_says_so() {
    let folder = folder();
    let path = folder.path().join("control").display().to_string();
    let outcome = authgate(&["reload", "--control", &path], "");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.says(&path) && outcome.says("no gateway answers there"), "{outcome:?}");
}
