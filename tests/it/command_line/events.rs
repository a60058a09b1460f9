//! `authgate events`

use crate::harness::command::AUTHGATE;
use crate::harness::gateway::Gateway;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn events_are_a_table_with_the_newest_last() {
    let gateway = Gateway::start("");
    assert_eq!(
        gateway.run(&["events", "--user", "ada"]).done().stdout,
        "There are no such events.\n"
    );
    promoted(&gateway, "ada");
    let shown = gateway.run(&["events", "--actor", "command_line"]).done().stdout;
    let lines: Vec<Vec<_>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["TIME", "EVENT", "USER", "FROM", "BY", "DETAIL"]);
    assert_eq!(lines[1][1..], ["user_created", "ada", "-", "command_line"]);
    assert_eq!(
        lines[2][1..],
        ["staff_granted", "ada", "-", "command_line", "is_staff:", "no", "→", "yes"]
    );
    assert!(lines[1][0] < lines[2][0], "{shown}");
    assert_eq!(lines.len(), 3);
}

#[test]
fn the_events_of_one_user_or_name_can_be_asked_for() {
    let gateway = Gateway::start("");
    promoted(&gateway, "ada");
    promoted(&gateway, "bob");
    gateway.run(&["user", "delete", "bob"]).done();
    let count = |flags: &[&str]| {
        let by = ["events", "--json", "--actor", "command_line"];
        let verb = [&by, flags].concat();
        gateway.run(&verb).done().json().as_array().unwrap().len()
    };
    assert_eq!(count(&["--user", "bob"]), 3);
    assert_eq!(count(&["--user", "nobody"]), 0);
    assert_eq!(count(&["--name", "staff_granted"]), 2);
    assert_eq!(count(&["--name", "staff_granted", "--user", "ada"]), 1);
    assert_eq!(count(&["--since", "1h"]), 5);
    assert_eq!(count(&["--since", "1h", "--limit", "4"]), 4);
    assert_eq!(count(&["--until", "1h"]), 0);
    assert_eq!(count(&["--text", "nothing says this"]), 0);
    assert_eq!(count(&["--address", "192.0.2.0/24"]), 0);
    assert_eq!(count(&["--operator", "ada"]), 0);
}

#[test]
fn the_newest_events_are_within_the_limit() {
    let gateway = Gateway::start("");
    promoted(&gateway, "ada");
    // The gateway tells of its own start at about the same time.
    let verb = ["events", "--actor", "command_line", "--limit", "1", "--json"];
    let shown = gateway.run(&verb).done().json();
    assert_eq!((shown.as_array().unwrap().len(), &shown[0]["event"]), (1, &"staff_granted".into()));
}

#[test]
fn all_events_are_written_a_line_each_with_the_newest_first() {
    let gateway = Gateway::start("");
    promoted(&gateway, "ada");
    let lines = |flags: &[&str]| {
        let verb = ["events", "--jsonl", "--actor", "command_line"];
        let text = gateway.run(&[&verb, flags].concat()).done().stdout;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let names: Vec<_> = lines(&[]).iter().map(|line| line["event"].clone()).collect();
    assert_eq!(names, ["staff_granted", "user_created"]);
    assert_eq!(lines(&["--limit", "1"]).len(), 1);
}

#[test]
fn events_are_followed_as_they_come() {
    let gateway = Gateway::start("");
    promoted(&gateway, "ada");
    let mut follower = Command::new(AUTHGATE)
        .args(["events", "--follow", "--jsonl", "--name", "staff_granted", "--config"])
        .arg(gateway.folder().join("authgate.toml"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(follower.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "following; Ctrl-C ends it\n");
    promoted(&gateway, "bob");
    line.clear();
    BufReader::new(follower.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&event["event"], &event["user"]), (&"staff_granted".into(), &"bob".into()));
    follower.kill().unwrap();
    follower.wait().unwrap();
}

/// Makes a user staff, and that two events.
fn promoted(gateway: &Gateway, name: &str) {
    let create = ["user", "create", name, "--password-stdin"];
    gateway.run_with_input(&create, "pass-Word-123\n").done();
    gateway.run(&["user", "promote", name]).done();
}
