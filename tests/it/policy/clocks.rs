//! A clock of the machine that jumps: libfaketime gives the gateway one of its own.

use std::fs;

use super::backing::Place;
use super::judge::{check, look_for_signs};
use super::stage::{Stage, Terms};
use super::stores::until_well;
use super::table::{CLOCK_AHEAD, CLOCK_BEHIND, CLOCK_IS_NOT_REDISS, Row};
use crate::harness::eventually;

const DAY: i64 = 24 * 60 * 60;

/// Where Debian has it.
const FAKETIME: &str = "faketime/libfaketime.so.1";

#[test]
fn ahead_with_sqlite() {
    keeps_the_policy(Place::Sqlite, DAY, &CLOCK_AHEAD);
}

#[test]
fn ahead_with_redis() {
    keeps_the_policy(Place::Redis, DAY, &CLOCK_IS_NOT_REDISS);
}

#[test]
fn behind_with_sqlite() {
    keeps_the_policy(Place::Sqlite, -DAY, &CLOCK_BEHIND);
}

#[test]
fn behind_with_redis() {
    keeps_the_policy(Place::Redis, -DAY, &CLOCK_IS_NOT_REDISS);
}

#[test]
fn ahead_with_a_cluster() {
    keeps_the_policy(Place::Cluster, DAY, &CLOCK_IS_NOT_REDISS);
}

#[test]
fn ahead_with_sentinel() {
    keeps_the_policy(Place::Sentinel, DAY, &CLOCK_IS_NOT_REDISS);
}

fn keeps_the_policy(place: Place, jump: i64, row: &Row) {
    let shell = format!(
        "echo +0 > clock; export LD_PRELOAD=$(echo /usr/lib/*/{FAKETIME})\n\
         export FAKETIME_TIMESTAMP_FILE=$PWD/clock FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1"
    );
    let mut stage = Stage::set(place, &Terms { shell: &shell, ..Terms::default() });
    let set = |stage: &Stage, jump: i64| {
        fs::write(stage.gateway.folder().join("clock"), format!("{jump:+}\n")).unwrap();
    };
    let day = stage.gateway.log();
    set(&stage, jump);
    eventually("a line of another day (is libfaketime installed? tests/setup test)", || {
        stage.gateway.status_of("none");
        let log = stage.gateway.log();
        let last = log.lines().rfind(|line| line.contains("/app"))?;
        (!day.contains(&last[..10])).then_some(())
    });
    check(&mut stage, row);
    look_for_signs(&stage, row);
    set(&stage, 0);
    until_well(&mut stage, &[]);
}
