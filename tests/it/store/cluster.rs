//! The store in a Redis Cluster.

use super::feed::Watched;
use super::{Fixture, add, again, is_good, issue, now, redis_over, until_it_answers};
use crate::harness::redis_cluster::RedisCluster;
use authgate::model::limit::Familiar;
use authgate::model::network::Network;
use authgate::model::user::UserId;
use authgate::store::redis::RedisStore;
use authgate::store::{Change, Store};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

contract!(together);

fn start() -> RedisCluster {
    RedisCluster::start(3, 0)
}

fn open(cluster: &RedisCluster) -> Arc<dyn Store> {
    Arc::new(RedisStore::open(&cluster.url()).unwrap())
}

#[expect(clippy::unused_async, reason = "as the contract has it: other stores may have to wait")]
async fn fresh() -> Fixture {
    let cluster = start();
    let (url, cluster) = (cluster.url(), Mutex::new(cluster));
    redis_over(url, move || cluster.lock().unwrap().servers[1].kill())
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_tokens_are_found_while_their_slot_moves_and_after() {
    let cluster = start();
    let store = open(&cluster);
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "first").await;
    let key = format!("authgate:user:{{{}}}", alice.id);
    let to = (cluster.owner(&key) + 1) % 3;
    let (slot, from) = cluster.begin_to_move(&key, to);
    issue(&*store, &alice, "second").await;
    assert!(is_good(&*store, "first").await, "before its keys have moved");
    cluster.move_keys(&slot, from, to);
    issue(&*store, &alice, "third").await;
    assert!(is_good(&*store, "second").await, "before the slot has moved");
    cluster.end_move(&slot, to);
    issue(&*store, &alice, "fourth").await;
    for text in ["first", "second", "third", "fourth"] {
        assert!(is_good(&*store, text).await, "{text}");
    }
    assert!(store.revoke_tokens_of(alice.id, 0).await.unwrap());
    for text in ["first", "second", "third", "fourth"] {
        assert!(!is_good(&*store, text).await, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_all_at_once_is_done_while_its_slot_moves() {
    let cluster = start();
    let store = open(&cluster);
    let of = |host: u8| {
        let network = Network::of(IpAddr::from([192, 0, 2, host]));
        Familiar { network, user: UserId(7) }
    };
    let until = now().plus(Duration::from_mins(1));
    store.make_familiar(of(1), until).await.unwrap();
    let key = "authgate:familiar:{7}";
    let to = (cluster.owner(key) + 1) % 3;
    let (slot, from) = cluster.begin_to_move(key, to);
    store.make_familiar(of(2), until).await.unwrap();
    cluster.move_keys(&slot, from, to);
    store.make_familiar(of(3), until).await.unwrap();
    cluster.end_move(&slot, to);
    store.make_familiar(of(4), until).await.unwrap();
    for host in 1..=4 {
        assert!(store.familiar_until(of(host), now()).await.unwrap().is_some(), "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_tells_that_has_no_slots_yet_is_followed() {
    let cluster = RedisCluster::start_with_a_spare(3);
    let (store, other) = (open(&cluster), open(&cluster));
    let alice = add(&*store, "alice").await;
    let mut watched = Watched::begin(&store).await;
    let key = format!("authgate:user:{{{}}}", alice.id);
    let (slot, from) = cluster.begin_to_move(&key, 3);
    cluster.move_keys(&slot, from, 3);
    assert!(again(&*store, alice.id).await == alice);
    watched.until_it_ends().await;
    let watched = Watched::begin(&store).await;
    watched.forget();
    assert!(other.revoke_tokens_of(alice.id, 0).await.unwrap());
    watched.until_told().await;
    assert!(watched.has_told(Change::User(alice.id), usize::MAX));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_loss_of_a_primary_its_replica_is_asked_and_followed() {
    let mut cluster = RedisCluster::start(3, 1);
    let (store, other) = (open(&cluster), open(&cluster));
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "first").await;
    let mut watched = Watched::begin(&store).await;
    let key = format!("authgate:user:{{{}}}", alice.id);
    let lost = cluster.owner(&key);
    cluster.wait_until_replicas_have_all();
    cluster.servers[lost].kill();
    watched.until_it_ends().await;
    let ((), waited) = until_it_answers(async || store.user(alice.id).await.map(drop)).await;
    println!("answered after {waited:?}");
    assert!(is_good(&*store, "first").await);
    let watched = Watched::begin_again(&store).await;
    watched.forget();
    until_it_answers(async || other.revoke_tokens_of(alice.id, 0).await).await;
    watched.until_told().await;
    assert!(watched.has_told(Change::User(alice.id), usize::MAX));
    assert!(!is_good(&*store, "first").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_addressed_as_one_server_says_what_to_write() {
    let cluster = start();
    let store = RedisStore::open(&cluster.servers[0].url()).unwrap();
    for name in ["alice", "bob", "carol", "dave", "erin"] {
        let error = store.user_by_name(&super::name(name)).await.err().unwrap();
        assert!(error.to_string().contains("redis+cluster://"), "{error}");
    }
}
