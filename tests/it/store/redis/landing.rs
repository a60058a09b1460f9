//! What is there of users while they are taken over, and what a landing leaves that was stopped.

use super::super::staged::{is_in_order, joined, land, named, order, stage, token, user, verified};
use super::super::{is_good, now};
use super::*;
use crate::harness::eventually;
use crate::harness::relay::Relay;
use authgate::store::staging::{OwnerRef, Refusal, StagedToken, StagedUser};
use authgate::store::whole::{Finding, Landed, Mend, OnConflict, Whole};
use authgate::store::{Settings, UserColumn, UserOrder, UserQuery};
use std::collections::BTreeMap;
use tokio::task::{JoinHandle, spawn_blocking};

/// The mark of a run that was stopped.
const STOPPED: &str = "0123456789abcdef";

pub(super) fn key(id: u64) -> String {
    format!("authgate:user:{{{id}}}")
}

/// Has somebody look as a landing leaves them that was stopped before its last step.
fn leave_begun(server: &RedisServer, id: u64) {
    server.ask::<u64>(&["HSET", &key(id), "landing", STOPPED]);
    server.ask::<u64>(&["SADD", "authgate:landing", &id.to_string()]);
}

pub(super) fn keys(server: &RedisServer, pattern: &str) -> Vec<String> {
    server.ask(&["KEYS", pattern])
}

#[tokio::test]
async fn who_is_being_taken_over_is_nobody() {
    let (server, fixture) = shared();
    let ada = StagedUser { is_staff: true, ..user(7, "ada") };
    land(&fixture, &stage(&[ada, user(8, "bob")], &[token(7, "one")]), OnConflict::Skip).await;
    let store = fixture.store();
    assert!(store.has_operator(None).await.unwrap() && is_good(&*store, "one").await);
    leave_begun(&server, 7);
    assert!(store.user(UserId(7)).await.unwrap().is_none());
    assert!(named(&*store, "ada").await.is_none());
    assert!(store.token(digest("one")).await.unwrap().is_none());
    assert!(!store.has_operator(None).await.unwrap());
    assert!(store.tokens_of(UserId(7), now()).await.unwrap().is_empty());
    let all = store.users_after(None, 10).await.unwrap();
    assert_eq!(all.iter().map(|user| user.id.0).collect::<Vec<_>>(), [8]);
    let by_name = UserOrder { by: UserColumn::Username, is_descending: false };
    let query = UserQuery {
        after: None,
        is_active: None,
        is_staff: None,
        limit: 9,
        order: by_name,
        prefix: None,
    };
    let page = store.find_users(&query, now()).await.unwrap();
    assert_eq!((page.users.len(), page.unreadable.len()), (1, 0));
    // Nor does anybody get their name meanwhile.
    assert!(matches!(store.insert_user(new_user("ada")).await.unwrap(), Inserted::NameTaken));
}

#[tokio::test]
async fn who_has_no_name_is_somebody_all_the_same() {
    let (server, fixture) = shared();
    let password = "pbkdf2_sha256$1$salt$root";
    let staff = StagedUser { is_staff: true, password: password.to_owned(), ..user(1, "root") };
    let source = [staff, user(2, "ada")];
    land(&fixture, &stage(&source, &[token(1, "one"), token(2, "two")]), OnConflict::Skip).await;
    let store = fixture.store();
    let before = [1, 2].map(|id| server.ask::<BTreeMap<String, String>>(&["HGETALL", &key(id)]));
    // As a failover may leave them, or a registration that has stopped half-way.
    server.ask::<u64>(&["DEL", "authgate:name:{root}", "authgate:name:{ada}"]);
    let tokens = [token(1, "other"), token(2, "another"), token(3, "two")];
    let staging = stage(&[source[0].clone(), source[1].clone(), user(3, "eve")], &tokens);
    for on_conflict in [OnConflict::Skip, OnConflict::Update] {
        let landed = land(&fixture, &staging, on_conflict).await;
        assert_eq!(landed.refused, BTreeMap::from([(Refusal::NumberTaken, 2)]));
        let after = [1, 2].map(|id| server.ask(&["HGETALL", &key(id)]));
        assert_eq!(before, after);
        for (text, is_to_be) in [("one", true), ("two", true), ("other", false), ("another", false)]
        {
            assert_eq!(is_good(&*store, text).await, is_to_be, "{text}");
        }
        assert_eq!(store.token(digest("two")).await.unwrap().unwrap().1.id, UserId(2));
    }
}

#[tokio::test]
async fn a_token_that_two_have_in_a_source_is_the_firsts() {
    let (_server, fixture) = shared();
    let tokens = [token(1, "one"), token(2, "one"), token(2, "two")];
    let staging = stage(&[user(1, "ada"), user(2, "bob")], &tokens);
    let landed = land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!(landed.tokens_added, 2);
    assert_eq!(landed.tokens_refused, BTreeMap::from([(Refusal::TokenTaken, 1)]));
    let store = fixture.store();
    assert_eq!(store.token(digest("one")).await.unwrap().unwrap().1.id, UserId(1));
    assert_eq!(store.tokens_of(UserId(2), now()).await.unwrap().len(), 1);
    is_in_order(&fixture.whole()).await;
}

#[tokio::test]
async fn what_a_stopped_landing_has_left_goes_with_the_next_one() {
    let (server, fixture) = shared();
    let numberless = StagedUser { id: None, ..user(1, "ada") };
    let owner = OwnerRef::Name("ada".to_owned());
    let tokens = [StagedToken { owner, ..token(0, "one") }, token(5, "two")];
    land(&fixture, &stage(&[numberless, user(5, "bob")], &tokens), OnConflict::Skip).await;
    let store = fixture.store();
    let ada = named(&*store, "ada").await.unwrap().id;
    leave_begun(&server, ada.0);
    // It had listed a token that is another's, and had not found that out.
    let others = store.token(digest("two")).await.unwrap().unwrap().0;
    let list = format!("authgate:tokens:{{{ada}}}");
    let entries: Vec<Vec<u8>> = server.ask(&["ZRANGE", "authgate:tokens:{5}", "0", "-1"]);
    let mut connection = raw(&server).await;
    redis::cmd("ZADD")
        .arg(&list)
        .arg(1)
        .arg(&entries[0])
        .exec_async(&mut connection)
        .await
        .unwrap();
    land(&fixture, &stage(&[user(9, "eve")], &[]), OnConflict::Skip).await;
    for pattern in [&format!("*{{{ada}}}*"), "*{ada}*", "authgate:landing"] {
        assert!(keys(&server, pattern).is_empty(), "{pattern}: {:?}", keys(&server, pattern));
    }
    assert!(store.token(digest("one")).await.unwrap().is_none());
    assert!(store.token(digest("two")).await.unwrap().unwrap().0 == others);
    is_in_order(&fixture.whole()).await;
    let again = StagedUser { id: None, ..user(1, "ada") };
    let landed = land(&fixture, &stage(&[again], &[]), OnConflict::Skip).await;
    assert_eq!(landed.added, 1);
}

#[tokio::test]
async fn who_was_wholly_taken_over_stays_where_only_the_note_of_it_was_left() {
    let (server, fixture) = shared();
    land(&fixture, &stage(&[user(7, "ada")], &[token(7, "one")]), OnConflict::Skip).await;
    server.ask::<u64>(&["SADD", "authgate:landing", "7"]);
    land(&fixture, &stage(&[user(9, "eve")], &[]), OnConflict::Skip).await;
    assert!(is_good(&*fixture.store(), "one").await);
    assert!(keys(&server, "authgate:landing").is_empty());
}

#[tokio::test]
async fn who_is_taken_up_again_gets_a_later_epoch() {
    let (server, fixture) = shared();
    let store = fixture.store();
    for (number, is_noted) in [(7, true), (8, false)] {
        let first = [token(number, "one"), token(number, "stale")];
        land(&fixture, &stage(&[user(number, "ada")], &first), OnConflict::Skip).await;
        // Far ahead, as by a clock that was set back since.
        let ahead = (1_u64 << 52).to_string();
        server.ask::<u64>(&["HSET", &key(number), "epoch", &ahead]);
        leave_begun(&server, number);
        if !is_noted {
            server.ask::<u64>(&["DEL", "authgate:landing"]);
        }
        let landed = land(
            &fixture,
            &stage(&[user(number, "ada")], &[token(number, "one")]),
            OnConflict::Skip,
        )
        .await;
        assert_eq!((landed.added, landed.tokens_added), (1, 1));
        assert!(named(&*store, "ada").await.unwrap().epoch > 1 << 52);
        assert!(is_good(&*store, "one").await && !is_good(&*store, "stale").await);
        assert_eq!(store.tokens_of(UserId(number), now()).await.unwrap().len(), 1);
        is_in_order(&fixture.whole()).await;
        assert!(store.delete_user(UserId(number)).await.unwrap());
    }
}

#[tokio::test]
async fn an_import_that_has_not_come_to_its_end_is_told_and_mended() {
    let (server, fixture) = shared();
    let source = [user(7, "ada"), user(8, "bob")];
    land(&fixture, &stage(&source, &[token(7, "one"), token(8, "two")]), OnConflict::Skip).await;
    leave_begun(&server, 7);
    let told = |findings: Vec<Finding>| {
        let words = findings.iter().map(|one| format!("{:?} {}", one.mend, one.words));
        words.collect::<Vec<_>>().join("\n")
    };
    for (mends, mend) in [(false, Mend::Possible), (true, Mend::Done)] {
        let findings = verified(&fixture.whole(), mends).await;
        assert_eq!(findings.len(), 1, "{}", told(findings));
        assert!(findings[0].mend == mend, "{}", told(findings));
        let words = &findings[0].words;
        assert!(words.contains("an import has not come to its end") && words.contains("user 7"));
    }
    is_in_order(&fixture.whole()).await;
    let store = fixture.store();
    assert!(!is_good(&*store, "one").await && is_good(&*store, "two").await);
    assert!(keys(&server, "*{7}*").is_empty());
}

/// Takes a user over with a token, beside the test, on the way that the relay is.
pub(super) fn land_behind(
    relay: &Relay,
    user: StagedUser,
    on_conflict: OnConflict,
) -> JoinHandle<Landed> {
    land_all_behind(relay, vec![user], vec![token(7, "one")], on_conflict)
}

pub(super) fn land_all_behind(
    relay: &Relay,
    users: Vec<StagedUser>,
    tokens: Vec<StagedToken>,
    on_conflict: OnConflict,
) -> JoinHandle<Landed> {
    let url = format!("redis://{}/0", relay.address);
    spawn_blocking(move || {
        let settings = Settings::Redis { authorities: None, replicas: 0, url };
        let whole = Whole::of(&settings).unwrap();
        let staging = stage(&users, &tokens);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(whole.land(&staging, &order(on_conflict), &|_, _| {})).unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_comes_late_brings_back_no_token_that_has_ended() {
    let (server, fixture) = shared();
    let relay = Relay::to(server.address());
    relay.hold(b"PXAT");
    let landing = land_behind(&relay, user(7, "ada"), OnConflict::Skip);
    eventually("the write", || relay.holds().then_some(()));
    let store = fixture.store();
    assert!(!server.ask::<String>(&["HGET", &key(7), "landing"]).is_empty());
    assert!(store.user(UserId(7)).await.unwrap().is_none());
    // It is not answered, so it is done otherwise.
    let landed = landing.await.unwrap();
    assert_eq!((landed.added, landed.tokens_added), (1, 1));
    assert!(is_good(&*store, "one").await);
    assert_eq!(store.tokens_of(UserId(7), now()).await.unwrap().len(), 1);
    assert!(store.revoke_token(digest("one")).await.unwrap());
    let before = server.calls("set");
    relay.deliver();
    eventually("the late write", || (server.calls("set") > before).then_some(()));
    assert!(!is_good(&*store, "one").await);
    assert_eq!(named(&*store, "ada").await.unwrap().joined, joined(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_a_hundred_thousand_tokens_is_taken_over_in_seconds() {
    const MANY: usize = 100_000;
    let (server, fixture) = shared();
    let store = fixture.store();
    let mut tokens: Vec<_> = (0..MANY).map(|n| token(7, &format!("token{n}"))).collect();
    tokens.extend([token(6, "before"), token(8, "after")]);
    let users = [user(6, "ada"), user(7, "machine"), user(8, "bob")];
    let begun = std::time::Instant::now();
    let landed = land(&fixture, &stage(&users, &tokens), OnConflict::Skip).await;
    println!("added in {:?}", begun.elapsed());
    assert_eq!((landed.added, landed.tokens_added), (3, MANY as u64 + 2));
    assert_eq!(server.ask::<usize>(&["ZCARD", "authgate:tokens:{7}"]), MANY);
    for text in ["before", "after", "token0", "token50000", "token99999"] {
        assert!(is_good(&*store, text).await, "{text}");
    }
    let begun = std::time::Instant::now();
    let half: Vec<_> = tokens.drain(MANY / 2..).collect();
    let landed = land(&fixture, &stage(&users, &half), OnConflict::Update).await;
    println!("updated in {:?}", begun.elapsed());
    assert_eq!((landed.unchanged, landed.tokens_ended), (3, MANY as u64 / 2));
    for (text, is_to_be) in [("after", true), ("token0", false), ("token99999", true)] {
        assert_eq!(is_good(&*store, text).await, is_to_be, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_comes_late_undoes_no_new_password() {
    let (server, fixture) = shared();
    land(&fixture, &stage(&[user(7, "ada")], &[]), OnConflict::Skip).await;
    let relay = Relay::to(server.address());
    relay.hold(b"of the source");
    let other = StagedUser { password: "of the source".to_owned(), ..user(7, "ada") };
    let landing = land_behind(&relay, other, OnConflict::Update);
    eventually("the write", || relay.holds().then_some(()));
    // It is not answered, so it is done once more.
    assert_eq!(landing.await.unwrap().updated, 1);
    let store = fixture.store();
    let ada = named(&*store, "ada").await.unwrap();
    assert!(ada.password == hash("of the source"));
    let change = races::new_password(&ada);
    let new = change.to.clone();
    assert!(store.replace_password(change).await.unwrap().is_some());
    let before = server.calls("evalsha");
    relay.deliver();
    eventually("the late write", || (server.calls("evalsha") > before).then_some(()));
    assert!(named(&*store, "ada").await.unwrap().password == new);
}
