//! Many clients at several gateways on one store, while one thing after another breaks: what they were
//! told is written down, and judged by what authgate promises.
//!
//! A seed gives the same wishes and faults again, timing aside: `AUTHGATE_SEED=7`. The long form
//! (`tests/run --long`) tries many for longer. What was wrong is shown with the seed and the history.

mod chance;
mod check;
mod clients;
mod kills;
mod planted;
mod record;
mod world;

use self::chance::Chance;
use self::check::{Terms, check};
use self::clients::{Account, Client, Scene};
use self::record::{Act, Line, Recorder, write};
use self::world::{Kind, World};
use crate::harness::gateway::PASSWORD;
use crate::harness::is_long;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a token holds in a run: shorter than that.
const HOLDS: Duration = Duration::from_secs(9);
const CLIENTS: usize = 8;
/// How many guesses are judged of one account.
const GUESSES: usize = 20;

#[test]
fn two_gateways_on_a_file_keep_their_word_through_faults() {
    run(Kind::Sqlite, 2);
}

#[test]
fn gateways_on_redis_keep_their_word_through_faults() {
    run(Kind::Redis, 3);
}

#[test]
fn gateways_on_sentinels_keep_their_word_through_failovers() {
    run(Kind::Sentinel, 2);
}

#[test]
fn gateways_on_a_cluster_keep_their_word_through_failovers() {
    run(Kind::Cluster, 2);
}

fn run(kind: Kind, gateways: usize) {
    let (seeds, lasts) = if is_long() { (12, 40) } else { (1, 8) };
    let first = seed();
    for seed in first..first + seeds {
        one_run(kind, gateways, seed, Duration::from_secs(lasts));
    }
}

/// The seed that was asked for, or one of today's.
#[expect(clippy::disallowed_methods, reason = "says what to test, not how the program works")]
fn seed() -> u64 {
    let wanted = std::env::var("AUTHGATE_SEED").ok().map(|text| text.parse().unwrap());
    let age = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    wanted.unwrap_or(age.as_millis().try_into().unwrap())
}

fn one_run(kind: Kind, gateways: usize, seed: u64, lasts: Duration) {
    println!("{} with AUTHGATE_SEED={seed}", kind.name());
    let mut world = World::start(kind, gateways, &settings());
    let recorder = Recorder::new();
    let scene = Scene {
        gateways: world.addresses(),
        recorder: &recorder,
        is_over: AtomicBool::new(false),
        shared: Mutex::default(),
    };
    scene.ask(0, Act::Register { name: "victim".to_owned(), password: PASSWORD.to_owned() });
    let mut chance = Chance::new(seed);
    let accounts: Vec<Account> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let client = Client::new(number, chance.branch(), &scene);
                scope.spawn(move || client.run())
            })
            .collect();
        // Also should something panic: they would go on for ever.
        let over = Over(&scene.is_over);
        let until = Instant::now() + lasts;
        while Instant::now() < until {
            thread::sleep(chance.millis(200, 1_500));
            world.strike(kind, &mut chance, &recorder);
        }
        thread::sleep(Duration::from_millis(500));
        drop(over);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    look_at_all(&scene, &accounts);
    judge(kind, seed, &recorder.lines());
}

/// Only guesses are limited, and tokens do not hold for long.
fn settings() -> String {
    format!(
        r#"feed_timeout = "1s"
        [passwords]
        self_service = true
        [tokens]
        lifetime = "{}s"
        [limits]
        login_failures_per_account_and_network = "{GUESSES}/1h"
        logins_per_account_and_network = "off"
        login_failures_per_network = "off"
        login_failures_per_account = {{ free = 1000000, delay = "1s", max_delay = "1s" }}
        registrations_per_network = "off"
        unknown_tokens_per_network = "off"
        "#,
        HOLDS.as_secs()
    )
}

fn judge(kind: Kind, seed: u64, lines: &[Line]) {
    let holds = HOLDS.as_micros().try_into().unwrap();
    let terms = Terms { bound: 1_000_000, guesses: GUESSES, guesses_lost: GUESSES, holds };
    let wrong = check(lines, terms);
    let store = kind.name();
    println!("{store}: {} lines, {} wrong", lines.len(), wrong.len());
    if !wrong.is_empty() {
        let path = write(lines, &format!("{store}-{seed}"));
        let shown: Vec<_> = wrong.iter().take(8).collect();
        panic!("AUTHGATE_SEED={seed}, {}: {shown:#?}", path.display());
    }
}

/// Tells clients to stop, when it goes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// When all is whole again, everyone must get in, and every token be what it is, everywhere.
fn look_at_all(scene: &Scene<'_>, accounts: &[Account]) {
    // What ended and could not be written is tried again every second; what was in memory is not
    // trusted for longer.
    thread::sleep(Duration::from_millis(3_500));
    let gateways = scene.gateways.len();
    for (number, account) in accounts.iter().enumerate() {
        for password in &account.passwords {
            let (name, password) = (account.name.clone(), password.clone());
            scene.ask_at(number % gateways, Act::Login { name, password }, true);
        }
    }
    for token in 0..scene.recorder.count() {
        for gateway in 0..gateways {
            scene.ask_at(gateway, Act::Use { token }, true);
        }
    }
}
