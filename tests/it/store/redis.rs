//! The store in Redis: what only this one can get wrong.

mod breaker;
mod deaf;
mod deleted;
mod faults;
mod indexes;
mod landing;
mod late;
mod layouts;
mod locks;
mod lost;
mod old_digests;
mod operators;
mod overtaken;
mod paced;
mod races;
mod renames;
mod replaced;
mod replicas;
mod room;
mod settings;
mod sweeps;
mod tls;
mod turns;

use super::{Fixture, digest, hash, name, new_user, redis_over};
use crate::harness::redis_server::RedisServer;
use authgate::clock::{Clock, SystemClock, Timestamp};
use authgate::model::token::TokenAbout;
use authgate::model::token::TokenRecord;
use authgate::model::user::{User, UserId};
use authgate::store::redis::RedisStore;
use authgate::store::{Inserted, Issue, NewToken, OnLimit, Store, StoreError, TokenLimit};
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

contract!(each);

#[expect(clippy::unused_async, reason = "as the contract has it: other stores may have to wait")]
async fn fresh() -> Fixture {
    let server = RedisServer::start();
    let (url, server) = (server.url(), Mutex::new(server));
    redis_over(url, move || server.lock().unwrap().kill())
}

/// A server, and an empty store in it.
fn shared() -> (RedisServer, Fixture) {
    let server = RedisServer::start();
    let fixture = redis_over(server.url(), || panic!("the server is the test's own"));
    (server, fixture)
}

fn open(server: &RedisServer) -> RedisStore {
    RedisStore::open(&server.url()).unwrap()
}

async fn add_user(store: &RedisStore, username: &str) -> User {
    match store.insert_user(new_user(username)).await.unwrap() {
        Inserted::Done(user) => user,
        Inserted::NameTaken => panic!("{username} is taken"),
    }
}

fn in_an_hour() -> Timestamp {
    SystemClock.now().plus(Duration::from_hours(1))
}

fn new_token(user: &User, text: &str) -> NewToken {
    let record = TokenRecord {
        created: SystemClock.now(),
        digest: digest(text),
        epoch: user.epoch,
        expires: Some(in_an_hour()),
        former: None,
        knox_key: None,
        user: user.id,
    };
    NewToken { about: TokenAbout::default(), record, limit: None, is_login: true }
}

fn limited(user: &User, text: &str, most: u32, on_limit: OnLimit) -> NewToken {
    NewToken { limit: Some(TokenLimit { most, on_limit }), ..new_token(user, text) }
}

/// How many of a user's tokens would pass.
async fn live_tokens(store: &RedisStore, user: UserId) -> usize {
    store.tokens_of(user, SystemClock.now()).await.unwrap().len()
}

async fn is_live(store: &RedisStore, text: &str) -> bool {
    let found = store.token(digest(text)).await.unwrap();
    found.is_some_and(|(token, user)| token.epoch == user.epoch && user.is_active)
}

/// A connection beside the store's, to look at keys and to spoil them.
async fn raw(server: &RedisServer) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Everything that an error can show.
fn everything(error: &StoreError) -> String {
    let mut shown = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        shown = format!("{shown} {inner} {inner:?}");
        cause = inner.source();
    }
    shown
}
