//! An app that is down, slow, or breaks off.

use super::backing::Place;
use super::judge::{check, judge, look_for_signs};
use super::stage::{Stage, Terms};
use super::table::{APP_BREAKS_OFF, APP_DOWN, APP_SLOW, Cell, Kind, Row};
use crate::harness::eventually;
use crate::harness::upstream::{Script, Upstream};

const SOON: &str = "read_timeout = \"300ms\"\n";
const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";

#[test]
fn down() {
    let mut stage = Stage::set(Place::Sqlite, &Terms::default());
    let address = stage.upstream.address;
    // The one that listened is gone with this.
    stage.upstream = Upstream::start();
    keeps_the_policy(&mut stage, &APP_DOWN);
    stage.upstream = Upstream::at(address, Script::Echo(""));
    eventually("the app's return", || {
        judge(Kind::Public, Cell::Served, &stage.ask(Kind::Public)).ok()
    });
}

#[test]
fn slow() {
    let terms = Terms { script: Script::Silence, of_upstream: SOON, ..Terms::default() };
    keeps_the_policy(&mut Stage::set(Place::Sqlite, &terms), &APP_SLOW);
}

#[test]
fn breaks_off() {
    let terms = Terms { script: Script::BreakOff(HALF), ..Terms::default() };
    keeps_the_policy(&mut Stage::set(Place::Sqlite, &terms), &APP_BREAKS_OFF);
}

fn keeps_the_policy(stage: &mut Stage, row: &Row) {
    check(stage, row);
    look_for_signs(stage, row);
    // Whose a token is, is still asked first.
    assert_eq!(stage.gateway.status_of("none"), 401);
}
