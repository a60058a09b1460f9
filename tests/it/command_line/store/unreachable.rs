//! A Redis that cannot be reached as its address says.

use super::*;
use crate::harness::command::{AUTHGATE, authgate};
use crate::harness::{eventually_within, free_address};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn what_does_not_pass_by_itself_is_told_at_once() {
    let redis = RedisServer::start();
    let place = redis.url().replace("redis://", "").replace("/0", "");
    let refused = |url: &str, words: &str| {
        for verb in [&["store", "stats"][..], &["store", "verify"]] {
            let begun = Instant::now();
            let said = authgate(&[verb, &["--store", url]].concat(), "");
            assert!(said.code == Some(1) && said.stderr.contains(words), "{url}: {said:?}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{url}: {said:?}");
        }
    };
    refused(&format!("redis://{place}/99"), "it has no database of the number in its address");
    redis.ask::<()>(&["CONFIG", "SET", "requirepass", "secret"]);
    refused(&format!("redis://{place}/0"), "it wants a password");
    refused(&format!("redis://:wrong@{place}/0"), "the user or the password in its address");
}

#[test]
fn what_may_pass_is_waited_for_and_told_soon() {
    let begun = Instant::now();
    let mut program = Command::new(AUTHGATE)
        .args(["store", "stats", "--store", &format!("redis://{}/0", free_address())])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let read = BufReader::new(program.stderr.take().unwrap()).read_line(&mut line);
    assert!(read.unwrap() > 0 && line.contains("refused"), "{line}");
    assert!(line.contains("it is waited for") && line.contains("30"), "{line}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{line}");
    assert!(program.try_wait().unwrap().is_none());
    let minute = Duration::from_mins(1);
    let ended = eventually_within(minute, "the end", || program.try_wait().unwrap());
    assert_eq!(ended.code(), Some(1));
}
