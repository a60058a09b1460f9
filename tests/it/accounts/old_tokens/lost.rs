//! After a failover to a server that has not heard of what came last.

use super::together::{digests, gateway, move_in, redis};
use super::{CLIENT, KNOX_4_1, lets_in, token};
use crate::harness::redis_server::RedisServer;
use crate::harness::{until, wait_for};
use crate::memory::tombstones::Snapshot;
use authgate::auth::{Auth, TokenName};
use authgate::model::event::Actor;
use authgate::model::token::{TokenDigest, TokenId};
use authgate::model::user::UserId;
use authgate::store::{Store, open};
use std::sync::Arc;
use tokio::task::JoinSet;

/// A gateway with all that goes on beside its requests.
struct Running {
    auth: Arc<Auth>,
    _beside: JoinSet<()>,
}

impl Running {
    async fn of(store: &Arc<dyn Store>) -> Self {
        let (auth, mut beside) = (gateway(store), JoinSet::new());
        let [follower, rewriter, keeper] = [(); 3].map(|()| Arc::clone(&auth));
        beside.spawn(async move { match follower.follow_store().await {} });
        beside.spawn(async move { rewriter.rewrite_tokens().await });
        beside.spawn(async move { match keeper.keep_revocations().await {} });
        let running = Self { auth, _beside: beside };
        // Memory is trusted once the feed is there.
        until("the feed", async || !lets_in(&running.auth, &token(99)).await).await;
        running
    }
}

fn old(number: u64) -> TokenDigest {
    TokenDigest::padded(&KNOX_4_1.digest(token(number).expose(), b"salt").unwrap())
}

#[test]
fn a_token_that_was_rewritten_and_ended_does_not_come_back_in_its_former_state() {
    wait_for(async {
        let server = RedisServer::start();
        let settings = redis(server.url());
        move_in(&settings).await;
        let stores = [open(&settings).unwrap(), open(&settings).unwrap()];
        let [one, other] = [Running::of(&stores[0]).await, Running::of(&stores[1]).await];
        let before = Snapshot::of(&server);
        let caller = one.auth.authenticate(&token(1), CLIENT).await.unwrap();
        until("it is rewritten", async || {
            let digests = digests(&*stores[0]).await;
            digests.contains(&token(1).digest()) && !digests.contains(&old(1))
        })
        .await;
        assert!(lets_in(&one.auth, &token(1)).await);
        one.auth.logout(&token(1), &caller, CLIENT).await.unwrap();
        assert!(!lets_in(&one.auth, &token(1)).await);
        before.take_over(&server);
        // Neither of the rewriting nor of the logout: there it has its old digest, and is good.
        assert!(stores[1].token(old(1)).await.unwrap().is_some());
        for _ in 0..20 {
            assert!(!lets_in(&one.auth, &token(1)).await);
        }
        until("it is ended again, so that nobody lets it in", async || {
            stores[1].token(old(1)).await.unwrap().is_none()
        })
        .await;
        until("the other gateway hears of it", async || !lets_in(&other.auth, &token(1)).await)
            .await;
        assert!(lets_in(&one.auth, &token(2)).await, "no other has ended");
    });
}

#[test]
fn a_token_that_one_gateway_has_rewritten_and_another_has_ended_does_not_come_back_either() {
    wait_for(async {
        let server = RedisServer::start();
        let settings = redis(server.url());
        move_in(&settings).await;
        let stores = [open(&settings).unwrap(), open(&settings).unwrap()];
        let [one, other] = [Running::of(&stores[0]).await, Running::of(&stores[1]).await];
        let before = Snapshot::of(&server);
        let is_rewritten = async |n| {
            let digests = digests(&*stores[0]).await;
            digests.contains(&token(n).digest()) && !digests.contains(&old(n))
        };
        for n in [1, 2] {
            assert!(lets_in(&one.auth, &token(n)).await);
            until("it is rewritten", async || is_rewritten(n).await).await;
        }
        drop(one);
        let caller = other.auth.authenticate(&token(1), CLIENT).await.unwrap();
        other.auth.logout(&token(1), &caller, CLIENT).await.unwrap();
        let id = TokenName::Id(TokenId { user: UserId(1), head: token(2).digest().head() });
        other.auth.revoke_token(&id, Actor::CommandLine).await.unwrap();
        before.take_over(&server);
        // Of none of it.
        assert!(stores[1].token(old(1)).await.unwrap().is_some());
        for n in [1, 2] {
            for _ in 0..20 {
                assert!(!lets_in(&other.auth, &token(n)).await, "{n}");
            }
            until("it is ended again, so that nobody lets it in", async || {
                stores[1].token(old(n)).await.unwrap().is_none()
            })
            .await;
        }
        assert!(lets_in(&other.auth, &token(3)).await, "no other has ended");
    });
}

#[test]
fn a_token_that_was_ended_as_it_had_come_does_not_come_back_rewritten() {
    wait_for(async {
        let server = RedisServer::start();
        let settings = redis(server.url());
        move_in(&settings).await;
        let store = open(&settings).unwrap();
        // Another one rewrites it, of which this server never hears.
        let rewriting = Running::of(&store).await;
        let moved = Snapshot::of(&server);
        assert!(lets_in(&rewriting.auth, &token(1)).await);
        until("it is rewritten", async || {
            digests(&*store).await.contains(&token(1).digest())
                && store.token(old(1)).await.unwrap().is_none()
        })
        .await;
        drop(rewriting);
        let rewritten = Snapshot::of(&server);
        moved.take_over(&server);
        let stores = [open(&settings).unwrap(), open(&settings).unwrap()];
        let auth = gateway(&stores[0]);
        let mut beside = JoinSet::new();
        let [follower, keeper] = [(); 2].map(|()| Arc::clone(&auth));
        beside.spawn(async move { match follower.follow_store().await {} });
        beside.spawn(async move { match keeper.keep_revocations().await {} });
        let caller = auth.authenticate(&token(1), CLIENT).await.unwrap();
        auth.logout(&token(1), &caller, CLIENT).await.unwrap();
        assert!(!lets_in(&auth, &token(1)).await);
        rewritten.take_over(&server);
        for _ in 0..20 {
            assert!(!lets_in(&auth, &token(1)).await);
        }
        until("it is ended again", async || {
            stores[1].token(token(1).digest()).await.unwrap().is_none()
        })
        .await;
    });
}
