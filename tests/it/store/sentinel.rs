//! The store in a Redis whose primary sentinels choose.

use super::feed::Watched;
use super::{Fixture, add, is_good, issue, redis_over, until_it_answers};
use crate::harness::redis_sentinels::RedisSentinels;
use crate::harness::relay::Relay;
use authgate::store::redis::RedisStore;
use authgate::store::{Change, Store, StoreError};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

contract!(together);

fn start() -> RedisSentinels {
    RedisSentinels::start(0, 1)
}

fn open(servers: &RedisSentinels) -> Arc<dyn Store> {
    Arc::new(RedisStore::open(&servers.url()).unwrap())
}

#[expect(clippy::unused_async, reason = "as the contract has it: other stores may have to wait")]
async fn fresh() -> Fixture {
    let servers = start();
    let (url, servers) = (servers.url(), Mutex::new(servers));
    redis_over(url, move || servers.lock().unwrap().servers[0].kill())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_loss_of_the_primary_the_next_one_is_asked_and_followed() {
    let mut servers = RedisSentinels::start(2, 3);
    let (store, other) = (open(&servers), open(&servers));
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "first").await;
    servers.wait_until_replicas_have_all();
    let mut watched = Watched::begin(&store).await;
    servers.servers[0].kill();
    watched.until_it_ends().await;
    let (_, waited) =
        until_it_answers(async || store.revoke_token(super::digest("none")).await).await;
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
async fn a_primary_that_is_replaced_while_it_lives_is_followed_no_longer() {
    let servers = RedisSentinels::start(2, 3);
    let store = open(&servers);
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "first").await;
    let mut watched = Watched::begin(&store).await;
    servers.replace_primary();
    watched.until_it_ends().await;
    assert_ne!(servers.primary(), 0);
    until_it_answers(async || store.revoke_tokens_of(alice.id, 0).await).await;
    assert!(!is_good(&*store, "first").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_hear_most_of_the_sentinels_believes_neither_the_primary_nor_memory() {
    let servers = RedisSentinels::start(0, 3);
    let lines: Vec<_> = servers.places().into_iter().map(Relay::to).collect();
    let places: Vec<_> = lines.iter().map(|line| line.address).collect();
    let store: Arc<dyn Store> =
        Arc::new(RedisStore::open(&RedisSentinels::url_by(&places)).unwrap());
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "first").await;
    let mut watched = Watched::begin(&store).await;
    lines[2].fall_silent();
    watched.until_told().await;
    assert!(is_good(&*store, "first").await);
    // The two could have made another primary, of which this one hears nothing.
    lines[1].fall_silent();
    watched.until_it_ends().await;
    assert!(store.token(super::digest("first")).await.is_err());
    lines[1].heal();
    until_it_answers(async || store.token(super::digest("first")).await).await;
    Watched::begin_again(&store).await.until_told().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_too_few_of_the_sentinels_are_named_the_store_says_so() {
    let servers = RedisSentinels::start(0, 3);
    let by = |places: &[SocketAddr]| RedisStore::open(&RedisSentinels::url_by(places)).unwrap();
    let places = servers.places();
    let error = by(&places[..1]).token(super::digest("none")).await.err().unwrap();
    assert!(matches!(&error, StoreError::Unsuitable(why) if why.contains("names 1 sentinels")));
    assert!(by(&places[1..]).token(super::digest("none")).await.is_ok());
}
