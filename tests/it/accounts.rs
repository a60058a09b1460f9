//! Accounts: what their owners may do, and what nobody may do with those of others.

mod credentials;
mod imported_hashes;
mod look_alikes;
mod old_tokens;
mod password_change;

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

/// Runs a test on a gateway before each of the stores, with more settings.
fn on_each_store(settings: &str, test: impl Fn(&Gateway)) {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    for store in [String::new(), redis.settings()] {
        test(&Gateway::start(&(upstream.settings() + ROUTES + &store + settings)));
    }
}
