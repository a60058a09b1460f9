//! What an import that was not wholly done says of what it leaves.

use crate::harness::command::{AUTHGATE, Outcome, authgate};
use crate::harness::redis_server::RedisServer;
use crate::harness::{eventually, folder};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const HASH: &str = "$2b$12$abcdefghijklmnopqrstuuZkOZ3p5aUZ4Uo1n1yTjXqg4mR5w3b7K";

/// Users of a file for basic authentication.
fn users(file: &Path, count: u32) {
    let mut text = String::new();
    for number in 0..count {
        writeln!(text, "user{number}:{HASH}").unwrap();
    }
    fs::write(file, text).unwrap();
}

#[test]
fn a_report_that_cannot_be_written_takes_nothing_from_the_import_and_says_so() {
    let folder = folder();
    let source = folder.path().join("users");
    users(&source, 3);
    let store = format!("sqlite:{}", folder.path().join("a.db").display());
    let import = ["import", "htpasswd", source.to_str().unwrap(), "--store", &store];
    let nowhere = folder.path().join("nowhere/report");
    let nowhere = nowhere.to_str().unwrap();
    let said = authgate(&[&import[..], &["--report", nowhere]].concat(), "");
    assert!(said.code == Some(1) && said.stderr.contains(nowhere), "{said:?}");
    assert!(!said.stderr.contains(".part"), "{said:?}");
    assert!(!folder.path().join("a.db").exists());
    let said = authgate(&[&import[..], &["--report", "/dev/full", "--force"]].concat(), "");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("the import is done, and only the report is missing"), "{said:?}");
}

/// An import into Redis of which some is done.
fn begun(redis: &RedisServer, source: &Path) -> Child {
    users(source, 20_000);
    let import = Command::new(AUTHGATE)
        .args(["import", "htpasswd", source.to_str().unwrap(), "--store", &redis.url()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let there = || redis.ask::<u64>(&["ZCARD", "authgate:users"]);
    eventually("some users", || (there() > 3000).then_some(()));
    import
}

fn ended(import: Child) -> Outcome {
    let output = import.wait_with_output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn an_import_that_is_stopped_or_finds_no_room_says_how_far_it_came_and_how_to_go_on() {
    let (redis, folder) = (RedisServer::start(), folder());
    let source = folder.path().join("users");
    let import = begun(&redis, &source);
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    let said = ended(import);
    assert_eq!(said.code, Some(1), "{said:?}");
    let words = ["its memory is full", "of 20000 users", "are whole", "do the same again"];
    assert!(words.iter().all(|words| said.stderr.contains(words)), "{said:?}");
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.ask::<()>(&["FLUSHALL"]);
    let import = begun(&redis, &source);
    let sent = Command::new("kill").args(["-s", "INT", &import.id().to_string()]).status();
    assert!(sent.unwrap().success());
    let said = ended(import);
    assert_eq!(said.code, Some(130), "{said:?}");
    let words = ["stopped before it was done", "of 20000 users", "are whole", "do the same again"];
    assert!(words.iter().all(|words| said.stderr.contains(words)), "{said:?}");
}
