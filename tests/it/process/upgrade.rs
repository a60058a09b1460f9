//! Another process takes over.

use std::fs;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use super::change::until_answered;
use super::under_load;
use crate::harness::command::AUTHGATE;
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES, route};
use crate::harness::http::{HOST, Request};
use crate::harness::listener::Listener;
use crate::harness::tls::Authority;
use crate::harness::upstream::{Script, Upstream};
use crate::harness::websocket::{is_open, open_websocket};

const CONTROLLED: &str = "[server]\ncontrol = \"control\"\n";

#[test]
fn an_upgrade_fails_no_request() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(&(upstream.settings() + ROUTES + CONTROLLED));
    let token = gateway.register("alice");
    let seen = under_load(gateway.address, &token, 16, |answered| {
        until_answered(answered, 50);
        // The second goes from the new process to the next one.
        for _ in 0..2 {
            gateway.upgrade();
            until_answered(answered, 50);
        }
        assert_eq!(gateway.exit_code(), Some(0));
        until_answered(answered, 50);
    });
    assert_eq!(seen.failed, Vec::<String>::new());
    assert_eq!(gateway.status_of(&token), 200);
}

#[test]
fn what_is_open_goes_on_in_the_old_process_until_the_grace_is_over() {
    let [app, sockets] = [Script::Dictated, Script::WebSocket].map(Upstream::answering);
    let second = sockets.settings().replace("\"app\"", "\"sockets\"");
    let ws = "[[routes]]\npath = \"/ws\"\naccess = \"public\"\nupstream = \"sockets\"\n";
    let settings = app.settings() + &second + ROUTES + ws + CONTROLLED + "upgrade_grace = \"4s\"\n";
    let mut gateway = Gateway::start(&settings);
    let mut socket = eventually("a WebSocket", || {
        let mut socket = open_websocket(&gateway, "/ws", None).unwrap();
        is_open(&mut socket).then_some(socket)
    });
    let mut download = gateway.connect();
    download.send(Request::get("/public").bytes());
    download.head().unwrap();
    app.say("before");
    assert_eq!(download.chunk().unwrap(), b"before");
    gateway.upgrade();
    app.say("after");
    assert_eq!(download.chunk().unwrap(), b"after");
    assert!(is_open(&mut socket));
    app.say("");
    assert_eq!(download.chunk().unwrap(), b"");
    assert_eq!(gateway.exit_code(), Some(0));
    assert!(!is_open(&mut socket));
}

#[test]
fn the_new_process_goes_by_the_settings_as_they_are_now() {
    let upstream = Upstream::start();
    let [gone, stays, comes] = [(); 3].map(|()| Listener::on(""));
    let settings = upstream.settings() + ROUTES + CONTROLLED;
    let before = gone.settings() + &stays.settings();
    let mut gateway = Gateway::metered(&(settings.clone() + &before));
    gone.until_open();
    stays.until_open();
    let ops = format!("[ops]\nlisten = \"{}\"\n", gateway.ops());
    let after = stays.settings() + &comes.settings() + &ops;
    gateway.configure(&(settings + &route("/new", "public") + &after));
    gateway.upgrade();
    assert_eq!(gateway.exit_code(), Some(0));
    assert_eq!(gateway.send(&Request::get("/new")).status, 200);
    for open in [&stays, &comes] {
        open.until_open();
    }
    let closed = || TcpStream::connect(gone.address).is_err().then_some(());
    eventually("the closed door", closed);
}

#[test]
fn the_control_socket_is_that_of_the_new_process() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES + CONTROLLED;
    let mut gateway = Gateway::start(&settings);
    gateway.upgrade();
    gateway.configure(&(settings + &route("/new", "public")));
    gateway.tell("reload").done();
    assert_eq!(gateway.exit_code(), Some(0));
    assert_eq!(gateway.send(&Request::get("/new")).status, 200);
    gateway.tell("reload").done();
}

#[test]
fn operators_are_answered_by_the_new_process_while_the_old_one_ends() {
    let upstream = Upstream::answering(Script::WebSocket);
    let settings = upstream.settings() + ROUTES + CONTROLLED;
    let mut gateway = Gateway::metered(&settings);
    let mut socket = eventually("a WebSocket", || {
        let mut socket = open_websocket(&gateway, "/public", None).unwrap();
        is_open(&mut socket).then_some(socket)
    });
    assert!(gateway.meter("requests_in_flight") >= 1.0);
    gateway.upgrade();
    // Those that the old one had taken before are answered by it.
    eventually("the new process alone", || {
        (0..20).all(|_| gateway.meter("requests_in_flight") < 1.0).then_some(())
    });
    assert!(is_open(&mut socket));
    drop(socket);
    assert_eq!(gateway.exit_code(), Some(0));
}

/// Checks that a gateway is not upgraded, says this, and serves on as before.
fn is_refused(gateway: &mut Gateway, why: &str) {
    let outcome = gateway.try_upgrade();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.says("the new process does not") || outcome.says("does not start"));
    assert!(outcome.says(why), "{why}: {outcome:?}");
    assert_eq!(gateway.send(&Request::get("/public")).status, 200);
    eventually("the log", || gateway.log().contains("not upgraded").then_some(()));
    assert!(UnixStream::connect(gateway.folder().join("control")).is_ok());
}

#[test]
fn settings_with_mistakes_keep_the_old_process() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES + CONTROLLED;
    let mut gateway = Gateway::start(&settings);
    gateway.write_settings("[server]\nlisen = 1\n");
    is_refused(&mut gateway, "server.lisen");
    gateway.configure(&settings);
    gateway.tell("reload").done();
    gateway.upgrade();
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn a_store_that_cannot_be_opened_keeps_the_old_process() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES + CONTROLLED;
    let mut gateway = Gateway::start(&settings);
    let nowhere = "[store]\nurl = \"sqlite:/nonexistent/authgate.db\"\n";
    gateway.configure(&(settings.clone() + nowhere));
    is_refused(&mut gateway, "/nonexistent/authgate.db");
    gateway.configure(&settings);
    gateway.tell("reload").done();
}

#[test]
fn a_certificate_that_cannot_be_used_keeps_the_old_process_and_its_control_socket() {
    let (upstream, authority) = (Upstream::start(), Authority::new());
    let identity = authority.sign(HOST);
    let listener = Listener::on(&format!("certificates = [{}]\n", identity.setting()));
    let mut gateway = listener.gateway(&(upstream.settings() + ROUTES + CONTROLLED));
    fs::write(&identity.key, "broken").unwrap();
    is_refused(&mut gateway, "listeners[0].certificates[0].key: ");
    authority.sign(HOST);
    gateway.tell("reload").done();
    gateway.upgrade();
}

#[test]
fn an_address_that_is_taken_keeps_the_old_process() {
    let (upstream, taken) = (Upstream::start(), Upstream::start());
    let settings = upstream.settings() + ROUTES + CONTROLLED;
    let mut gateway = Gateway::start(&settings);
    let listener = format!("[[listeners]]\naddress = \"{}\"\n", taken.address);
    gateway.configure(&(settings + &listener));
    is_refused(&mut gateway, &format!("cannot listen on {}", taken.address));
}

#[test]
fn a_program_that_does_not_start_keeps_the_old_process() {
    let upstream = Upstream::start();
    let programs = crate::harness::folder();
    let program = programs.path().join("authgate");
    fs::copy(AUTHGATE, &program).unwrap();
    let settings = upstream.settings() + ROUTES + CONTROLLED;
    let mut gateway = start_copy(&program, &settings);
    for (other, why) in [("not a program", "does not start"), ("#!/bin/sh\nexit 3\n", "it ended")] {
        replace(&program, other);
        is_refused(&mut gateway, why);
    }
    fs::remove_file(&program).unwrap();
    is_refused(&mut gateway, "does not start");
    fs::copy(AUTHGATE, &program).unwrap();
    eventually("an upgrade", || (gateway.try_upgrade().code == Some(0)).then_some(()));
    assert_eq!(gateway.exit_code(), Some(0));
    assert_eq!(gateway.send(&Request::get("/public")).status, 200);
}

/// Starts a program that has just been written: a process that this one has begun meanwhile may still
/// have it open to write for a moment.
fn start_copy(program: &Path, settings: &str) -> Gateway {
    eventually("a program that nobody writes", || {
        Command::new(program).arg("--version").output().ok()
    });
    Gateway::start_by(Command::new(program), settings, &[])
}

fn replace(program: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let next = program.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::set_permissions(&next, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&next, program).unwrap();
}
