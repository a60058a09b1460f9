//! What gateways do between the steps of an import.

use super::super::staged::{is_in_order, land, named, old_token, stage, token, user};
use super::super::{in_minutes, is_good, now};
use super::landing::{key, land_all_behind, land_behind};
use super::replaced::used;
use super::*;
use crate::harness::eventually;
use crate::harness::relay::Relay;
use authgate::store::staging::StagedUser;
use authgate::store::whole::OnConflict;

/// What is in the request that lists tokens of user 7.
const LISTS: &[u8] = b"ZADD\r\n$19\r\nauthgate:tokens:{7}";
/// And in the one that makes a user as `with_other_password` has them.
const UPDATES: &[u8] = b"of the source";

fn with_other_password(user: StagedUser) -> StagedUser {
    StagedUser { password: "of the source".to_owned(), ..user }
}

/// Waits for the request that is held back.
fn held(relay: &Relay) {
    eventually("the request", || relay.holds().then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_kept_at_a_new_password_during_an_update_stays() {
    // Somebody else's turn comes before, or theirs has just begun.
    for step in [UPDATES, LISTS] {
        let (server, fixture) = shared();
        let store = fixture.store();
        let kept = token(7, "kept");
        let here = [user(6, "eve"), user(7, "ada")];
        land(&fixture, &stage(&here, std::slice::from_ref(&kept)), OnConflict::Skip).await;
        let ada = named(&*store, "ada").await.unwrap();
        let relay = Relay::to(server.address());
        relay.hold(step);
        let source = vec![with_other_password(user(6, "eve")), user(7, "ada")];
        let landing = land_all_behind(&relay, source, vec![kept], OnConflict::Update);
        held(&relay);
        let change = races::new_password(&ada);
        assert!(store.replace_password(change).await.unwrap().is_some());
        relay.deliver();
        landing.await.unwrap();
        assert!(is_good(&*store, "kept").await, "{}", step.escape_ascii());
        assert_eq!(store.tokens_of(UserId(7), now()).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_logged_out_while_an_update_waits_is_not_written_again() {
    let (server, fixture) = shared();
    let store = fixture.store();
    let here = token(7, "here");
    land(&fixture, &stage(&[user(7, "ada")], std::slice::from_ref(&here)), OnConflict::Skip).await;
    let relay = Relay::to(server.address());
    relay.hold(b"PXAT");
    let tokens = vec![here, token(7, "new")];
    let landing = land_all_behind(&relay, vec![user(7, "ada")], tokens, OnConflict::Update);
    held(&relay);
    assert!(store.revoke_token(digest("here")).await.unwrap());
    landing.await.unwrap();
    relay.deliver();
    assert!(is_good(&*store, "new").await && !is_good(&*store, "here").await);
    assert_eq!(server.ask::<u64>(&["ZCARD", "authgate:tokens:{7}"]), 1);
    store.sweep(now()).await.unwrap();
    is_in_order(&fixture.whole()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_takes_nobody_elses_end_of_all_tokens_for_its_own() {
    let (server, fixture) = shared();
    let store = fixture.store();
    land(&fixture, &stage(&[user(7, "ada")], &[]), OnConflict::Skip).await;
    // Far ahead, so that epochs are counted, and both ends would come to the same.
    server.ask::<u64>(&["HSET", &key(7), "epoch", &(1_u64 << 52).to_string()]);
    let relay = Relay::to(server.address());
    relay.hold(b"PXAT");
    let landing = land_behind(&relay, user(7, "ada"), OnConflict::Update);
    held(&relay);
    assert!(store.revoke_tokens_of(UserId(7), 0).await.unwrap());
    assert_eq!(landing.await.unwrap().tokens_kept_out, 1);
    assert!(!is_good(&*store, "one").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_gives_no_list_an_earlier_end_than_a_token_has_got_meanwhile() {
    let (server, fixture) = shared();
    let store = fixture.store();
    let one = token(7, "one");
    land(&fixture, &stage(&[user(7, "ada")], std::slice::from_ref(&one)), OnConflict::Skip).await;
    let relay = Relay::to(server.address());
    relay.hold(LISTS);
    let landing = land_all_behind(&relay, vec![user(7, "ada")], vec![one], OnConflict::Update);
    held(&relay);
    assert!(store.extend_token(digest("one"), in_minutes(90)).await.unwrap());
    relay.deliver();
    assert_eq!(landing.await.unwrap().tokens_there, 1);
    assert_eq!(store.tokens_of(UserId(7), in_minutes(70)).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_source_has_no_more_ends_though_it_gets_another_digest_meanwhile() {
    let (server, fixture) = shared();
    let store = fixture.store();
    let old = old_token(7, &"0f".repeat(32));
    land(&fixture, &stage(&[user(7, "ada")], std::slice::from_ref(&old)), OnConflict::Skip).await;
    let relay = Relay::to(server.address());
    relay.hold(b"-inf");
    let landing = land_all_behind(&relay, vec![user(7, "ada")], vec![], OnConflict::Update);
    held(&relay);
    used(&*store, &old).await;
    relay.deliver();
    assert_eq!(landing.await.unwrap().tokens_ended, 1);
    assert!(!is_good(&*store, "ours").await);
    assert!(store.tokens_of(UserId(7), now()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_logs_out_everywhere_before_their_turn_in_an_update_stays_out() {
    let (server, fixture) = shared();
    let store = fixture.store();
    land(&fixture, &stage(&[user(6, "eve"), user(7, "ada")], &[]), OnConflict::Skip).await;
    let relay = Relay::to(server.address());
    relay.hold(UPDATES);
    let ada = StagedUser { email: "ada@example.org".to_owned(), ..user(7, "ada") };
    let source = vec![with_other_password(user(6, "eve")), ada];
    let landing = land_all_behind(&relay, source, vec![token(7, "one")], OnConflict::Update);
    held(&relay);
    assert!(store.revoke_tokens_of(UserId(7), 0).await.unwrap());
    relay.deliver();
    let landed = landing.await.unwrap();
    assert_eq!((landed.updated, landed.tokens_kept_out), (2, 1), "{landed:?}");
    assert!(!is_good(&*store, "one").await);
    let ada = named(&*store, "ada").await.unwrap();
    assert_eq!(ada.email.as_str(), "ada@example.org");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_takes_off_a_list_late_leaves_what_it_has_listed_since() {
    let (server, fixture) = shared();
    let relay = Relay::to(server.address());
    relay.hold(b"PXAT");
    let landing = land_behind(&relay, user(7, "ada"), OnConflict::Skip);
    held(&relay);
    // The next request for the list.
    relay.hold(b"\r\n$19\r\nauthgate:tokens:{7}");
    held(&relay);
    assert_eq!(landing.await.unwrap().tokens_added, 1);
    let calls = || server.calls("del") + server.calls("zrem");
    let before = calls();
    relay.deliver();
    eventually("what is late", || (calls() > before).then_some(()));
    let store = fixture.store();
    assert!(is_good(&*store, "one").await);
    assert_eq!(store.tokens_of(UserId(7), now()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn tokens_of_whoever_is_locked_out_are_not_counted_among_the_good_ones() {
    let (_server, fixture) = shared();
    let store = fixture.store();
    let eve = StagedUser { is_active: false, ..user(6, "eve") };
    let tokens = [token(6, "hers"), token(7, "one")];
    let landed = land(&fixture, &stage(&[eve, user(7, "ada")], &tokens), OnConflict::Skip).await;
    assert_eq!(landed.tokens_added, 2);
    assert_eq!(store.census(now()).await.unwrap().tokens, 1);
    store.sweep(now()).await.unwrap();
    assert_eq!(store.census(now()).await.unwrap().tokens, 1);
}
