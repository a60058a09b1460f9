//! Servers that are down, frozen, full, spoilt or badly set up.

use super::*;
use redis::AsyncTypedCommands;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What a caller waits at most for the news that the store does not answer.
const SOON: Duration = Duration::from_secs(1);

async fn assert_unavailable_soon(store: &RedisStore) -> Duration {
    let start = Instant::now();
    let answer = store.ping().await;
    let waited = start.elapsed();
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    assert!(waited < SOON, "{waited:?}");
    waited
}

async fn wait_until_it_answers(store: &RedisStore) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while let Err(error) = store.ping().await {
        assert!(Instant::now() < deadline, "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_told_soon_and_used_when_it_is_up() {
    let mut server = RedisServer::stopped();
    let store = open(&server);
    let waited = assert_unavailable_soon(&store).await;
    println!("down: {waited:?}");
    server.restart();
    assert!(store.ping().await.is_ok());
}

#[tokio::test]
async fn a_frozen_server_is_told_soon_and_used_when_it_goes_on() {
    let server = RedisServer::start();
    let store = open(&server);
    store.ping().await.unwrap();
    server.freeze();
    println!("frozen, connected: {:?}", assert_unavailable_soon(&store).await);
    println!("frozen, connecting: {:?}", assert_unavailable_soon(&store).await);
    server.thaw();
    wait_until_it_answers(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_of_a_frozen_server_wait_no_longer_than_one() {
    let server = RedisServer::start();
    server.freeze();
    let store = Arc::new(open(&server));
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..200 {
        let store = store.clone();
        callers.spawn(async move { assert_unavailable_soon(&store).await });
    }
    callers.join_all().await;
    println!("200 callers, frozen: {:?}", start.elapsed());
    server.thaw();
    wait_until_it_answers(&store).await;
}

#[tokio::test]
async fn an_address_that_swallows_packets_is_told_soon() {
    // Reserved for documentation (RFC 5737): nobody answers there.
    let store = RedisStore::open("redis://192.0.2.1:6379/0").unwrap();
    println!("blackhole: {:?}", assert_unavailable_soon(&store).await);
}

#[tokio::test]
async fn an_unknown_host_is_told_soon() {
    let store = RedisStore::open("redis://no-such-host.invalid/0").unwrap();
    assert_unavailable_soon(&store).await;
}

#[tokio::test]
async fn a_read_on_a_connection_that_went_deaf_is_answered_on_another() {
    let server = RedisServer::start();
    let door = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let store = RedisStore::open(&format!("redis://{}/0", door.local_addr().unwrap())).unwrap();
    let deafen = Notify::new();
    let caller = async {
        store.ping().await.unwrap();
        deafen.notify_waiters();
        store.ping().await.unwrap();
    };
    tokio::select! {
        () = caller => {}
        () = relay(&door, server.address(), &deafen) => {}
        () = relay(&door, server.address(), &deafen) => {}
    }
}

#[tokio::test]
async fn a_write_on_a_connection_that_went_deaf_is_not_sent_twice_and_the_next_one_is_done() {
    let server = RedisServer::start();
    let door = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let store = RedisStore::open(&format!("redis://{}/0", door.local_addr().unwrap())).unwrap();
    let deafen = Notify::new();
    let caller = async {
        let user = add_user(&store, "alice").await;
        deafen.notify_waiters();
        let late = store.issue_token(new_token(&user, "t")).await.err().unwrap();
        assert_eq!(late.kind(), "timeout");
        assert_eq!(store.issue_token(new_token(&user, "t")).await.unwrap(), Issue::Done);
    };
    tokio::select! {
        () = caller => {}
        () = relay(&door, server.address(), &deafen) => {}
        () = relay(&door, server.address(), &deafen) => {}
    }
}

/// Carries one connection until it is told to; then keeps it open, and silent.
async fn relay(door: &TcpListener, server: SocketAddr, deafen: &Notify) {
    let (mut inner, _) = door.accept().await.unwrap();
    let mut outer = TcpStream::connect(server).await.unwrap();
    tokio::select! {
        _ = copy_bidirectional(&mut inner, &mut outer) => {}
        () = deafen.notified() => {}
    }
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_restart_goes_unnoticed_between_two_calls() {
    let mut server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    store.issue_token(new_token(&user, "t")).await.unwrap();
    server.restart();
    // The scripts are gone from the server too.
    assert!(store.revoke_tokens_of(user.id, 0).await.unwrap());
    assert!(!is_live(&store, "t").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_keeps_all_that_was_answered() {
    let mut server = RedisServer::start();
    let store = Arc::new(open(&server));
    let answered = Arc::new(Mutex::new(Vec::new()));
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        writers.spawn(write_until_refused(store.clone(), writer, answered.clone()));
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while answered.lock().unwrap().len() < 50 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.kill();
    writers.join_all().await;
    server.restart();
    let answered = answered.lock().unwrap().clone();
    assert!(!answered.is_empty());
    for text in &answered {
        assert!(store.user_by_name(&name(text)).await.unwrap().is_some(), "{text}");
        assert!(is_live(&store, text).await, "{text}");
    }
    println!("kept {} users and tokens", answered.len());
}

/// Adds users, each with a token of the same name, and notes those that the store has confirmed.
async fn write_until_refused(store: Arc<RedisStore>, writer: u32, done: Arc<Mutex<Vec<String>>>) {
    for n in 0.. {
        let text = format!("user{writer}x{n}");
        let Ok(Inserted::Done(user)) = store.insert_user(new_user(&text)).await else { return };
        let Ok(Issue::Done) = store.issue_token(new_token(&user, &text)).await else { return };
        done.lock().unwrap().push(text);
    }
}

#[tokio::test]
async fn a_spoilt_user_harms_no_other() {
    let server = RedisServer::start();
    let store = open(&server);
    let (alice, bob) = (add_user(&store, "alice").await, add_user(&store, "bob").await);
    let mut token = new_token(&bob, "t");
    token.record.expires = Some(SystemClock.now());
    store.issue_token(token).await.unwrap();
    let key = format!("authgate:user:{{{}}}", alice.id);
    let mut raw = raw(&server).await;
    raw.del(&key).await.unwrap();
    raw.set(&key, "spoilt").await.unwrap();
    let corrupt = |error| matches!(error, StoreError::Corrupt { .. });
    assert!(store.user(alice.id).await.is_err_and(corrupt));
    assert!(store.user_by_name(&name("alice")).await.is_err_and(corrupt));
    assert!(store.issue_token(new_token(&alice, "u")).await.is_err_and(corrupt));
    assert!(store.revoke_tokens_of(alice.id, 0).await.is_err_and(corrupt));
    assert!(store.users_after(None, 10).await.is_err_and(corrupt));
    assert!(store.user_by_name(&name("bob")).await.unwrap().is_some());
    assert_eq!(store.sweep(SystemClock.now()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_spoilt_token_is_corrupt() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    store.issue_token(new_token(&user, "t")).await.unwrap();
    let mut raw = raw(&server).await;
    let key = raw.keys("authgate:token:*").await.unwrap().pop().unwrap();
    raw.set(&key, "spoilt").await.unwrap();
    assert!(matches!(store.token(digest("t")).await, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn a_full_server_takes_no_writes_but_answers() {
    let server = RedisServer::start();
    let store = open(&server);
    store.make_newest().await.unwrap();
    let user = add_user(&store, "alice").await;
    store.issue_token(new_token(&user, "t")).await.unwrap();
    redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", "1"])
        .exec_async(&mut raw(&server).await)
        .await
        .unwrap();
    for error in [
        store.insert_user(new_user("bob")).await.err().unwrap(),
        store.issue_token(new_token(&user, "u")).await.err().unwrap(),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(everything(&error).contains("its memory is full"), "{error:?}");
    }
    assert!(is_live(&store, "t").await);
    assert!(store.revoke_token(digest("t")).await.unwrap());
}

#[tokio::test]
async fn tls_needs_no_preparation() {
    let server = RedisServer::start();
    let store = RedisStore::open(&format!("rediss://{}/0", server.address())).unwrap();
    // The server speaks no TLS. What counts is that there is no panic for want of a provider.
    assert_unavailable_soon(&store).await;
}

#[test]
fn a_store_outlives_the_runtime_that_connected_it() {
    let server = RedisServer::start();
    let store = open(&server);
    for _ in 0..2 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(store.ping()).unwrap();
    }
}
