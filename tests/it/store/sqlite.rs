//! The SQLite store: the contract, and what concerns its file.

mod crash;
mod damage;
mod land;
mod land_moved;
mod land_replaced;
mod log;
mod many;
mod old_digests;
mod operators;
mod update;

use super::{Fixture, add, again, digest, hash, in_minutes, is_good, issue, name, new_user, now};
use crate::harness::folder;
use authgate::model::user::{UserChange, UserId};
use authgate::store::sqlite::SqliteStore;
use authgate::store::{Inserted, Settings, Store, StoreError};
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinSet;

contract!(each);

#[expect(clippy::unused_async, reason = "other stores have to connect, so the contract awaits")]
async fn fresh() -> Fixture {
    let folder = folder();
    let (store, file) = (open(&file_in(&folder)), file_in(&folder));
    Fixture {
        settings: Settings::Sqlite { path: file.clone() },
        store,
        another: Box::new(move || open(&file)),
        lose: Box::new(move || {
            fs::rename(file_in(&folder), folder.path().join("elsewhere.db")).unwrap();
        }),
    }
}

fn file_in(folder: &TempDir) -> PathBuf {
    folder.path().join("authgate.db")
}

fn open(path: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(path).unwrap())
}

/// What `open` says of a file that it refuses.
fn refusal(path: &Path) -> String {
    match SqliteStore::open(path) {
        Err(StoreError::Unsuitable(problem)) => problem,
        Err(other) => panic!("another error: {other:?}"),
        Ok(_) => panic!("{} was opened", path.display()),
    }
}

/// Runs SQL on the file as another program would.
fn tamper(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let folder = folder();
    let first = open(&file_in(&folder));
    let alice = add(&*first, "alice").await;
    let record = issue(&*first, &alice, "token").await;
    drop(first);
    let second = open(&file_in(&folder));
    assert!(second.token(digest("token")).await.unwrap() == Some((record, alice)));
}

#[tokio::test]
async fn two_stores_on_one_file_see_each_others_writes_at_once() {
    let folder = folder();
    let (one, other) = (open(&file_in(&folder)), open(&file_in(&folder)));
    for round in 0..20 {
        let user = add(&*one, &format!("user{round}")).await;
        issue(&*other, &user, "token").await;
        assert!(is_good(&*one, "token").await, "round {round}");
        one.revoke_tokens_of(user.id, 0).await.unwrap();
        assert!(!is_good(&*other, "token").await, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_write_to_one_file_at_the_same_time() {
    let folder = folder();
    let stores = [open(&file_in(&folder)), open(&file_in(&folder))];
    let mut writers = JoinSet::new();
    for number in 0..200 {
        let store = Arc::clone(&stores[number % 2]);
        writers.spawn(async move { add(&*store, &format!("user{number}")).await });
    }
    assert_eq!(writers.join_all().await.len(), 200);
    assert_eq!(stores[0].users_after(None, 1_000).await.unwrap().len(), 200);
}

#[tokio::test]
async fn a_new_file_may_be_opened_by_many_at_once() {
    for _ in 0..10 {
        let folder = folder();
        let mut openers = JoinSet::new();
        for _ in 0..4 {
            let path = file_in(&folder);
            openers.spawn_blocking(move || SqliteStore::open(&path).map(drop));
        }
        for outcome in openers.join_all().await {
            outcome.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_writers_at_once_are_all_answered() {
    let fixture = fresh().await;
    let mut writers = JoinSet::new();
    for writer in 0..64 {
        let store = fixture.store();
        writers.spawn(async move {
            for round in 0..5 {
                let user = add(&*store, &format!("user{writer}-{round}")).await;
                assert!(again(&*store, user.id).await == user);
            }
        });
    }
    assert_eq!(writers.join_all().await.len(), 64);
    assert_eq!(fixture.store.users_after(None, 1_000).await.unwrap().len(), 320);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_is_unavailable_within_a_second_and_heals() {
    let folder = folder();
    let store = open(&file_in(&folder));
    let lock = Connection::open(file_in(&folder)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let asked = Instant::now();
    let outcome = store.insert_user(new_user("alice")).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert!(store.user_by_name(&name("alice")).await.unwrap().is_none());
    lock.execute_batch("ROLLBACK").unwrap();
    assert!(matches!(store.insert_user(new_user("alice")).await, Ok(Inserted::Done(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_takes_tokens_of_a_past_epoch() {
    let fixture = fresh().await;
    let store = &*fixture.store;
    let alice = add(store, "alice").await;
    let mut logins = JoinSet::new();
    for number in 0..2_500 {
        let (store, alice) = (fixture.store(), alice.clone());
        logins.spawn(async move { issue(&*store, &alice, &format!("token{number}")).await });
    }
    assert_eq!(logins.join_all().await.len(), 2_500);
    let change = UserChange::Password { hash: hash("second"), must_change: false };
    let changed = store.change_user(alice.id, change).await.unwrap().unwrap();
    issue(store, &changed, "new").await;
    assert!(store.token(digest("token0")).await.unwrap().is_some());
    assert_eq!(store.sweep(now()).await.unwrap(), 2_500);
    assert!(store.token(digest("token0")).await.unwrap().is_none());
    assert!(is_good(store, "new").await);
}

#[tokio::test]
async fn a_locked_out_users_tokens_are_swept_at_their_end() {
    let fixture = fresh().await;
    let store = &*fixture.store;
    let alice = add(store, "alice").await;
    issue(store, &alice, "token").await;
    store.change_user(alice.id, UserChange::Active(false)).await.unwrap();
    assert_eq!(store.sweep(now()).await.unwrap(), 0);
    assert_eq!(store.sweep(in_minutes(61)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_users_name_that_no_user_can_have_is_told_as_it_is() {
    let folder = folder();
    let store = open(&file_in(&folder));
    let alice = add(&*store, "alice").await;
    tamper(&file_in(&folder), "UPDATE users SET username = 'al' || char(10) || 'ice'");
    let user = store.user(alice.id).await.unwrap().unwrap();
    assert_eq!(user.username.as_str(), "al\nice");
    assert!(!user.username.is_sound());
}

#[tokio::test]
async fn an_operator_is_told_the_place_and_the_version() {
    let folder = folder();
    let inspection = open(&file_in(&folder)).inspect().await.unwrap();
    let expected = format!("SQLite {} at {}", rusqlite::version(), file_in(&folder).display());
    assert_eq!(inspection.summary, expected);
    assert!(inspection.warnings.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_moved_away_or_replaced_answers_nobody() {
    let folder = folder();
    let store = open(&file_in(&folder));
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    fs::rename(file_in(&folder), folder.path().join("elsewhere.db")).unwrap();
    assert!(matches!(store.token(digest("token")).await, Err(StoreError::Unavailable(_))));
    // Its log is still there, so nobody begins with an empty store by mistake.
    assert!(refusal(&file_in(&folder)).contains("the file is missing, and beside it is the log"));
    fs::remove_file(folder.path().join("authgate.db-wal")).unwrap();
    drop(open(&file_in(&folder)));
    assert!(matches!(store.token(digest("token")).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.insert_user(new_user("bob")).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_and_its_companions_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let store = open(&file_in(&folder));
    add(&*store, "alice").await;
    let mut seen = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let metadata = entry.unwrap().metadata().unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn odd_characters_in_the_path_are_no_trouble() {
    let folder = folder();
    for file in ["a b.db", "50%.db", "what?.db", "#1.db", "ünï.db"] {
        let path = folder.path().join(file);
        for _ in 0..2 {
            open(&path);
        }
        assert!(path.exists());
    }
    assert!(fs::read_dir(folder.path()).unwrap().count() >= 5);
}

/// It may have held all accounts once.
#[test]
fn an_empty_file_is_refused_and_stays_as_it_is() {
    let folder = folder();
    fs::write(file_in(&folder), "").unwrap();
    assert!(refusal(&file_in(&folder)).contains("it is empty, which no store ever is"));
    assert_eq!(fs::read(file_in(&folder)).unwrap(), b"");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_not_changed() {
    let folder = folder();
    for content in ["x".to_owned(), "my diary\n".repeat(1_000)] {
        fs::write(file_in(&folder), &content).unwrap();
        let problem = refusal(&file_in(&folder));
        assert!(problem.ends_with(" is not a database"), "{problem}");
        assert_eq!(fs::read_to_string(file_in(&folder)).unwrap(), content);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn another_programs_database_is_refused_and_not_changed() {
    for mode in ["delete", "wal"] {
        let folder = folder();
        let sql = format!("PRAGMA journal_mode = {mode}; CREATE TABLE diary (page TEXT)");
        tamper(&file_in(&folder), &sql);
        let before = fs::read(file_in(&folder)).unwrap();
        let problem = refusal(&file_in(&folder));
        assert!(problem.ends_with(": it is the database of another program"), "{problem}");
        assert!(fs::read(file_in(&folder)).unwrap() == before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn a_file_of_the_first_version_keeps_what_it_holds() {
    let folder = folder();
    let path = file_in(&folder);
    fs::write(&path, "").unwrap();
    tamper(&path, include_str!("../../../src/store/sqlite/schema.sql"));
    tamper(
        &path,
        "INSERT INTO users VALUES (7, 'alice', '', 'hash', TRUE, FALSE, 1000000, NULL, 0)",
    );
    for _ in 0..2 {
        let store = open(&path);
        let alice = store.user_by_name(&name("alice")).await.unwrap().unwrap();
        assert_eq!(alice.id, UserId(7));
        assert_eq!(store.limits(now()).await.unwrap(), []);
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = folder();
    drop(open(&file_in(&folder)));
    tamper(&file_in(&folder), "PRAGMA user_version = 99");
    let expected = "its schema has version 99, and this program knows none after 5";
    assert!(refusal(&file_in(&folder)).ends_with(expected));
}

#[test]
fn a_missing_folder_is_named() {
    let folder = folder();
    let missing = folder.path().join("missing");
    let path = missing.join("authgate.db");
    let expected = format!(
        "cannot keep accounts in {}: there is no folder {}",
        path.display(),
        missing.display()
    );
    assert_eq!(refusal(&path), expected);
}

#[test]
fn a_folder_is_no_file() {
    let folder = folder();
    let problem = refusal(folder.path());
    assert!(problem.ends_with(": it is not a database"), "{problem}");
}
