//! A gateway whose clock is set while it runs.

use super::until_refused;
use crate::harness::command::AUTHGATE;
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::NamedTempFile;

/// Tells a process another time than it is, by a file that says how far off.
struct Hand(NamedTempFile);

impl Hand {
    fn new() -> Self {
        let hand = Self(NamedTempFile::new().unwrap());
        hand.set("+0");
        hand
    }

    /// Sets the clock so far off: `-1h`, `+1d`.
    fn set(&self, off: &str) {
        fs::write(self.0.path(), off).unwrap();
    }

    fn program(&self) -> Command {
        let mut program = Command::new(AUTHGATE);
        program
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", self.0.path())
            .env("FAKETIME_NO_CACHE", "1")
            // Spans are measured on a scale that nobody sets.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
        program
    }
}

fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let places = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    let found = places.into_iter().find(|path| Path::exists(path));
    found.expect("libfaketime should be installed (tests/setup test)")
}

#[test]
fn a_token_on_redis_ends_at_its_end_though_the_clock_of_its_gateway_is_set_back() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let tokens = "[tokens]\nlifetime = \"3s\"\n";
    let settings = upstream.settings() + ROUTES + &redis.settings() + tokens;
    for off in ["-1h", "-1d"] {
        let hand = Hand::new();
        let gateway = Gateway::start_by(hand.program(), &settings, &[]);
        let other = Gateway::start(&settings);
        let token = gateway.register(&format!("user{off}"));
        assert_eq!([&gateway, &other].map(|gateway| gateway.status_of(&token)), [200; 2]);
        hand.set(off);
        until_refused(&gateway, &token, 200);
        eventually("the end elsewhere", || (other.status_of(&token) == 401).then_some(()));
        assert_eq!(gateway.status_of(&token), 401);
    }
}

#[test]
fn a_clock_that_is_set_forward_ends_tokens_at_that_gateway_alone() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let settings = upstream.settings() + ROUTES + &redis.settings();
    let hand = Hand::new();
    let gateway = Gateway::start_by(hand.program(), &settings, &[]);
    let other = Gateway::start(&settings);
    let token = gateway.register("alice");
    assert_eq!([&gateway, &other].map(|gateway| gateway.status_of(&token)), [200; 2]);
    hand.set("+1d");
    assert_eq!([&gateway, &other].map(|gateway| gateway.status_of(&token)), [401, 200]);
    hand.set("+0");
    assert_eq!(gateway.status_of(&token), 200);
}
