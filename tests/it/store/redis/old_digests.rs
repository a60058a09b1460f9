//! What is wrong with what is kept of old digests, and what an earlier attempt has left.

use super::super::staged::{is_in_order, land, old_token, stage, token, user, verified};
use super::*;
use authgate::model::token::{KnoxKey, TokenDigest};
use authgate::store::whole::OnConflict;

#[tokio::test]
async fn old_digests_that_a_sweep_would_not_find_are_told_and_listed_again() {
    let (server, fixture) = shared();
    land(&fixture, &stage(&[user(1, "ada")], &[old_token(1, "0f0f0f0f")]), OnConflict::Skip).await;
    server.ask::<u64>(&["DEL", "authgate:old-digests"]);
    assert_eq!(verified(&fixture.whole(), false).await.len(), 1);
    verified(&fixture.whole(), true).await;
    is_in_order(&fixture.whole()).await;
    assert_eq!(server.ask::<u64>(&["SCARD", "authgate:old-digests"]), 1);
    let key = "authgate:old-digests:{0f0f0f0f}";
    server.ask::<u64>(&["HSET", key, "no digest", "sha512:text "]);
    assert_eq!(verified(&fixture.whole(), false).await.len(), 1);
}

/// One who was killed has left users with a mark to whom no name leads, one with a token and one without
/// anything.
#[tokio::test]
async fn what_an_earlier_attempt_has_begun_is_brought_to_its_end() {
    let (server, fixture) = shared();
    let (ada, bob, eve) = (user(1, "ada"), user(2, "bob"), user(3, "eve"));
    let old = old_token(2, "0f0f0f0f");
    let gone = token(1, "gone");
    let tokens = [token(1, "one"), gone, old.clone()];
    land(&fixture, &stage(&[ada.clone(), bob.clone()], &tokens), OnConflict::Skip).await;
    for key in ["name:{ada}", "name:{bob}", "old-digests:{0f0f0f0f}", "old-digests", "users"] {
        server.ask::<u64>(&["DEL", &format!("authgate:{key}")]);
    }
    server.ask::<u64>(&["DEL", "authgate:user:{2}"]);
    server.ask::<u64>(&["HSET", "authgate:user:{2}", "username", "bob"]);
    for number in ["1", "2"] {
        let key = format!("authgate:user:{{{number}}}");
        server.ask::<u64>(&["HSET", &key, "landing", "0123456789abcdef"]);
        server.ask::<u64>(&["SADD", "authgate:landing", number]);
    }
    // The source has one token less by now.
    let tokens = [token(1, "one"), old.clone(), token(3, "two")];
    let staging = stage(&[ada, bob, eve], &tokens);
    let landed = land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added), (3, 3), "{landed:?}");
    let store = RedisStore::open(&server.url()).unwrap();
    store.sweep(SystemClock.now()).await.unwrap();
    assert!(is_live(&store, "one").await && is_live(&store, "two").await);
    assert!(!is_live(&store, "gone").await);
    let found = store.old_digests(&KnoxKey::parse("0f0f0f0f").unwrap()).await.unwrap();
    assert!(found[0].digest == TokenDigest::padded(&old.digest));
    let (record, bob) = store.token(found[0].digest).await.unwrap().unwrap();
    assert_eq!((record.epoch, bob.username.as_str()), (bob.epoch, "bob"));
    is_in_order(&fixture.whole()).await;
}

/// A number that somebody had who is gone, but whose tokens were not swept yet.
#[tokio::test]
async fn tokens_of_who_had_a_number_before_are_not_good_again() {
    let (server, fixture) = shared();
    let store = RedisStore::open(&server.url()).unwrap();
    let before = add_user(&store, "before").await;
    store.issue_token(new_token(&before, "theirs")).await.unwrap();
    server.ask::<u64>(&["DEL", &format!("authgate:user:{{{}}}", before.id)]);
    server.ask::<u64>(&["DEL", "authgate:name:{before}"]);
    let next = user(before.id.0, "next");
    land(&fixture, &stage(&[next], &[token(before.id.0, "one")]), OnConflict::Skip).await;
    assert!(is_live(&store, "one").await && !is_live(&store, "theirs").await);
}
