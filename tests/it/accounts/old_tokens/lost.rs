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

/// Two of them at one server, and what it was like before anything happened there.
struct Two {
    at: [Running; 2],
    before: Snapshot,
    server: RedisServer,
    stores: [Arc<dyn Store>; 2],
}

impl Two {
    async fn new() -> Self {
        let server = RedisServer::start();
        let settings = redis(server.url());
        move_in(&settings).await;
        let stores = [open(&settings).unwrap(), open(&settings).unwrap()];
        let at = [Running::of(&stores[0]).await, Running::of(&stores[1]).await];
        Self { at, before: Snapshot::of(&server), server, stores }
    }

    /// Returns when a token that was used has been rewritten.
    async fn rewritten(&self, number: u64) {
        until("it is rewritten", async || {
            let digests = digests(&*self.stores[0]).await;
            digests.contains(&token(number).digest()) && !digests.contains(&old(number))
        })
        .await;
    }
}

fn old(number: u64) -> TokenDigest {
    TokenDigest::padded(&KNOX_4_1.digest(token(number).expose(), b"salt").unwrap())
}

#[test]
fn a_token_that_was_rewritten_and_ended_does_not_come_back_in_its_former_state() {
    wait_for(async {
        let two = Two::new().await;
        let (stores, [one, other]) = (&two.stores, &two.at);
        let caller = one.auth.authenticate(&token(1), CLIENT).await.unwrap();
        two.rewritten(1).await;
        assert!(lets_in(&one.auth, &token(1)).await);
        one.auth.logout(&token(1), &caller, CLIENT).await.unwrap();
        assert!(!lets_in(&one.auth, &token(1)).await);
        two.before.take_over(&two.server);
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
        let two = Two::new().await;
        let (stores, [one, other]) = (&two.stores, &two.at);
        for n in [1, 2] {
            assert!(lets_in(&one.auth, &token(n)).await);
            two.rewritten(n).await;
        }
        let caller = other.auth.authenticate(&token(1), CLIENT).await.unwrap();
        other.auth.logout(&token(1), &caller, CLIENT).await.unwrap();
        let id = TokenName::Id(TokenId { user: UserId(1), head: token(2).digest().head() });
        other.auth.revoke_token(&id, Actor::CommandLine).await.unwrap();
        two.before.take_over(&two.server);
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
