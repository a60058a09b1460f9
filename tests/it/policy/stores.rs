//! A store that fails, cell by cell, on each store that can fail so.

use std::time::{Duration, Instant};

use super::backing::Place;
use super::faults::Fault;
use super::judge::{check, judge, look_for_signs, tell};
use super::stage::{Stage, Terms};
use super::table::{Cell, Kind, Row};
use crate::harness::eventually;

/// `store.feed_timeout`, as it is by default.
const FEED_TIMEOUT: Duration = Duration::from_secs(1);

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
    let begun = Instant::now();
    fault.begin(&mut stage);
    until_felt(&mut stage, row, begun);
    check(&mut stage, row);
    look_for_signs(&stage, row);
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
    loop {
        let start = Instant::now();
        let asked = stage.ask(Kind::Remembered);
        let found = judge(Kind::Remembered, after, &asked);
        if found.is_ok() {
            return;
        }
        let is_trusted = start < before && judge(Kind::Remembered, Cell::Served, &asked).is_ok();
        if !is_trusted {
            tell(row, found.err().as_slice());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until everything is served again; what was to end has ended.
pub(super) fn until_well(stage: &mut Stage, held: &[Kind]) {
    eventually("readiness", || (stage.status_of_ops("/readyz") == 200).then_some(()));
    for kind in held {
        let token = if *kind == Kind::Logout { &stage.tokens.ended } else { &stage.tokens.last };
        eventually("the end of a token", || (stage.gateway.status_of(token) == 401).then_some(()));
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
