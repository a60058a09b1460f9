//! The store in a Redis whose primary sentinels choose.

use super::Fixture;
use crate::harness::redis_sentinels::RedisSentinels;
use authgate::store::Store;
use authgate::store::redis::RedisStore;
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
    let (store, url) = (open(&servers), servers.url());
    let servers = Mutex::new(servers);
    Fixture {
        store,
        another: Box::new(move || Arc::new(RedisStore::open(&url).unwrap())),
        lose: Box::new(move || servers.lock().unwrap().servers[0].kill()),
    }
}
