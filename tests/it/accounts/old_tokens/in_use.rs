//! What is done for every use of a token is done for the first one, too, after which it has another digest.

use super::together::{digests, move_in, redis};
use super::{CLIENT, lets_in, token};
use crate::harness::accounts::{parts, settings as defaults};
use crate::harness::redis_server::RedisServer;
use crate::harness::{folder, until, wait_for};
use authgate::auth::{Auth, Refresh, Settings as AuthSettings, TokenSettings};
use authgate::clock::{Clock, SystemClock};
use authgate::model::user::UserId;
use authgate::store::{ListedToken, Settings, Store, open};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const LIFETIME: Duration = Duration::from_hours(10);

#[test]
fn of_a_file_the_first_use_prolongs_a_token_and_is_noted_under_its_new_digest() {
    let folder = folder();
    let path = folder.path().join("authgate.db");
    wait_for(the_first_use_counts(Settings::Sqlite { path }));
}

#[test]
fn of_redis_the_first_use_prolongs_a_token_and_is_noted_under_its_new_digest() {
    let server = RedisServer::start();
    wait_for(the_first_use_counts(redis(server.url())));
}

fn prolonging(store: &Arc<dyn Store>) -> Arc<Auth> {
    let refresh = Refresh { min_interval: Duration::from_mins(1), max_lifetime: None };
    let tokens =
        TokenSettings { lifetime: Some(LIFETIME), refresh: Some(refresh), ..defaults().tokens };
    let parts = parts(Arc::clone(store), Arc::new(SystemClock));
    Arc::new(Auth::new(parts, AuthSettings { tokens, ..defaults() }).unwrap())
}

async fn found(store: &dyn Store, number: u64) -> ListedToken {
    let tokens = store.tokens_of(UserId(1), SystemClock.now()).await.unwrap();
    let mut own = tokens.into_iter().filter(|one| one.record.digest == token(number).digest());
    own.next().unwrap()
}

async fn the_first_use_counts(settings: Settings) {
    move_in(&settings).await;
    let store = open(&settings).unwrap();
    let auth = prolonging(&store);
    let used_at = SystemClock.now();
    assert!(lets_in(&auth, &token(1)).await);
    let mut beside = JoinSet::new();
    let [rewriter, refresher] = [(); 2].map(|()| Arc::clone(&auth));
    beside.spawn(async move { rewriter.rewrite_tokens().await });
    let all = digests(&*store).await.len();
    until("it is rewritten", async || {
        let digests = digests(&*store).await;
        digests.contains(&token(1).digest()) && digests.len() == all
    })
    .await;
    // Only now: whatever was to be done by its old digest comes too late.
    beside.spawn(async move { refresher.refresh_tokens().await });
    until("it is prolonged", async || {
        let end = found(&*store, 1).await.record.expires.unwrap();
        end >= used_at.plus(LIFETIME) && end <= SystemClock.now().plus(LIFETIME)
    })
    .await;
    until("its use is noted", async || {
        auth.flush_uses(Duration::from_secs(1)).await;
        let noted = found(&*store, 1).await.about.last_used;
        noted.is_some_and(|(at, from)| at >= used_at && from == CLIENT)
    })
    .await;
    let before = found(&*store, 1).await;
    assert!(lets_in(&auth, &token(1)).await);
    auth.flush_uses(Duration::from_secs(1)).await;
    let after = found(&*store, 1).await;
    assert!(after.record == before.record && after.about == before.about, "once a minute");
}
