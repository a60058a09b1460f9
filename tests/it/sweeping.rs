//! Several gateways of one store do not sweep all of it at once, nor one after another without a rest.

use crate::harness::accounts::accounts;
use crate::harness::folder;
use crate::harness::redis_server::RedisServer;
use authgate::auth::Auth;
use authgate::clock::{Clock, ManualClock, SystemClock};
use authgate::store::redis::RedisStore;
use authgate::store::sqlite::SqliteStore;
use authgate::store::{Lock, Store};
use rusqlite::Connection;
use std::sync::Arc;
use std::time::Duration;

async fn sweeps(auth: &Auth) -> bool {
    auth.sweep_in_turn(false).await.unwrap().is_some()
}

fn minutes(number: u64) -> Duration {
    Duration::from_mins(number)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_sweep_by_turns_and_rest() {
    let folder = folder();
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let [first, second] = [(); 2].map(|()| {
        let store = SqliteStore::open(&folder.path().join("authgate.db")).unwrap();
        accounts(Arc::new(store), Arc::clone(&clock) as Arc<dyn Clock>)
    });
    assert!(sweeps(&first).await);
    assert!(!sweeps(&second).await);
    clock.advance(minutes(9));
    assert!(!sweeps(&second).await);
    clock.advance(minutes(2));
    assert!(sweeps(&second).await);
    assert!(!sweeps(&first).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_urgent_waits_for_no_rest_but_for_whoever_sweeps() {
    let redis = RedisServer::start();
    let store: Arc<dyn Store> = Arc::new(RedisStore::open(&redis.url()).unwrap());
    let [first, second] =
        [(); 2].map(|()| accounts(Arc::clone(&store), Arc::new(SystemClock) as Arc<dyn Clock>));
    assert!(sweeps(&first).await);
    assert!(!sweeps(&second).await);
    assert!(second.sweep_in_turn(true).await.unwrap().is_some());
    let lock = Lock { holder: "another".to_owned(), lasts: minutes(1), name: "sweep" };
    assert!(store.take_lock(&lock, SystemClock.now()).await.unwrap());
    assert!(second.sweep_in_turn(true).await.unwrap().is_none());
    store.release_lock(&lock).await.unwrap();
    assert!(second.sweep_in_turn(true).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_that_failed_is_done_again_soon() {
    let folder = folder();
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let store = Arc::new(SqliteStore::open(&folder.path().join("authgate.db")).unwrap());
    let auth = accounts(store, Arc::clone(&clock) as Arc<dyn Clock>);
    let db = Connection::open(folder.path().join("authgate.db")).unwrap();
    db.execute_batch("ALTER TABLE events RENAME TO elsewhere").unwrap();
    assert!(auth.sweep_in_turn(false).await.is_err());
    db.execute_batch("ALTER TABLE elsewhere RENAME TO events").unwrap();
    assert!(!sweeps(&auth).await);
    clock.advance(minutes(6));
    assert!(sweeps(&auth).await);
}
