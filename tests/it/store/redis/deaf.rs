//! Connections on which nothing comes any more, while new ones are answered.

use super::*;
use crate::harness::eventually;
use crate::harness::relay::Relay;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// A store behind a relay, with one user and a connection.
async fn behind_a_relay(server: &RedisServer) -> (Relay, Arc<RedisStore>, UserId) {
    let relay = Relay::to(server.address());
    let store = RedisStore::open(&format!("redis://{}/0", relay.address)).unwrap();
    let user = add_user(&store, "alice").await;
    (relay, Arc::new(store), user.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_read_on_a_deaf_connection_are_answered_on_another() {
    let server = RedisServer::start();
    let (relay, store, user) = behind_a_relay(&server).await;
    relay.fall_silent();
    let mut readers = JoinSet::new();
    for number in 0..50 {
        let store = Arc::clone(&store);
        readers.spawn(async move {
            // They come one after the other, as readers do.
            sleep(Duration::from_millis(number)).await;
            store.user(user).await.map(|user| user.is_some())
        });
    }
    sleep(Duration::from_millis(90)).await;
    relay.heal();
    let answers = readers.join_all().await;
    let answered = answers.iter().filter(|answer| matches!(answer, Ok(true))).count();
    assert_eq!(answered, 50, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_soon_give_up_leave_no_deaf_connection_to_the_next() {
    let server = RedisServer::start();
    let (relay, store, user) = behind_a_relay(&server).await;
    relay.fall_silent();
    let soon = Duration::from_millis(120);
    assert!(timeout(soon, store.user(user)).await.is_err());
    relay.heal();
    let mut answers = 0;
    for _ in 0..10 {
        answers += u32::from(timeout(soon, store.user(user)).await.is_ok_and(|it| it.is_ok()));
    }
    // One or two may find a machine that is busy.
    assert!(answers > 5, "{answers} of 10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_no_more_use_is_closed_also_if_nobody_needs_another() {
    let server = RedisServer::start();
    let store = open(&server);
    store.ping().await.unwrap();
    let clients = || {
        let all: String = server.ask(&["CLIENT", "LIST"]);
        all.lines().filter(|client| !client.contains("cmd=client")).count()
    };
    assert_eq!(clients(), 1);
    server.freeze();
    assert!(store.revoke_tokens_of(UserId(1), 0).await.is_err());
    sleep(Duration::from_millis(500)).await;
    server.thaw();
    eventually("an end of the connection", || (clients() == 0).then_some(()));
}
