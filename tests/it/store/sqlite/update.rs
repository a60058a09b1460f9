//! Files that an older version has left.

use super::*;
use authgate::model::token::TokenDigest;
use authgate::model::user::Profile;
use authgate::store::{UserColumn, UserOrder, UserQuery};

const FIRST: &str = include_str!("../../../../src/store/sqlite/schema.sql");
const SECOND: &str = include_str!("../../../../src/store/sqlite/schema_2.sql");
const THIRD: &str = include_str!("../../../../src/store/sqlite/schema_3.sql");
const FOURTH: &str = include_str!("../../../../src/store/sqlite/schema_4.sql");
const FIFTH: &str = include_str!("../../../../src/store/sqlite/schema_5.sql");

/// A file of the second version: alice with two tokens, bob with one and without a login.
fn second(path: &Path) {
    fs::write(path, "").unwrap();
    tamper(path, FIRST);
    tamper(path, SECOND);
    tamper(path, CONTENT);
    tamper(
        path,
        "INSERT INTO events VALUES
             ('operators', 1, 1000000, 'user_created', 'command_line', NULL, 7, 'alice', NULL);",
    );
}

/// Users and tokens as the first two versions have them.
const CONTENT: &str = "INSERT INTO users VALUES
             (7, 'alice', 'alice@example.com', 'hash', TRUE, TRUE, 1000000, 2000000, 3),
             (9, 'Bob', '', 'hash', FALSE, FALSE, 1000001, NULL, 0);
         INSERT INTO tokens VALUES
             (zeroblob(64), 7, 1000000, NULL, 3),
             (CAST(zeroblob(63) || x'01' AS BLOB), 7, 1000002, NULL, 3),
             (CAST(zeroblob(63) || x'02' AS BLOB), 9, 1000001, 1000003, 0);";

fn version(path: &Path) -> i64 {
    let db = Connection::open(path).unwrap();
    db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

fn count(path: &Path, what: &str) -> i64 {
    let db = Connection::open(path).unwrap();
    db.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
}

async fn holds_all(store: &dyn Store) {
    let alice = store.user(UserId(7)).await.unwrap().unwrap();
    assert!(alice.is_staff && alice.epoch == 3 && !alice.must_change);
    assert_eq!(alice.last_login.map(authgate::clock::Timestamp::micros), Some(2_000_000));
    assert!(store.token(TokenDigest::new([0; 64])).await.unwrap().is_some());
    let tokens = store.tokens_of(alice.id, now()).await.unwrap();
    assert_eq!(tokens.len(), 2);
    assert_eq!(tokens[0].about, authgate::model::token::TokenAbout::default());
    for (by, expected) in [
        (UserColumn::Tokens, ["Bob", "alice"]),
        (UserColumn::Username, ["alice", "Bob"]),
        (UserColumn::LastLogin, ["Bob", "alice"]),
        (UserColumn::Email, ["Bob", "alice"]),
    ] {
        let order = UserOrder { by, is_descending: false };
        let (after, is_active, is_staff, prefix) = (None, None, None, None);
        let query = UserQuery { after, is_active, is_staff, limit: 10, order, prefix };
        let page = store.find_users(&query, now()).await.unwrap();
        let names: Vec<_> = page.users.iter().map(|one| one.user.username.as_str()).collect();
        assert_eq!(names, expected);
    }
    let recent = store.find_tokens(None, 10, now()).await.unwrap().tokens;
    let created: Vec<_> = recent.iter().map(|token| token.record.created.micros()).collect();
    assert_eq!(created, [1_000_002, 1_000_000]);
    assert_eq!(store.census(now()).await.unwrap().tokens, 2);
}

#[tokio::test]
async fn a_file_of_the_second_version_keeps_what_it_holds() {
    let folder = folder();
    let path = file_in(&folder);
    second(&path);
    for _ in 0..2 {
        let store = open(&path);
        holds_all(&*store).await;
    }
    assert_eq!((version(&path), count(&path, "events")), (6, 1));
}

#[tokio::test]
async fn a_file_of_the_third_version_keeps_what_it_holds() {
    let folder = folder();
    let path = file_in(&folder);
    second(&path);
    tamper(&path, THIRD);
    tamper(&path, "UPDATE tokens SET name = 'backup' WHERE user_id = 9");
    assert_eq!(version(&path), 3);
    for _ in 0..2 {
        let store = open(&path);
        holds_all(&*store).await;
        let alice = again(&*store, UserId(7)).await;
        assert_eq!(alice.profile, Profile::default());
        assert!(!store.has_old_digests().await.unwrap());
    }
    assert_eq!((version(&path), count(&path, "tokens WHERE name = 'backup'")), (6, 1));
    assert_eq!(count(&path, "tokens WHERE knox_key IS NULL"), 3);
}

#[tokio::test]
async fn a_file_of_the_fourth_version_keeps_what_it_holds() {
    let folder = folder();
    let path = file_in(&folder);
    second(&path);
    tamper(&path, THIRD);
    tamper(&path, FOURTH);
    tamper(
        &path,
        "UPDATE tokens SET knox_key = 'abc' WHERE user_id = 9;
         INSERT INTO old_digests SELECT digest, 'abc', 'sha256:bytes', x'' FROM tokens
         WHERE user_id = 9;",
    );
    assert_eq!(version(&path), 4);
    for _ in 0..2 {
        let store = open(&path);
        holds_all(&*store).await;
        assert!(store.has_old_digests().await.unwrap());
    }
    assert_eq!((version(&path), count(&path, "deleted_users")), (6, 0));
    let store = open(&path);
    assert!(store.delete_user(UserId(9)).await.unwrap());
    assert_eq!(count(&path, "deleted_users WHERE id = 9"), 1);
    assert_eq!(count(&path, "tokens WHERE former IS NULL"), 2);
}

#[tokio::test]
async fn an_update_that_fails_in_the_middle_changes_nothing_and_is_made_up_for() {
    let folder = folder();
    let path = file_in(&folder);
    second(&path);
    // The last of all that is made is there already.
    tamper(&path, "ALTER TABLE tokens ADD COLUMN former BLOB");
    for _ in 0..2 {
        assert!(SqliteStore::open(&path).is_err());
        assert_eq!(version(&path), 2);
        assert_eq!(count(&path, "pragma_table_info('users') WHERE name = 'must_change'"), 0);
        assert_eq!(
            count(&path, "sqlite_schema WHERE name IN ('items', 'old_digests', 'deleted_users')"),
            0
        );
        assert_eq!((count(&path, "users"), count(&path, "tokens")), (2, 3));
    }
    tamper(&path, "ALTER TABLE tokens DROP COLUMN former");
    holds_all(&*open(&path)).await;
    assert_eq!(version(&path), 6);
}

#[tokio::test]
async fn an_update_whose_process_ends_is_made_by_the_next() {
    let folder = folder();
    let path = file_in(&folder);
    second(&path);
    let dying = Connection::open(&path).unwrap();
    dying.execute_batch("BEGIN IMMEDIATE").unwrap();
    dying.execute_batch(THIRD).unwrap();
    dying.execute_batch(FOURTH).unwrap();
    dying.execute_batch(FIFTH).unwrap();
    drop(dying);
    assert_eq!((version(&path), count(&path, "users")), (2, 2));
    holds_all(&*open(&path)).await;
}

/// A file of the first version, as it was before limits and events.
#[tokio::test]
async fn a_file_of_the_first_version_keeps_users_and_tokens() {
    let folder = folder();
    let path = file_in(&folder);
    fs::write(&path, "").unwrap();
    tamper(&path, FIRST);
    tamper(&path, CONTENT);
    for _ in 0..2 {
        holds_all(&*open(&path)).await;
    }
    assert_eq!((version(&path), count(&path, "users"), count(&path, "tokens")), (6, 2, 3));
    // Whoever was the last goes, and their number with them.
    tamper(&path, "DELETE FROM users WHERE id = 9");
    assert_eq!(add(&*open(&path), "carol").await.id, UserId(10));
}

/// Killed at any moment, it has the version of before or the one after, and all that it held.
#[test]
fn an_update_that_is_killed_leaves_all_of_the_old_version_or_of_the_new() {
    let rounds = if crate::harness::is_long() { 60 } else { 6 };
    let (mut before, mut after) = (0, 0);
    for round in 0..rounds {
        let folder = folder();
        let path = file_in(&folder);
        second(&path);
        tamper(
            &path,
            "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 5009)
             INSERT INTO users SELECT i, 'user' || i, '', 'hash', TRUE, FALSE, i, NULL, 0 FROM n;
             INSERT INTO tokens SELECT CAST(zeroblob(60) || format('%04d', i) AS BLOB), 10 + i, i, NULL, 0
             FROM (SELECT id - 10 AS i FROM users WHERE id > 9)",
        );
        let mut updating = std::process::Command::new(crate::harness::command::AUTHGATE)
            .args(["user", "show", "alice"])
            .env("AUTHGATE__STORE__URL", format!("sqlite:{}", path.display()))
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(2 + (round * 7) % 60));
        updating.kill().unwrap();
        updating.wait().unwrap();
        match version(&path) {
            2 => before += 1,
            6 => after += 1,
            other => panic!("version {other}"),
        }
        assert_eq!((count(&path, "users"), count(&path, "tokens")), (5002, 5003), "{round}");
        drop(open(&path));
        assert_eq!(version(&path), 6);
        assert_eq!((count(&path, "users"), count(&path, "tokens")), (5002, 5003), "{round}");
        assert_eq!(count(&path, "users WHERE tokens = 1"), 5001);
    }
    println!("killed before {before} times, after {after} times");
}

#[tokio::test]
async fn two_processes_may_update_a_file_at_once() {
    for _ in 0..5 {
        let folder = folder();
        let path = file_in(&folder);
        second(&path);
        let mut openers = JoinSet::new();
        for _ in 0..3 {
            let path = path.clone();
            openers.spawn_blocking(move || SqliteStore::open(&path).map(drop));
        }
        for outcome in openers.join_all().await {
            outcome.unwrap();
        }
        holds_all(&*open(&path)).await;
    }
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_not_changed() {
    let folder = folder();
    let path = file_in(&folder);
    drop(open(&path));
    tamper(&path, "PRAGMA wal_checkpoint(truncate); PRAGMA user_version = 7");
    tamper(&path, "PRAGMA wal_checkpoint(truncate)");
    let before = fs::read(&path).unwrap();
    let expected = "its schema has version 7, and this program knows none after 6";
    assert!(refusal(&path).ends_with(expected));
    assert!(fs::read(&path).unwrap() == before);
}
