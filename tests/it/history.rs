//! Many clients at several gateways on one store, while one thing after another breaks: what they were
//! told is written down, and judged by what authgate promises.
//!
//! A seed gives the same wishes and faults again, timing aside: `AUTHGATE_SEED=7`. The long form
//! (`tests/run --long`) tries many for longer. What was wrong is shown with the seed and the history.

mod chance;
mod check;
mod clients;
mod keeper;
mod kills;
mod planted;
mod record;
mod scene;
mod sessions;
mod world;

use self::chance::Chance;
use self::check::{Prolongs, REST, TAIL, Terms, check, excused};
use self::clients::{Account, Client, VICTIMS, victim};
use self::keeper::{KEEPER, Keeper};
use self::record::{Act, Line, Moment, Recorder, write};
use self::scene::Scene;
use self::world::{Kind, World};
use crate::harness::gateway::PASSWORD;
use crate::harness::is_long;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a token holds in a run: shorter than that.
const HOLDS: Duration = Duration::from_secs(9);
/// The least that a token is prolonged by, where use prolongs it.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long it lives at most then.
const MOST: Duration = Duration::from_secs(15);
/// How many in a hundred of the time may be in doubt: a judge who excuses more judges too little.
const IN_DOUBT: u64 = 60;
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
    let seeds = if wanted_seed().is_some() { 1 } else { seeds };
    let first = seed();
    for seed in first..first + seeds {
        one_run(kind, gateways, seed, Duration::from_secs(lasts));
    }
}

#[expect(clippy::disallowed_methods, reason = "says what to test, not how the program works")]
fn wanted_seed() -> Option<u64> {
    std::env::var("AUTHGATE_SEED").ok().map(|text| text.parse().unwrap())
}

/// The seed that was asked for, or one of today's.
#[expect(clippy::disallowed_methods, reason = "says what to test, not how the program works")]
fn seed() -> u64 {
    let age = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    wanted_seed().unwrap_or(age.as_millis().try_into().unwrap())
}

fn one_run(kind: Kind, gateways: usize, seed: u64, lasts: Duration) {
    println!("{} with AUTHGATE_SEED={seed}", kind.name());
    let prolongs = seed % 2 == 1;
    let mut world = World::start(kind, gateways, &settings(prolongs));
    world.operator("root");
    let keeper = world.operator(KEEPER);
    let recorder = Recorder::new();
    let scene = Scene {
        gateways: world.addresses(),
        key: world.key("root"),
        recorder: &recorder,
        is_over: AtomicBool::new(false),
        settings: world.settings(),
        shared: Mutex::default(),
    };
    let is_judged = AtomicBool::new(false);
    thread::scope(|scope| {
        // Also should something panic: they would go on for ever.
        let judged = Over(&is_judged);
        let watch = world.watch();
        let (recorder, is_judged) = (&recorder, &is_judged);
        scope.spawn(move || watch.run(recorder, is_judged));
        for number in 0..VICTIMS {
            let (name, password) = (victim(number), PASSWORD.to_owned());
            scene.ask(0, &Act::Register { name, password });
        }
        let mut chance = Chance::new(seed);
        let keeper = Keeper { chance: chance.branch(), id: keeper, scene: &scene };
        let accounts = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|number| {
                    let client = Client::new(number, chance.branch(), &scene);
                    scope.spawn(move || client.run())
                })
                .collect();
            scope.spawn(move || keeper.run());
            let over = Over(&scene.is_over);
            break_things(kind, &mut world, &mut chance, (recorder, lasts));
            drop(over);
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
        });
        look_at_all(&scene, &accounts);
        drop(judged);
    });
    judge(kind, seed, &recorder.lines(), terms(prolongs));
}

/// Breaks one thing after the other.
fn break_things(
    kind: Kind,
    world: &mut World,
    chance: &mut Chance,
    (recorder, lasts): (&Recorder, Duration),
) {
    let until = Instant::now() + lasts;
    // Something must have been done that a promotion cannot lose.
    thread::sleep(chance.millis(1_500, 2_500));
    while Instant::now() < until {
        let begin = recorder.now();
        world.strike(kind, chance, recorder);
        if let Some(promotion) = recorder.last_promotion().filter(|at| *at >= begin) {
            // As much time as is in doubt now is to pass in which nothing is.
            let in_doubt = promotion + REST + TAIL - begin;
            let calm = (promotion + REST + in_doubt).saturating_sub(recorder.now());
            thread::sleep(Duration::from_micros(calm));
        }
        thread::sleep(chance.millis(200, 1_500));
    }
}

/// Only guesses are limited, and tokens do not hold for long.
fn settings(prolongs: bool) -> String {
    let [lifetime, interval, most] = [HOLDS, INTERVAL, MOST].map(|it| it.as_secs());
    format!(
        r#"feed_timeout = "1s"
        [passwords]
        self_service = true
        [tokens]
        lifetime = "{lifetime}s"
        auto_refresh = {prolongs}
        min_refresh_interval = "{interval}s"
        max_lifetime = "{most}s"
        [limits]
        login_failures_per_account_and_network = "{GUESSES}/1h"
        logins_per_account_and_network = "off"
        login_failures_per_network = "off"
        login_failures_per_account = {{ free = 1000000, delay = "1s", max_delay = "1s" }}
        registrations_per_network = "off"
        unknown_tokens_per_network = "off"
        "#
    )
}

fn terms(prolongs: bool) -> Terms {
    let [holds, interval, most] = [HOLDS, INTERVAL, MOST].map(micros);
    let prolongs = prolongs.then_some(Prolongs { interval, most });
    Terms { bound: 1_000_000, guesses: GUESSES, guesses_lost: GUESSES, holds, prolongs }
}

fn micros(span: Duration) -> Moment {
    span.as_micros().try_into().unwrap()
}

fn judge(kind: Kind, seed: u64, lines: &[Line], terms: Terms) {
    let mut wrong = check(lines, terms);
    let (store, doubts) = (kind.name(), excused(lines));
    let promotions = lines.iter().filter(|line| matches!(line, Line::Promotion(_))).count();
    println!(
        "{store}: {} lines, {promotions} promotions, {} % of the time and {} % of the deeds in doubt, \
         {} wrong",
        lines.len(),
        doubts.time,
        doubts.deeds,
        wrong.len()
    );
    println!("{store}: done were {:?}", done(lines));
    if doubts.time > IN_DOUBT {
        wrong.push(format!("it judges too little: {doubts:?}"));
    }
    if !wrong.is_empty() {
        let path = write(lines, &format!("{store}-{seed}"));
        let shown: Vec<_> = wrong.iter().take(8).collect();
        panic!("AUTHGATE_SEED={seed}, {}: {shown:#?}", path.display());
    }
}

/// How often what was done.
fn done(lines: &[Line]) -> BTreeMap<String, usize> {
    let mut done = BTreeMap::new();
    for line in lines {
        if let Line::Deed(deed) = line
            && [200, 204].contains(&deed.status)
        {
            let name = format!("{:?}", deed.act).split(' ').next().unwrap_or_default().to_owned();
            *done.entry(name).or_default() += 1;
        }
    }
    done
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
            scene.ask_at(number % gateways, &Act::Login { name, password }, true);
        }
    }
    // Of those who wanted a name one gets in, and nobody else.
    for (number, (name, password)) in wanted(scene.recorder).into_iter().enumerate() {
        scene.ask_at(number % gateways, &Act::Login { name, password }, true);
    }
    for token in 0..scene.recorder.count() {
        for gateway in 0..gateways {
            scene.look(gateway, token, true);
        }
    }
}

/// The names that many wanted, each with the password of one who did.
fn wanted(recorder: &Recorder) -> BTreeSet<(String, String)> {
    let lines = recorder.lines().into_iter();
    lines
        .filter_map(|line| match line {
            Line::Deed(deed) => Some(deed.act),
            Line::Promotion(_) | Line::Trouble(_) => None,
        })
        .filter_map(|act| match act {
            Act::Register { name, password } if name.starts_with("wanted") => {
                Some((name, password))
            }
            _ => None,
        })
        .collect()
}
