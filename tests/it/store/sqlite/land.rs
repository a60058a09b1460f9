//! Taking a source over into a file that others use.

use super::super::staged::{is_in_order, named, order, stage, token, user, verified};
use super::*;
use authgate::store::staging::StagedUser;
use authgate::store::whole::{Landed, Landing, OnConflict, Staging, Whole};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn whole(path: &Path) -> Whole {
    Whole::of(&Settings::Sqlite { path: path.to_owned() }).unwrap()
}

async fn land(path: &Path, staging: &Staging, order: &Landing) -> Result<Landed, StoreError> {
    whole(path).land(staging, order, &|_, _| {}).await
}

fn source(numbers: std::ops::RangeInclusive<u64>) -> Staging {
    let users: Vec<_> = numbers.clone().map(|n| user(n, &format!("user{n}"))).collect();
    let tokens: Vec<_> = numbers.map(|n| token(n, &format!("token{n}"))).collect();
    stage(&users, &tokens)
}

/// Writes again and again until it is over; says how long the longest write has waited, and how many
/// there were.
fn write_until(path: &Path, is_over: &AtomicBool) -> (Duration, u32) {
    let db = Connection::open(path).unwrap();
    db.busy_timeout(Duration::from_secs(30)).unwrap();
    let (mut longest, mut writes) = (Duration::ZERO, 0);
    while !is_over.load(Ordering::SeqCst) {
        let asked = Instant::now();
        db.execute_batch("BEGIN IMMEDIATE; DELETE FROM counts; COMMIT").unwrap();
        longest = longest.max(asked.elapsed());
        writes += 1;
        thread::sleep(Duration::from_millis(3));
    }
    (longest, writes)
}

/// Lands beside one who writes and one who reads all the time.
async fn land_beside(
    path: &Path,
    staging: &Staging,
    on_conflict: OnConflict,
) -> (Landed, Duration) {
    let reading = Connection::open(path).unwrap();
    reading.execute_batch("BEGIN; SELECT count(*) FROM users").unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let (ends, place) = (Arc::clone(&is_over), path.to_owned());
    let writing = tokio::task::spawn_blocking(move || write_until(&place, &ends));
    let landed = land(path, staging, &order(on_conflict)).await;
    is_over.store(true, Ordering::SeqCst);
    let (longest, writes) = writing.await.unwrap();
    assert!(writes > 5, "{writes}");
    (landed.unwrap(), longest)
}

/// No gateway waits for longer than half a second for another who writes.
const SHORT: Duration = Duration::from_millis(400);

#[tokio::test]
async fn others_write_while_a_source_is_taken_over_into_a_file_in_which_nobody_is() {
    let folder = folder();
    let path = file_in(&folder);
    let store = open(&path);
    let (landed, longest) = land_beside(&path, &source(1..=20_000), OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added), (20_000, 20_000));
    assert!(longest < SHORT, "{longest:?}");
    assert!(is_good(&*store, "token20000").await);
    is_in_order(&whole(&path)).await;
}

#[tokio::test]
async fn others_write_while_a_user_with_very_many_tokens_is_taken_over() {
    let folder = folder();
    let path = file_in(&folder);
    let store = open(&path);
    add(&*store, "here").await;
    let tokens: Vec<_> = (0..12_000).map(|n| token(7, &format!("token{n}"))).collect();
    let service = [user(7, "service")];
    let staging = stage(&service, &tokens);
    let (landed, longest) = land_beside(&path, &staging, OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added), (1, 12_000));
    assert!(longest < SHORT, "{longest:?}");
    assert!(is_good(&*store, "token11999").await);
    let (landed, longest) = land_beside(&path, &stage(&service, &[]), OnConflict::Update).await;
    assert_eq!((landed.unchanged, landed.tokens_ended), (1, 12_000));
    assert!(longest < SHORT, "{longest:?}");
    let (landed, longest) = land_beside(&path, &staging, OnConflict::Update).await;
    assert_eq!((landed.unchanged, landed.tokens_added), (1, 12_000));
    assert!(longest < SHORT, "{longest:?}");
    is_in_order(&whole(&path)).await;
}

#[tokio::test]
async fn others_write_while_it_is_looked_for_conflicts() {
    let folder = folder();
    let path = file_in(&folder);
    let store = open(&path);
    add(&*store, "here").await;
    let (landed, longest) = land_beside(&path, &source(2..=15_000), OnConflict::Fail).await;
    assert_eq!(landed.added, 14_999);
    assert!(longest < SHORT, "{longest:?}");
}

/// As one who was killed has left it.
#[tokio::test]
async fn whoever_has_not_all_of_their_tokens_is_locked_out_until_they_have() {
    let folder = folder();
    let path = file_in(&folder);
    let store = open(&path);
    add(&*store, "here").await;
    let tokens: Vec<_> = (0..2_500).map(|n| token(7, &format!("token{n}"))).collect();
    let gone = token(7, "gone");
    let service = StagedUser { is_staff: true, ..user(7, "service") };
    let staging = stage(std::slice::from_ref(&service), &[&tokens[..], &[gone]].concat());
    land(&path, &staging, &order(OnConflict::Skip)).await.unwrap();
    tamper(
        &path,
        "UPDATE users SET is_active = FALSE WHERE id = 7;
         INSERT INTO landing_users VALUES (7);
         PRAGMA foreign_keys = on;
         DELETE FROM tokens WHERE digest IN (
             SELECT digest FROM tokens WHERE knox_key <> 'gone' ORDER BY digest LIMIT 1000);",
    );
    assert!(!is_good(&*store, "gone").await);
    let [finding] = verified(&whole(&path), true).await.try_into().unwrap();
    let words = "an import has not come to its end at user 7, service, who is locked out";
    assert!(finding.words.starts_with(words), "{finding:?}");
    // No backup has them by half.
    let saved = folder.path().join("saved");
    crate::harness::command::authgate(
        &[
            "store",
            "backup",
            saved.to_str().unwrap(),
            "--store",
            &format!("sqlite:{}", path.display()),
        ],
        "",
    )
    .done();
    assert!(named(&*open(&saved), "service").await.is_none());
    let landed = land(&path, &stage(&[service], &tokens), &order(OnConflict::Skip)).await.unwrap();
    assert_eq!((landed.added, landed.tokens_added, landed.tokens_there), (1, 1000, 1500));
    assert_eq!(landed.tokens_ended, 1);
    assert!(named(&*store, "service").await.unwrap().is_active);
    assert!(is_good(&*store, "token0").await && !is_good(&*store, "gone").await);
    is_in_order(&whole(&path)).await;
}

#[tokio::test]
async fn whoever_is_stopped_once_it_is_done_hears_that_it_is_done() {
    for is_open in [true, false] {
        let folder = folder();
        let path = file_in(&folder);
        let store = open(&path);
        let _store = is_open.then_some(store);
        let (staging, order) = (source(1..=1_000), order(OnConflict::Skip));
        let has_told = AtomicBool::new(false);
        let progress = |_: &str, _: u64| {
            // Not open all the time, which would be in the way.
            let other = Connection::open(&path).unwrap();
            other.busy_timeout(Duration::ZERO).unwrap();
            let count = other.query_row("SELECT count(*) FROM users", [], |row| row.get(0));
            if count == Ok(1_000) {
                has_told.store(true, Ordering::SeqCst);
                order.stop.tell();
            }
        };
        let landed = whole(&path).land(&staging, &order, &progress).await.unwrap();
        assert_eq!((landed.added, landed.tokens_added), (1_000, 1_000));
        assert!(has_told.load(Ordering::SeqCst), "{is_open}");
        assert_eq!(staging.counts().unwrap(), (1_000, 1_000));
        drop(open(&path));
    }
}
