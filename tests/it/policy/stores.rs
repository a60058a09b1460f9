//! A store that fails, cell by cell, on each store that can fail so.

use std::time::{Duration, Instant};

use super::backing::Place;
use super::faults::Fault;
use super::judge::{check, ended_by, judge, look_for_signs, tell};
use super::stage::{Stage, Terms};
use super::table::{self, Cell, Kind, Row};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::http::Request;

/// `store.feed_timeout`, as it is by default.
const FEED_TIMEOUT: Duration = Duration::from_secs(1);
/// A part of it, for a machine that is busy with other tests.
const SURELY: Duration = Duration::from_millis(200);

/// A test for each way to fail of each store.
macro_rules! on_stores {
    ($($name:ident: $fault:ident on $($place:ident)*;)*) => {
        $(mod $name {
            $(on_stores!(@one $fault $place);)*
        })*
    };
    (@one $fault:ident Sqlite) => { on_stores!(@test $fault Sqlite sqlite); };
    (@one $fault:ident Redis) => { on_stores!(@test $fault Redis redis); };
    (@one $fault:ident Sentinel) => { on_stores!(@test $fault Sentinel sentinel); };
    (@one $fault:ident Cluster) => { on_stores!(@test $fault Cluster cluster); };
    (@test $fault:ident $place:ident $name:ident) => {
        #[test]
        fn $name() {
            super::keeps_the_policy(super::Fault::$fault, super::Place::$place);
        }
    };
}

on_stores! {
    killed: Killed on Redis Sentinel Cluster;
    file_gone: FileGone on Sqlite;
    file_replaced: FileReplaced on Sqlite;
    reset: Reset on Redis Sentinel Cluster;
    frozen: Frozen on Redis Sentinel Cluster;
    silent: Silent on Redis Sentinel Cluster;
    mute: Mute on Redis Sentinel Cluster;
    two_seconds: TwoSeconds on Redis Sentinel Cluster;
    a_byte_a_second: Drip on Redis Sentinel Cluster;
    fifty_milliseconds: FiftyMillis on Redis Sentinel Cluster;
    replica: Replica on Redis;
    few_replicas: FewReplicas on Redis Sentinel Cluster;
    cannot_save: CannotSave on Redis Sentinel Cluster;
    disk_full: DiskFull on Sqlite;
    disk_says_full: DiskSaysFull on Sqlite;
    no_writes: NoWrites on Sqlite;
    locked: Locked on Sqlite;
    out_of_memory: OutOfMemory on Redis Sentinel Cluster;
    emptied: Emptied on Sqlite Redis Sentinel Cluster;
    user_of_wrong_type: UserOfWrongType on Sqlite Redis Sentinel Cluster;
    user_garbage: UserGarbage on Sqlite Redis Sentinel Cluster;
    token_of_wrong_type: TokenOfWrongType on Redis Sentinel Cluster;
    token_garbage: TokenGarbage on Sqlite Redis Sentinel Cluster;
    feed_forbidden: FeedForbidden on Redis Sentinel Cluster;
}

fn keeps_the_policy(fault: Fault, place: Place) {
    let row = fault.row();
    let mut stage = Stage::set(place, &Terms { way: fault.way(), ..Terms::default() });
    stage.gateway.until_told();
    let begun = Instant::now();
    fault.begin(&mut stage);
    until_felt(&mut stage, row, begun);
    check(&mut stage, row);
    if row.cell(Kind::Login) == Cell::Unavailable {
        // Where guesses cannot be counted none is judged.
        assert_eq!(guess(&stage.gateway), 503);
    }
    look_for_signs(&stage, row);
    if fault == Fault::Emptied {
        opens_no_setup(&mut stage);
    }
    let held: Vec<_> = [Kind::Logout, Kind::LogoutAll]
        .into_iter()
        .filter(|kind| row.cell(*kind) == Cell::Held)
        .collect();
    fault.end(&mut stage);
    until_well(&mut stage, &held);
}

/// Waits until what is in memory is not served any more, where that is promised.
fn until_felt(stage: &mut Stage, row: &Row, begun: Instant) {
    let (before, after) = match row.cell(Kind::Remembered) {
        // It is the news that ends it, or the loss of the feed.
        Cell::ServedThen401 => (begun + FEED_TIMEOUT, Cell::Invalid),
        Cell::ServedThen503 | Cell::Unavailable => (begun + FEED_TIMEOUT, Cell::Unavailable),
        _ => return,
    };
    // Memory was told right before that it may answer: so it does for a part of that time at least.
    let surely = (row.cell(Kind::Remembered) == Cell::ServedThen503).then_some(begun + SURELY);
    loop {
        let start = Instant::now();
        let asked = stage.ask(Kind::Remembered);
        let found = judge(Kind::Remembered, after, &asked);
        if found.is_ok() {
            assert!(surely.is_none_or(|surely| start > surely), "it is not served from memory");
            return;
        }
        let is_trusted = start < before && judge(Kind::Remembered, Cell::Served, &asked).is_ok();
        if !is_trusted {
            tell(row, found.err().as_slice());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a login with a wrong password is told.
fn guess(gateway: &Gateway) -> u16 {
    let guess = serde_json::json!({ "username": "alice", "password": "not-their-Passw0rd" });
    gateway.send(&Request::post("/api/login/").json(&guess)).status
}

/// Whoever could empty a store and read a log would be an operator.
fn opens_no_setup(stage: &mut Stage) {
    let links = |stage: &Stage| stage.gateway.log().matches("/setup/?code=").count();
    let before = links(stage);
    eventually("the event, kept", || {
        let told = stage.gateway.run(&["events", "--name", "store_epoch_changed"]);
        told.stdout.contains("store_epoch_changed").then_some(())
    });
    stage.gateway.restart();
    eventually("the refusal", || {
        stage.gateway.log().contains("nobody gets a link to it").then_some(())
    });
    assert_eq!(links(stage), before);
}

#[test]
fn nothing_is_given_out_that_sqlite_did_not_take() {
    gives_nothing_out(Fault::NoWrites, Place::Sqlite);
}

#[test]
fn nothing_is_given_out_that_redis_did_not_take() {
    gives_nothing_out(Fault::FewReplicas, Place::Redis);
}

#[test]
fn nothing_is_given_out_that_the_primary_of_sentinels_did_not_take() {
    gives_nothing_out(Fault::FewReplicas, Place::Sentinel);
}

#[test]
fn nothing_is_given_out_that_a_cluster_did_not_take() {
    gives_nothing_out(Fault::FewReplicas, Place::Cluster);
}

/// Without limits, which write before anything else does, and fail first.
fn gives_nothing_out(fault: Fault, place: Place) {
    let settings = "[limits]\nenabled = false\n";
    let mut stage = Stage::set(place, &Terms { settings, ..Terms::default() });
    fault.begin(&mut stage);
    let kinds = [Kind::Login, Kind::Register];
    let wrong = kinds.map(|kind| judge(kind, Cell::Unavailable, &stage.ask(kind)).err());
    tell(&table::STORE_REFUSES_WRITES, &wrong.into_iter().flatten().collect::<Vec<_>>());
    fault.end(&mut stage);
    until_well(&mut stage, &[]);
}

/// How many good tokens the store has of a user, if it tells.
fn good_tokens(gateway: &Gateway, name: &str) -> Option<usize> {
    let listed = gateway.run(&["token", "list", name, "--json"]);
    let is_told = listed.code == Some(0);
    is_told.then(|| listed.json().as_array().unwrap().len())
}

/// Waits until everything is served again; what was to end has ended.
pub(super) fn until_well(stage: &mut Stage, held: &[Kind]) {
    eventually("readiness", || (stage.status_of_ops("/readyz") == 200).then_some(()));
    for kind in held {
        for token in ended_by(*kind, &stage.tokens) {
            let has_ended = || (stage.gateway.status_of(token) == 401).then_some(());
            eventually(&format!("the end of a token by {}", kind.words()), has_ended);
        }
        if stage.backing.is_seen_by_commands() {
            // Not only here: it is written.
            let (name, left) = if *kind == Kind::Logout { ("dan", 1) } else { ("alice", 0) };
            let written = || (good_tokens(&stage.gateway, name) == Some(left)).then_some(());
            eventually(&format!("the end of a token by {}, written", kind.words()), written);
        }
    }
    stage.begin_anew();
    for kind in [Kind::Public, Kind::Remembered, Kind::Fresh, Kind::Login, Kind::Register] {
        let mut last = String::new();
        let served = eventually_or(|| {
            let asked = stage.ask(kind);
            judge(kind, Cell::Served, &asked).map_err(|error| last = error).is_ok()
        });
        assert!(served, "once the fault is over: {last}");
    }
}

fn eventually_or(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + crate::harness::PATIENCE;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}
