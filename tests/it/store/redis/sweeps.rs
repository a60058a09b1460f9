//! What a sweep leaves as it is.

use super::super::staged::{joined, land, order, stage, token, user};
use super::*;
use authgate::auth::Copying;
use authgate::store::staging::StagedToken;
use authgate::store::whole::{OnConflict, Stop};
use authgate::store::{Doing, Item, ItemKind, Settings};
use redis::AsyncTypedCommands;

fn tokens_key(user: &User) -> String {
    format!("authgate:tokens:{{{}}}", user.id)
}

/// A user who has ended all their tokens, and by what the one of the text `t` is still listed.
async fn with_an_ended_token(server: &RedisServer, store: &RedisStore) -> (User, Vec<Vec<u8>>) {
    let user = add_user(store, "alice").await;
    store.issue_token(new_token(&user, "t")).await.unwrap();
    let listed = server.ask(&["ZRANGE", &tokens_key(&user), "0", "-1"]);
    store.revoke_tokens_of(user.id, 0).await.unwrap();
    (store.user(user.id).await.unwrap().unwrap(), listed)
}

/// As an import or a copy leaves it that was stopped after it had listed a token anew.
#[tokio::test]
async fn a_token_that_is_listed_of_an_earlier_epoch_too_is_as_good_as_before() {
    let server = RedisServer::start();
    let store = open(&server);
    let (user, former) = with_an_ended_token(&server, &store).await;
    let mut named = new_token(&user, "t");
    named.about.name = Some("laptop".to_owned());
    store.issue_token(named).await.unwrap();
    assert_eq!(server.ask::<u64>(&["ZCARD", &tokens_key(&user)]), 2);
    assert_eq!(store.sweep(SystemClock.now()).await.unwrap(), 0);
    assert!(is_live(&store, "t").await);
    let listed = store.tokens_of(user.id, SystemClock.now()).await.unwrap();
    assert_eq!(listed[0].about.name.as_deref(), Some("laptop"));
    let left: Vec<Vec<u8>> = server.ask(&["ZRANGE", &tokens_key(&user), "0", "-1"]);
    assert!(left.len() == 1 && left != former);
}

/// Between the two, an import writes it anew.
#[tokio::test]
async fn a_token_that_was_written_anew_since_it_was_listed_stays() {
    let server = RedisServer::start();
    let store = open(&server);
    let (user, former) = with_an_ended_token(&server, &store).await;
    store.issue_token(new_token(&user, "t")).await.unwrap();
    // As the sweep has seen the list.
    let mut redis = raw(&server).await;
    redis.del(tokens_key(&user)).await.unwrap();
    redis.zadd(tokens_key(&user), former[0].as_slice(), 1).await.unwrap();
    assert_eq!(store.sweep(SystemClock.now()).await.unwrap(), 1);
    assert!(is_live(&store, "t").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_being_taken_over_is_listed_before_it_is_there() {
    let (server, fixture) = shared();
    // Long ago, in the source.
    let one = StagedToken { created: Some(joined(1)), ..token(1, "one") };
    land(&fixture, &stage(&[user(1, "ada")], &[one]), OnConflict::Skip).await;
    let store = fixture.store();
    let keys: Vec<String> = server.ask(&["KEYS", "authgate:token:*"]);
    server.ask::<u64>(&["DEL", &keys[0]]);
    let listed = || server.ask::<u64>(&["ZCARD", "authgate:tokens:{1}"]);
    let turn = fixture.whole().take_turn(Doing::Import, SystemClock.now()).await.unwrap();
    assert_eq!(store.sweep(SystemClock.now()).await.unwrap(), 0);
    assert_eq!(listed(), 1);
    turn.end().await;
    assert_eq!(store.sweep(SystemClock.now()).await.unwrap(), 1);
    assert_eq!(listed(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_renamed_while_a_copy_follows_keeps_their_second_factor() {
    let (server, fixture) = shared();
    let folder = crate::harness::folder();
    let here = Settings::Redis { authorities: None, replicas: 0, url: server.url() };
    let other = Settings::Sqlite { path: folder.path().join("other.db") };
    let source = authgate::store::open(&other).unwrap();
    let whole = authgate::store::whole::Whole::of(&other).unwrap();
    let rows = |name: &str| stage(&[user(1, name)], &[token(1, "one")]);
    whole.land(&rows("ada"), &order(OnConflict::Skip), &|_, _| {}).await.unwrap();
    let (key, kind, value) = ("1".to_owned(), ItemKind::Totp, "{}".to_owned());
    let item = Item { expires: None, key, kind, owner: Some(UserId(1)), value };
    source.put_item(&item).await.unwrap();
    let copying = Copying::begin([&other, &here], true, Stop::default(), &|_: &str, _| {});
    let (mut copying, ..) = copying.await.unwrap();
    let factor = async || {
        fixture.store().item(ItemKind::Totp, "1", SystemClock.now()).await.unwrap().is_some()
    };
    assert!(factor().await);
    whole.land(&rows("lovelace"), &order(OnConflict::Update), &|_, _| {}).await.unwrap();
    copying.catch_up().await.unwrap();
    copying.finish().await.unwrap();
    let ada = fixture.store().user(UserId(1)).await.unwrap().unwrap();
    assert_eq!(ada.username.as_str(), "lovelace");
    assert!(factor().await);
}
