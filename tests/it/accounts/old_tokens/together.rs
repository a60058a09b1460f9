//! At two gateways of one store, each of which remembers what it has read.

use super::{CLIENT, KNOX_4_1, lets_in, token};
use crate::harness::accounts::{accounts_of, parts};
use crate::harness::redis_cluster::RedisCluster;
use crate::harness::redis_server::RedisServer;
use crate::harness::{folder, until, wait_for};
use authgate::auth::{Auth, LimitSettings};
use authgate::clock::{Clock, SystemClock};
use authgate::model::token::{Token, TokenDigest};
use authgate::model::user::UserId;
use authgate::store::staging::{OwnerRef, StagedToken, StagedUser};
use authgate::store::whole::{BringBack, Landing, OnConflict, Staging, Stop, Whole};
use authgate::store::{Settings, Store, open};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(super) const TOKENS: u64 = 10;

#[test]
fn of_a_file_many_first_uses_at_once_let_in_and_one_logout_ends_it() {
    let folder = folder();
    let path = folder.path().join("authgate.db");
    wait_for(first_uses_at_once_let_in_and_one_logout_ends(Settings::Sqlite { path }));
}

#[test]
fn of_redis_many_first_uses_at_once_let_in_and_one_logout_ends_it() {
    let server = RedisServer::start();
    wait_for(first_uses_at_once_let_in_and_one_logout_ends(redis(server.url())));
}

#[test]
fn of_a_cluster_many_first_uses_at_once_let_in_and_one_logout_ends_it() {
    let cluster = RedisCluster::start(3, 0);
    wait_for(first_uses_at_once_let_in_and_one_logout_ends(redis(cluster.url())));
}

pub(super) fn redis(url: String) -> Settings {
    Settings::Redis { authorities: None, replicas: 0, url }
}

async fn first_uses_at_once_let_in_and_one_logout_ends(settings: Settings) {
    move_in(&settings).await;
    let mut followers = JoinSet::new();
    let stores = [open(&settings).unwrap(), open(&settings).unwrap()];
    let [one, other] = stores.each_ref().map(gateway);
    for auth in [&one, &other] {
        let auth = Arc::clone(auth);
        let rewriter = Arc::clone(&auth);
        followers.spawn(async move { auth.follow_store().await });
        followers.spawn(async move {
            rewriter.rewrite_tokens().await;
            unreachable!("it runs until it is dropped")
        });
    }
    for n in 0..TOKENS {
        let token = token(n);
        let uses = (0..20).map(|n| lets_in(if n % 2 == 0 { &one } else { &other }, &token));
        let let_in = join_all(uses).await;
        assert!(let_in.iter().all(|is_in| *is_in), "{n}: {let_in:?}");
        until("it is rewritten", async || {
            let digests = digests(&*stores[0]).await;
            digests.contains(&token.digest()) && digests.len() as u64 == TOKENS
        })
        .await;
        assert!(lets_in(&one, &token).await && lets_in(&other, &token).await, "{n}: again");
    }
    assert_eq!(digests(&*stores[0]).await.len() as u64, TOKENS);
    for n in 0..TOKENS {
        let caller = one.authenticate(&token(n), CLIENT).await.unwrap();
        one.logout(&token(n), &caller, CLIENT).await.unwrap();
        assert!(!lets_in(&one, &token(n)).await);
        let heard = Duration::from_secs(2) + stores[0].told_within();
        let is_out = until("it is out", async || !lets_in(&other, &token(n)).await);
        timeout(heard, is_out).await.expect("the other gateway hears of it");
    }
    assert!(digests(&*stores[0]).await.is_empty());
}

/// One user with tokens as knox 4.1 kept them.
pub(super) async fn move_in(settings: &Settings) {
    let now = SystemClock.now();
    let user = StagedUser {
        place: 1,
        id: Some(1),
        username: "ada".to_owned(),
        password: "!".to_owned(),
        kind: "unusable".to_owned(),
        is_active: true,
        joined: Some(now),
        ..StagedUser::default()
    };
    let staged = |n| {
        let token: Token = token(n);
        StagedToken {
            place: n,
            owner: OwnerRef::Number(1),
            digest: KNOX_4_1.digest(token.expose(), b"salt").unwrap(),
            scheme: KNOX_4_1,
            salt: b"salt".to_vec(),
            knox_key: token.expose()[..8].to_owned(),
            created: Some(now),
            expires: Some(now.plus(Duration::from_hours(1))),
        }
    };
    let staging = Staging::new().unwrap();
    staging.add_users(&[user]).unwrap();
    staging.add_tokens(&(0..TOKENS).map(staged).collect::<Vec<_>>()).unwrap();
    staging.settle().unwrap();
    let stop = Stop::default();
    let brings_back = BringBack::Nobody;
    let on_conflict = OnConflict::Skip;
    let order = Landing { at: now, brings_back, dry_run: false, on_conflict, stop };
    let landed = Whole::of(settings).unwrap().land(&staging, &order, &|_, _| {}).await.unwrap();
    assert_eq!((landed.added, landed.tokens_added), (1, TOKENS));
}

pub(super) fn gateway(store: &Arc<dyn Store>) -> Arc<Auth> {
    let parts = parts(Arc::clone(store), Arc::new(SystemClock));
    Arc::new(accounts_of(parts, LimitSettings::off()))
}

pub(super) async fn digests(store: &dyn Store) -> Vec<TokenDigest> {
    let tokens = store.tokens_of(UserId(1), SystemClock.now()).await.unwrap();
    tokens.into_iter().map(|token| token.record.digest).collect()
}
