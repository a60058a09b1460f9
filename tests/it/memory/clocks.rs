//! A gateway whose clock is set while it runs.

use super::{remembered, until_refused};
use crate::harness::command::AUTHGATE;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::{Connection, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use crate::harness::{eventually, free_address};
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
fn on_redis_no_clock_of_a_gateway_that_is_far_off_ends_a_token_or_lets_it_live() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let tokens = "[tokens]\nlifetime = \"8s\"\n";
    let settings = upstream.settings() + ROUTES + &redis.settings() + tokens;
    for off in ["+1h", "-1h", "+1d"] {
        let (right, hand) = (Gateway::start(&settings), Hand::new());
        hand.set(off);
        // From its start on.
        let wrong = Gateway::start_by(hand.program(), &settings, &[]);
        let both = [&right, &wrong];
        let mut tokens = both.map(|one| one.register(&format!("user{off}{}", one.address.port())));
        for token in &tokens {
            assert_eq!(both.map(|gateway| gateway.status_of(token)), [200; 2], "{off}");
        }
        for gateway in both {
            for token in &tokens {
                until_ended(gateway, token);
            }
        }
        // While it runs.
        hand.set("+0");
        tokens = both.map(|one| one.login(&format!("user{off}{}", one.address.port())));
        assert_eq!(wrong.status_of(&tokens[0]), 200);
        hand.set(off);
        for token in &tokens {
            assert_eq!(both.map(|gateway| gateway.status_of(token)), [200; 2], "{off}");
        }
        for token in &tokens {
            until_ended(&wrong, token);
            assert_eq!(right.status_of(token), 401);
        }
    }
}

/// Waits for the end of a token. What is under way at that moment is cut off with it.
fn until_ended(gateway: &Gateway, token: &str) {
    let request = Request::get("/app").token(token).bytes();
    let status = eventually("the end", || {
        let mut client = Connection::try_open(gateway.address).ok()?;
        let answer = client.send(&request).try_answer().ok()?;
        (answer.status != 200).then_some(answer.status)
    });
    assert_eq!(status, 401);
}

#[test]
fn a_clock_that_is_far_ahead_is_judged_by_redis_also_where_that_came_up_later() {
    let (upstream, mut redis) = (Upstream::start(), RedisServer::start());
    let settings = upstream.settings() + ROUTES + &redis.settings();
    let token = Gateway::start(&settings).register("alice");
    redis.kill();
    let hand = Hand::new();
    hand.set("+1d");
    let gateway = Gateway::start_by(hand.program(), &settings, &[]);
    assert_eq!(gateway.status_of(&token), 503);
    redis.restart();
    let first = eventually("the store", || match gateway.status_of(&token) {
        503 => None,
        status => Some(status),
    });
    assert_eq!(first, 200);
}

#[test]
fn while_redis_is_away_a_machine_that_has_slept_takes_no_token_that_has_run_out_meanwhile() {
    let (upstream, mut redis, hand) = (Upstream::start(), RedisServer::start(), Hand::new());
    let more = format!(
        "outage_grace = \"20s\"\n[tokens]\nlifetime = \"30m\"\n[ops]\nlisten = \"{}\"\n",
        free_address()
    );
    let settings = upstream.settings() + ROUTES + &redis.settings() + &more;
    let gateway = Gateway::start_by(hand.program(), &settings, &[]);
    gateway.until_told();
    let token = remembered(&gateway, "alice");
    redis.kill();
    assert_eq!(gateway.status_of(&token), 200);
    hand.set("+1h");
    assert_eq!(gateway.status_of(&token), 503);
    hand.set("+10m");
    assert_eq!(gateway.status_of(&token), 200);
}

#[test]
fn with_sqlite_the_clock_of_the_machine_is_the_clock() {
    let upstream = Upstream::start();
    let hand = Hand::new();
    let gateway = Gateway::start_by(hand.program(), &(upstream.settings() + ROUTES), &[]);
    let token = gateway.register("alice");
    assert_eq!(gateway.status_of(&token), 200);
    hand.set("+1d");
    assert_eq!(gateway.status_of(&token), 401);
    hand.set("+0");
    assert_eq!(gateway.status_of(&token), 200);
}
