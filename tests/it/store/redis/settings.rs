//! Servers that are set up badly, and what is said of them.

use super::*;
use crate::harness::redis_cluster::RedisCluster;

#[tokio::test]
async fn a_replica_takes_no_writes_and_is_warned_of() {
    let server = RedisServer::start();
    let replica = RedisServer::start_with(&[
        "--replicaof",
        &format!("{} {}", server.address().ip(), server.address().port()),
    ]);
    let store = open(&replica);
    let error = store.insert_user(new_user("bob")).await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let inspection = store.inspect().await.unwrap();
    assert!(inspection.warnings[0].contains("replica"), "{inspection:?}");
}

#[tokio::test]
async fn a_good_server_is_not_warned_of() {
    let server = RedisServer::start();
    let inspection = open(&server).inspect().await.unwrap();
    let place = format!(" at {}/0", server.address());
    assert!(inspection.summary.ends_with(&place), "{inspection:?}");
    assert_eq!(inspection.warnings, Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_may_lose_things_is_warned_of() {
    for (arguments, word) in [
        (["--appendonly", "no"], "appendonly is off"),
        (["--maxmemory-policy", "allkeys-lru"], "maxmemory-policy is allkeys-lru"),
        (["--appendfsync", "everysec"], "appendfsync is everysec"),
    ] {
        let server = RedisServer::start_with(&arguments);
        let warnings = open(&server).inspect().await.unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(word), "{warnings:?}");
    }
}

#[tokio::test]
async fn no_error_shows_the_password() {
    let server = RedisServer::start_with(&["--requirepass", "right"]);
    let place = server.address();
    for (url, why) in [
        (format!("redis://:hunter2@{place}/0"), "password in its address is wrong"),
        (format!("redis://{place}/0"), "it wants a password"),
        (format!("redis://:hunter2@{place}/99"), "password in its address is wrong"),
        ("redis://:hunter2@127.0.0.1:1/0".to_owned(), "refused"),
    ] {
        let error = RedisStore::open(&url).unwrap().ping().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        let shown = everything(&error);
        assert!(shown.contains(why) && !shown.contains("hunter2"), "{shown}");
    }
    let store = RedisStore::open(&format!("redis://:right@{place}/0")).unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_user_without_permission_is_told_so() {
    let server =
        RedisServer::start_with(&["--user", "weak", "on", ">pw", "~authgate:*", "+info", "+ping"]);
    let store = RedisStore::open(&format!("redis://weak:pw@{}/0", server.address())).unwrap();
    let error = store.user(UserId(1)).await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(everything(&error).contains("may not do this"), "{error:?}");
}

/// It answers for all keys, and would refuse to delete a user: that has keys of two slots.
#[tokio::test]
async fn a_node_of_a_cluster_that_is_named_as_a_server_alone_is_refused() {
    let cluster = RedisCluster::start(1, 0);
    let plain = format!("redis://{}/0", cluster.places()[0]);
    let store = RedisStore::open(&plain).unwrap();
    for error in [
        store.inspect().await.err().unwrap(),
        store.insert_user(new_user("ada")).await.err().unwrap(),
        store.user(UserId(1)).await.err().unwrap(),
    ] {
        let StoreError::Unsuitable(words) = &error else { panic!("{error:?}") };
        assert!(words.contains("a node of a Redis Cluster"), "{words}");
        assert!(words.contains("redis+cluster://"), "{words}");
    }
    let store = RedisStore::open(&cluster.url()).unwrap();
    let ada = add_user(&store, "ada").await;
    assert!(store.delete_user(ada.id).await.unwrap());
}
