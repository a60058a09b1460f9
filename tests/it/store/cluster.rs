//! The store in a Redis Cluster.

use super::Fixture;
use crate::harness::redis_cluster::RedisCluster;
use authgate::store::Store;
use authgate::store::redis::RedisStore;
use std::sync::{Arc, Mutex};

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
    let (store, url) = (open(&cluster), cluster.url());
    let cluster = Mutex::new(cluster);
    Fixture {
        store,
        another: Box::new(move || Arc::new(RedisStore::open(&url).unwrap())),
        lose: Box::new(move || cluster.lock().unwrap().servers[1].kill()),
    }
}
