//! Who changes the store as a whole, one at a time.

use super::super::staged::{
    is_in_order, land, named, order, stage, token, try_to_land, user, verified,
};
use super::super::{is_good, now};
use super::*;
use crate::harness::eventually;
use authgate::auth::Copying;
use authgate::store::whole::{Landing, OnConflict, Restore, Save, Stop, Turn};
use authgate::store::{Doing, Settings};

const KEY: &str = "authgate:lock:{import}";

async fn turn_of(fixture: &Fixture, doing: Doing) -> Turn {
    fixture.whole().take_turn(doing, now()).await.unwrap()
}

fn is_refused<T>(outcome: Result<T, StoreError>, who: &str) {
    let Err(StoreError::Unsuitable(words)) = outcome else { panic!("it was not refused") };
    let process = format!("process {}", std::process::id());
    // A turn is told by who has it and since when.
    for part in [who, &process, "since 20", "one at a time"] {
        assert!(words.contains(part), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_change_the_whole_there_is_one_at_a_time() {
    let (server, fixture) = shared();
    let folder = crate::harness::folder();
    let saved = folder.path().join("saved.db");
    let save = Save { at: now(), replaces: false, stop: Stop::default(), to: saved.clone() };
    fixture.whole().save(&save, &|_, _| {}).await.unwrap();
    let here = Settings::Redis { authorities: None, replicas: 0, url: server.url() };
    let other = Settings::Sqlite { path: folder.path().join("other.db") };
    drop(authgate::store::open(&other).unwrap());
    let staging = stage(&[user(1, "ada")], &[token(1, "one")]);
    for (doing, who) in
        [(Doing::Import, "an import"), (Doing::Copy, "a copy"), (Doing::Restore, "a backup")]
    {
        let turn = turn_of(&fixture, doing).await;
        is_refused(try_to_land(&fixture, &staging, &order(OnConflict::Skip)).await, who);
        let from = saved.clone();
        let restore = Restore { at: now(), from, keeps_tokens: true, replaces: true };
        is_refused(fixture.whole().restore(&restore, &|_, _| {}).await, who);
        let copying =
            Copying::begin([&other, &here], true, Stop::default(), &|_: &str, _| {}).await;
        is_refused(copying.map(drop), who);
        assert!(named(&*fixture.store(), "ada").await.is_none());
        // What changes nothing need not wait.
        let rehearsal = Landing { dry_run: true, ..order(OnConflict::Skip) };
        assert_eq!(try_to_land(&fixture, &staging, &rehearsal).await.unwrap().added, 1);
        turn.end().await;
    }
    land(&fixture, &staging, OnConflict::Skip).await;
    assert!(is_good(&*fixture.store(), "one").await);
    assert_eq!(server.ask::<u64>(&["EXISTS", KEY]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_its_turn_until_it_ends() {
    let (server, fixture) = shared();
    let folder = crate::harness::folder();
    let here = Settings::Redis { authorities: None, replicas: 0, url: server.url() };
    let other = Settings::Sqlite { path: folder.path().join("other.db") };
    drop(authgate::store::open(&other).unwrap());
    let copying = Copying::begin([&other, &here], true, Stop::default(), &|_: &str, _| {});
    let (mut copying, ..) = copying.await.unwrap();
    copying.catch_up().await.unwrap();
    let staging = stage(&[user(1, "ada")], &[]);
    is_refused(try_to_land(&fixture, &staging, &order(OnConflict::Skip)).await, "a copy");
    copying.finish().await.unwrap();
    drop(copying);
    eventually("the end of the turn", || (server.ask::<u64>(&["EXISTS", KEY]) == 0).then_some(()));
    land(&fixture, &staging, OnConflict::Skip).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_was_left_behind_is_waited_for() {
    let (server, fixture) = shared();
    for left in ["0123456789abcdef 1 1 elsewhere an import", "junk"] {
        server.ask::<()>(&["SET", KEY, left, "PX", "1000"]);
        let staging = stage(&[user(1, "ada")], &[]);
        land(&fixture, &staging, OnConflict::Skip).await;
    }
    is_in_order(&fixture.whole()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_lasts_for_as_long_as_somebody_has_it() {
    let (server, fixture) = shared();
    let turn = turn_of(&fixture, Doing::Import).await;
    server.ask::<u64>(&["PEXPIRE", KEY, "9000"]);
    eventually("the renewal", || (server.ask::<i64>(&["PTTL", KEY]) > 9_000).then_some(()));
    // Whose process is gone lets it end, at once where it can.
    drop(turn);
    eventually("the end of the turn", || (server.ask::<u64>(&["EXISTS", KEY]) == 0).then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_present_turn_has_begun_is_not_told_as_left() {
    let (server, fixture) = shared();
    land(&fixture, &stage(&[user(7, "ada")], &[token(7, "one")]), OnConflict::Skip).await;
    let turn = turn_of(&fixture, Doing::Import).await;
    let holder: String = server.ask(&["GET", KEY]);
    let run = holder.split(' ').next().unwrap();
    server.ask::<u64>(&["HSET", "authgate:user:{7}", "landing", run]);
    for mends in [false, true] {
        assert!(verified(&fixture.whole(), mends).await.is_empty());
    }
    turn.end().await;
    assert_eq!(verified(&fixture.whole(), true).await.len(), 1);
    assert!(server.ask::<Vec<String>>(&["KEYS", "*{7}*"]).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_their_turn_stops() {
    let (server, fixture) = shared();
    let turn = turn_of(&fixture, Doing::Import).await;
    server.ask::<()>(&["SET", KEY, "another"]);
    let endless = turn.doing(std::future::pending::<Result<(), StoreError>>()).await;
    assert!(matches!(endless, Err(StoreError::Unsuitable(_))));
    turn.end().await;
    // It is the other's.
    assert_eq!(server.ask::<String>(&["GET", KEY]), "another");
}

/// Of two who went on without a lock that cannot be written, each would take away what the other writes.
#[tokio::test]
async fn a_turn_that_a_full_server_cannot_note_is_nobodys() {
    let (server, fixture) = shared();
    for mark in [None, Some("begun"), Some("noted")] {
        if let Some(mark) = mark {
            server.ask::<()>(&["SET", "authgate:restoring", mark]);
        }
        server.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
        for doing in [Doing::Copy, Doing::Import, Doing::Restore] {
            let refused = fixture.whole().take_turn(doing, now()).await;
            let Err(StoreError::Unsuitable(words)) = refused else { panic!("it has a turn") };
            for part in ["its memory is full", "nothing was changed", "maxmemory"] {
                assert!(words.contains(part), "{part}: {words}");
            }
        }
        server.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
        turn_of(&fixture, Doing::Restore).await.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_was_lost_and_cannot_be_noted_again_is_over() {
    let (server, fixture) = shared();
    let turn = turn_of(&fixture, Doing::Restore).await;
    server.ask::<u64>(&["DEL", KEY]);
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    let endless = turn.doing(std::future::pending::<Result<(), StoreError>>()).await;
    assert!(matches!(endless, Err(StoreError::Unsuitable(_))));
    turn.end().await;
}
