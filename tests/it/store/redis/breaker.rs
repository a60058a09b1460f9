//! Servers that are silent, slow or far away: nobody waits for them for long, nor longer than needed.

use super::super::feed::Watched;
use super::*;
use crate::harness::eventually;
use crate::harness::redis_cluster::RedisCluster;
use crate::harness::relay::Relay;
use authgate::metrics::Metrics;
use authgate::store::{Change, Observed};
use std::time::Instant;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// A store whose server is frozen, and known to be silent.
async fn silent(server: &RedisServer) -> RedisStore {
    let store = open(server);
    store.ping().await.unwrap();
    server.freeze();
    let start = Instant::now();
    while store.open_circuits() == 0 {
        assert!(store.ping().await.is_err());
        assert!(start.elapsed() < 3 * SECOND, "nobody notices");
    }
    store
}

#[tokio::test]
async fn while_a_server_is_silent_nobody_waits_out_their_time() {
    let server = RedisServer::start();
    let store = silent(&server).await;
    let start = Instant::now();
    for _ in 0..10 {
        assert!(store.token(digest("t")).await.err().unwrap().is_away());
    }
    println!("10 calls of a silent server: {:?}", start.elapsed());
    // Each of them would wait for 0.3 s and more.
    assert!(start.elapsed() < 2 * SECOND, "{:?}", start.elapsed());
    assert_eq!(store.open_circuits(), 1);
    server.thaw();
}

#[tokio::test]
async fn a_server_that_speaks_again_is_noticed_with_nobody_asking_and_refuses_no_first_request() {
    let server = RedisServer::start();
    let store = silent(&server).await;
    sleep(Duration::from_millis(700)).await;
    server.thaw();
    let start = Instant::now();
    while store.open_circuits() > 0 {
        assert!(start.elapsed() < 3 * SECOND, "nobody tries");
        sleep(Duration::from_millis(5)).await;
    }
    println!("noticed {:?} after its return", start.elapsed());
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_silent_for_long_and_that_nobody_asked_is_used_when_it_is_back() {
    let server = RedisServer::start();
    let store = silent(&server).await;
    sleep(7 * SECOND).await;
    assert_eq!(store.open_circuits(), 0, "nobody tries for nobody");
    server.thaw();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_server_that_refuses_is_asked_each_time() {
    let mut server = RedisServer::start();
    let store = silent(&server).await;
    server.kill();
    let start = Instant::now();
    while store.open_circuits() > 0 {
        assert!(store.ping().await.is_err());
        assert!(start.elapsed() < 3 * SECOND, "it is silent no more");
    }
    server.restart();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_refusal_to_write_opens_nothing() {
    let server = RedisServer::start();
    let store = open(&server);
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    for _ in 0..5 {
        let error = store.insert_user(new_user("alice")).await.err().unwrap();
        assert_eq!((error.kind(), store.open_circuits()), ("write_refused", 0));
        store.ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_of_a_cluster_harms_no_key_of_the_others() {
    let cluster = RedisCluster::start(3, 0);
    let store = RedisStore::open(&cluster.url()).unwrap();
    let names: Vec<_> = (0..60).map(|number| format!("user{number}")).collect();
    for text in &names {
        store.insert_user(new_user(text)).await.unwrap();
    }
    let ids: Vec<UserId> = (1..=60).map(UserId).collect();
    let owner = |id: &UserId| cluster.owner(&format!("authgate:user:{{{id}}}"));
    let (lost, others): (Vec<UserId>, Vec<UserId>) = ids.into_iter().partition(|id| owner(id) == 1);
    cluster.servers[1].freeze();
    eventually("what is silent", || {
        tokio::task::block_in_place(|| {
            let asked = tokio::runtime::Handle::current().block_on(store.user(lost[0]));
            (asked.is_err() && store.open_circuits() == 1).then_some(())
        })
    });
    let start = Instant::now();
    let mut answers = 0;
    for id in &others {
        match store.user(*id).await {
            Ok(user) => {
                assert!(user.is_some());
                answers += 1;
            }
            // The others say so themselves once they agree that it is gone.
            Err(error) => assert!(everything(&error).contains("cluster is down"), "{error:?}"),
        }
        if start.elapsed() > SECOND / 2 {
            break;
        }
    }
    println!("{answers} answers of the others in {:?}", start.elapsed());
    assert!(answers > 5, "{answers} answers");
    cluster.servers[1].thaw();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_so_far_away_that_nobody_waits_for_the_connection_is_reached_all_the_same() {
    let server = RedisServer::start();
    let relay = Relay::slow(server.address(), Duration::from_millis(115));
    let store = RedisStore::open(&format!("redis://{}/0", relay.address)).unwrap();
    let start = Instant::now();
    // Two round trips to connect are longer than any caller waits.
    while store.ping().await.is_err() {
        assert!(start.elapsed() < 5 * SECOND, "it is never reached");
    }
    println!("reached after {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_many_requests_ends_within_a_second() {
    let server = RedisServer::start();
    let user = add_user(&open(&server), "alice").await;
    let relay = Relay::slow(server.address(), Duration::from_millis(130));
    let store = Arc::new(RedisStore::open(&format!("redis://{}/0", relay.address)).unwrap());
    let metrics = Arc::new(Metrics::default());
    let store = Observed::new(store, Arc::clone(&metrics));
    eventually("a connection", || {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(store.ping()).ok()
        })
    });
    let start = Instant::now();
    // Four steps, each of which takes 0.26 s and is answered.
    let error = store.issue_token(new_token(&user, "t")).await.err().unwrap();
    let took = start.elapsed();
    assert_eq!(error.kind(), "timeout");
    assert!(took < SECOND, "{took:?}");
    let text = metrics.render().unwrap();
    assert!(text.contains("authgate_store_errors_total{kind=\"timeout\"}"), "{text}");
    assert!(text.contains("authgate_store_inflight 0"), "{text}");
    // What is asked once a second was answered.
    assert!(text.contains("authgate_store_up 1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_for_no_keys_opens_no_circuit_of_a_cluster() {
    let cluster = RedisCluster::start(3, 0);
    let frozen = RedisServer::start();
    frozen.freeze();
    let store = RedisStore::open(&format!("{},{}", cluster.url(), frozen.address())).unwrap();
    store.ping().await.unwrap();
    // Time enough to find it silent.
    for _ in 0..10 {
        sleep(SECOND / 10).await;
        assert_eq!(store.open_circuits(), 0);
    }
    frozen.thaw();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_told_also_if_its_caller_gives_up() {
    let server = RedisServer::start();
    let store: Arc<dyn Store> = Arc::new(open(&server));
    let watched = Watched::begin(&store).await;
    watched.forget();
    server.freeze();
    let call = store.revoke_tokens_of(UserId(1), 0);
    assert!(tokio::time::timeout(Duration::from_millis(10), call).await.is_err());
    assert!(watched.has_told(Change::User(UserId(1)), usize::MAX));
    server.thaw();
}
