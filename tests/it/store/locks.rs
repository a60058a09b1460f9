//! What a store promises of locks.

use super::{in_minutes, now};
use authgate::clock::Timestamp;
use authgate::store::{Lock, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const SHORT: Duration = Duration::from_secs(1);

fn lock(holder: &str, lasts: Duration) -> Lock {
    Lock { holder: holder.to_owned(), lasts, name: "test" }
}

async fn takes(store: &dyn Store, lock: &Lock, at: Timestamp) -> bool {
    store.take_lock(lock, at).await.unwrap()
}

/// Waits until the lock has ended.
async fn takes_at_last(store: &dyn Store, lock: &Lock) {
    while !takes(store, lock, now()).await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) async fn a_lock_is_one_holders_until_they_let_go(store: Arc<dyn Store>) {
    let [one, other] = ["one", "other"].map(|holder| lock(holder, Duration::from_mins(1)));
    assert!(takes(&*store, &one, now()).await);
    assert!(!takes(&*store, &other, now()).await);
    assert!(takes(&*store, &Lock { name: "another", ..other.clone() }, now()).await);
    // Whoever does not have it lets nobody in.
    store.release_lock(&other).await.unwrap();
    assert!(!takes(&*store, &other, now()).await);
    store.release_lock(&one).await.unwrap();
    assert!(takes(&*store, &other, now()).await);
    store.sweep(now()).await.unwrap();
    assert!(!takes(&*store, &one, now()).await);
}

pub(super) async fn a_lock_that_was_left_behind_ends(store: Arc<dyn Store>) {
    assert!(takes(&*store, &lock("one", SHORT), now()).await);
    assert!(!takes(&*store, &lock("other", SHORT), now()).await);
    takes_at_last(&*store, &lock("other", SHORT)).await;
}

pub(super) async fn a_lock_that_was_taken_by_a_wrong_clock_ends_as_soon(store: Arc<dyn Store>) {
    assert!(takes(&*store, &lock("one", SHORT), in_minutes(365 * 24 * 60)).await);
    // It may be in use.
    assert!(!takes(&*store, &lock("other", SHORT), now()).await);
    takes_at_last(&*store, &lock("other", SHORT)).await;
}

pub(super) async fn of_many_at_once_one_takes_a_lock(store: Arc<dyn Store>) {
    let mut race = JoinSet::new();
    for number in 0..20 {
        let store = Arc::clone(&store);
        let lock = lock(&format!("holder {number}"), Duration::from_mins(1));
        race.spawn(async move { takes(&*store, &lock, now()).await });
    }
    assert_eq!(race.join_all().await.into_iter().filter(|takes| *takes).count(), 1);
}
