//! Tokens that are checked from memory: what that spares the store, and what it never gets wrong.

mod apart;
mod clocks;
mod grace;
mod many;
mod outages;
mod reads;
mod refresh;
mod revocation;
pub(crate) mod tombstones;

use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

/// Keeps memory trusted on a machine that is busy with other tests.
const PATIENT: &str = "feed_timeout = \"2s\"\n";

/// Runs a test on a gateway before each of the stores, with more settings of `[store]` and perhaps
/// of tables after it.
fn on_each_store(more: &str, test: impl Fn(&Gateway)) {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    for store in ["[store]\n".to_owned(), redis.settings()] {
        let gateway = Gateway::metered(&(upstream.settings() + ROUTES + &store + more));
        gateway.until_told();
        test(&gateway);
    }
}

/// A gateway before a Redis, with more settings of `[store]` and perhaps of tables after it.
fn on_redis(upstream: &Upstream, redis: &RedisServer, more: &str) -> Gateway {
    let gateway = Gateway::metered(&(upstream.settings() + ROUTES + &redis.settings() + more));
    gateway.until_told();
    gateway
}

/// Makes an account whose token is in memory.
fn remembered(gateway: &Gateway, name: &str) -> String {
    let token = gateway.register(name);
    gateway.until_told();
    assert_eq!(gateway.status_of(&token), 200);
    token
}

/// Waits until a token is refused, which may come after nothing but this status.
fn until_refused(gateway: &Gateway, token: &str, before: u16) {
    let status = eventually("the refusal", || {
        let status = gateway.status_of(token);
        (status != before).then_some(status)
    });
    assert_eq!(status, 401);
}
