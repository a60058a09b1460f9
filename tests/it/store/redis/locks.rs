//! By whose clock a lock ends.

use super::*;
use authgate::store::Lock;

const KEY: &str = "authgate:lock:{operators}";

fn lock(holder: &str) -> Lock {
    Lock { holder: holder.to_owned(), lasts: Duration::from_secs(30), name: "operators" }
}

fn left(server: &RedisServer) -> i64 {
    server.ask(&["PTTL", KEY])
}

#[tokio::test]
async fn whose_clock_is_ahead_has_a_lock_no_sooner_and_no_longer() {
    let server = RedisServer::start();
    let store = open(&server);
    let now = SystemClock.now();
    assert!(store.take_lock(&lock("one"), now).await.unwrap());
    for ahead in [Duration::from_secs(31), Duration::from_hours(365 * 24)] {
        let later = now.plus(ahead);
        store.sweep(later).await.unwrap();
        assert!(!store.take_lock(&lock("other"), later).await.unwrap());
    }
    store.release_lock(&lock("one")).await.unwrap();
    let far = now.plus(Duration::from_hours(365 * 24));
    assert!(store.take_lock(&lock("other"), far).await.unwrap());
    assert!((1..=30_000).contains(&left(&server)));
}

#[tokio::test]
async fn whatever_is_in_the_place_of_a_lock_ends_no_later_than_one_would() {
    let server = RedisServer::start();
    let store = open(&server);
    let far = "31536000000";
    for junk in
        [&["SET", KEY, "x"][..], &["SET", KEY, "x", "PX", far], &["HSET", KEY, "operators", "x"]]
    {
        server.ask::<u64>(&["DEL", KEY]);
        server.ask::<redis::Value>(junk);
        // Someone may be at it: it opens for nobody now.
        assert!(!store.take_lock(&lock("one"), SystemClock.now()).await.unwrap(), "{junk:?}");
        assert!((1..=30_000).contains(&left(&server)), "{junk:?}");
    }
}
