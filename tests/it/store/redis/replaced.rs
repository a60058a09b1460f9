//! What an update makes of tokens, while the network and gateways are at it.

use super::super::feed::Watched;
use super::super::staged::{
    is_in_order, land, named, old_token, order, stage, token, try_to_land, user,
};
use super::super::{in_minutes, is_good, now};
use super::landing::land_behind;
use super::*;
use crate::harness::eventually;
use crate::harness::relay::Relay;
use authgate::model::token::{KnoxKey, TokenDigest};
use authgate::store::Change;
use authgate::store::staging::{StagedToken, StagedUser};
use authgate::store::whole::{Landing, OnConflict};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_an_update_that_comes_late_is_not_good_once_it_was_logged_out() {
    let (server, fixture) = shared();
    let store = fixture.store();
    land(&fixture, &stage(&[user(7, "ada")], &[]), OnConflict::Skip).await;
    let ada = named(&*store, "ada").await.unwrap();
    store.issue_token(new_token(&ada, "issued here")).await.unwrap();
    let relay = Relay::to(server.address());
    relay.hold(b"PXAT");
    let landing = land_behind(&relay, user(7, "ada"), OnConflict::Update);
    eventually("the write", || relay.holds().then_some(()));
    // It is not answered, so it is done otherwise.
    let landed = landing.await.unwrap();
    assert_eq!((landed.unchanged, landed.tokens_added, landed.tokens_ended), (1, 1, 1));
    assert!(is_good(&*store, "one").await && !is_good(&*store, "issued here").await);
    assert_eq!(store.tokens_of(UserId(7), now()).await.unwrap().len(), 1);
    assert!(store.revoke_token(digest("one")).await.unwrap());
    let before = server.calls("set");
    relay.deliver();
    eventually("the late write", || (server.calls("set") > before).then_some(()));
    assert!(!is_good(&*store, "one").await);
    store.sweep(now()).await.unwrap();
    is_in_order(&fixture.whole()).await;
}

/// A write of a token is late, and the listing of the next attempt, too: one alone brings nothing back.
async fn is_good_after_two_that_are_late(here: &[StagedUser], on_conflict: OnConflict) -> bool {
    const LISTS: &[u8] = b"ZADD\r\n$19\r\nauthgate:tokens:{7}";
    let (server, fixture) = shared();
    let store = fixture.store();
    land(&fixture, &stage(here, &[]), OnConflict::Skip).await;
    let relay = Relay::to(server.address());
    relay.hold(b"PXAT");
    let landing = land_behind(&relay, user(7, "ada"), on_conflict);
    eventually("the write", || relay.holds().then_some(()));
    relay.hold(LISTS);
    eventually("the listing", || relay.holds().then_some(()));
    landing.await.unwrap();
    assert!(is_good(&*store, "one").await);
    assert!(store.revoke_token(digest("one")).await.unwrap());
    let calls = || (server.calls("set"), server.calls("zadd"));
    let (set, zadd) = calls();
    relay.deliver();
    eventually("what is late", || (calls().0 > set && calls().1 > zadd).then_some(()));
    is_good(&*store, "one").await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writes_that_come_late_bring_back_no_token_that_was_logged_out() {
    assert!(!is_good_after_two_that_are_late(&[], OnConflict::Skip).await);
    assert!(!is_good_after_two_that_are_late(&[user(7, "ada")], OnConflict::Update).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_logs_out_everywhere_while_an_update_waits_stays_out() {
    let (server, fixture) = shared();
    let store = fixture.store();
    land(&fixture, &stage(&[user(7, "ada")], &[]), OnConflict::Skip).await;
    let relay = Relay::to(server.address());
    relay.hold(b"PXAT");
    let landing = land_behind(&relay, user(7, "ada"), OnConflict::Update);
    eventually("the write", || relay.holds().then_some(()));
    assert!(store.revoke_tokens_of(UserId(7), 0).await.unwrap());
    let landed = landing.await.unwrap();
    assert_eq!((landed.unchanged, landed.tokens_kept_out), (1, 1));
    let before = server.calls("set");
    relay.deliver();
    eventually("the late write", || (server.calls("set") > before).then_some(()));
    assert!(!is_good(&*store, "one").await);
    assert!(store.tokens_of(UserId(7), now()).await.unwrap().is_empty());
}

/// Ada, with a token of knox 4 that was used here since, as a source has it.
async fn used_since(fixture: &Fixture) -> (StagedToken, NewToken) {
    let old = old_token(7, &"0f".repeat(32));
    land(fixture, &stage(&[user(7, "ada")], std::slice::from_ref(&old)), OnConflict::Skip).await;
    let native = used(&*fixture.store(), &old).await;
    (old, native)
}

/// Gives such a token the digest of ours, as its first use does.
pub(super) async fn used(store: &dyn Store, old: &StagedToken) -> NewToken {
    let former = store.old_digests(&KnoxKey::parse("0f0f0f0f").unwrap()).await.unwrap();
    let before = TokenDigest::padded(&old.digest);
    let (record, ada) = store.token(before).await.unwrap().unwrap();
    let former = former.into_iter().next().map(Box::new);
    let knox_key = KnoxKey::parse("0f0f0f0f0f0f0f0");
    let next = TokenRecord { digest: digest("ours"), former, knox_key, ..record };
    assert!(store.exchange_token(before, &next).await.unwrap());
    NewToken { record: next, ..new_token(&ada, "ours") }
}

#[tokio::test]
async fn an_update_leaves_a_token_as_it_is_that_got_another_digest_since() {
    let (_server, fixture) = shared();
    let store = fixture.store();
    let (old, native) = used_since(&fixture).await;
    let watched = Watched::begin(&store).await;
    watched.forget();
    let sources = [
        (old.clone(), native.record.expires, (1, 0)),
        // Whatever else the source says of it holds.
        (
            StagedToken { expires: Some(in_minutes(90)), ..old.clone() },
            Some(in_minutes(90)),
            (0, 1),
        ),
    ];
    for (source, expires, (there, updated)) in sources {
        let source = stage(&[user(7, "ada")], &[source]);
        for dry_run in [true, false] {
            let order = Landing { dry_run, ..order(OnConflict::Update) };
            let landed = try_to_land(&fixture, &source, &order).await.unwrap();
            let of_tokens = (landed.tokens_there, landed.tokens_updated);
            assert_eq!(of_tokens, (there, updated), "{landed:?}");
            assert_eq!((landed.tokens_added, landed.tokens_ended), (0, 0), "{landed:?}");
        }
        if expires == native.record.expires {
            watched.until_told().await;
            let change = Change::Token(digest("ours").key());
            assert!(!watched.has_told(change, usize::MAX), "it was ended for a moment");
        }
        let (record, _) = store.token(digest("ours")).await.unwrap().unwrap();
        let ends = |end: Option<Timestamp>| end.unwrap().micros() / 60_000_000;
        assert_eq!(ends(record.expires), ends(expires));
        assert!(record.former == native.record.former);
        assert!(record.knox_key == native.record.knox_key);
        assert!(store.token(TokenDigest::padded(&old.digest)).await.unwrap().is_none());
        assert_eq!(store.tokens_of(UserId(7), now()).await.unwrap().len(), 1);
    }
    store.sweep(now()).await.unwrap();
    is_in_order(&fixture.whole()).await;
    // With a new password it goes on by the digest of ours, too.
    let other = StagedUser { password: "of the source".to_owned(), ..user(7, "ada") };
    let staging = stage(&[other], std::slice::from_ref(&old));
    assert_eq!(land(&fixture, &staging, OnConflict::Update).await.tokens_ended, 0);
    assert!(is_good(&*store, "ours").await);
    // One that the source does not have any more ends.
    let landed = land(&fixture, &stage(&[user(7, "ada")], &[]), OnConflict::Update).await;
    assert_eq!(landed.tokens_ended, 1);
    assert!(!is_good(&*store, "ours").await);
}

#[tokio::test]
async fn what_is_left_of_a_former_digest_goes_with_an_update() {
    let (server, fixture) = shared();
    let store = fixture.store();
    let (old, native) = used_since(&fixture).await;
    let before = TokenDigest::padded(&old.digest);
    // As it is where a gateway was stopped before the last step.
    let written = NewToken {
        record: TokenRecord { digest: before, former: None, ..native.record.clone() },
        ..native
    };
    store.issue_token(written).await.unwrap();
    let landed = land(&fixture, &stage(&[user(7, "ada")], &[old]), OnConflict::Update).await;
    assert_eq!((landed.tokens_there, landed.tokens_ended), (1, 0), "{landed:?}");
    assert!(store.token(before).await.unwrap().is_none());
    assert!(is_good(&*store, "ours").await);
    assert_eq!(server.ask::<u64>(&["ZCARD", "authgate:tokens:{7}"]), 1);
}

#[tokio::test]
async fn tokens_that_had_ended_before_are_not_told_as_ended() {
    let (server, fixture) = shared();
    let store = fixture.store();
    let tokens = [token(7, "one"), token(7, "two")];
    land(&fixture, &stage(&[user(7, "ada")], &tokens), OnConflict::Skip).await;
    assert!(store.revoke_tokens_of(UserId(7), 0).await.unwrap());
    let ada = named(&*store, "ada").await.unwrap();
    store.issue_token(new_token(&ada, "issued here")).await.unwrap();
    let other = StagedUser { password: "of the source".to_owned(), ..user(7, "ada") };
    for dry_run in [true, false] {
        let order = Landing { dry_run, ..order(OnConflict::Update) };
        let source = stage(std::slice::from_ref(&other), &tokens[..1]);
        let landed = try_to_land(&fixture, &source, &order).await.unwrap();
        assert_eq!(landed.tokens_ended, 1, "{landed:?}");
    }
    assert!(is_good(&*store, "one").await && !is_good(&*store, "issued here").await);
    assert_eq!(server.ask::<u64>(&["ZCARD", "authgate:tokens:{7}"]), 1);
}
