//! Taking a source of users and tokens over.

use super::feed::Watched;
use super::staged::{
    brought_back, is_in_order, joined, land, named, old_token, order, stage, token, try_to_land,
    user,
};
use super::{Fixture, add, again, digest, hash, is_good, issue, now};
use authgate::model::token::{KnoxKey, TokenDigest};
use authgate::model::user::{Profile, UserId};
use authgate::store::staging::{GroupRef, OwnerRef, Refusal, StagedToken, StagedUser};
use authgate::store::whole::{Landing, OnConflict, Restore, Save, Staging, Stop};
use authgate::store::{Change, UserColumn, UserOrder, UserQuery};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) async fn a_source_is_taken_over_with_all_that_it_has(fixture: Fixture) {
    let ada = StagedUser {
        first_name: "Ada".to_owned(),
        groups: vec![GroupRef::Number(2), GroupRef::Name("b".to_owned()), GroupRef::Number(9)],
        is_staff: true,
        is_superuser: true,
        last_login: Some(joined(77)),
        last_name: "Lovelace".to_owned(),
        ..user(7, "ada")
    };
    let out = StagedUser { is_active: false, ..user(9, "out") };
    let old = old_token(9, &"0f".repeat(32));
    let ended = StagedToken { expires: Some(now()), ..token(7, "ended") };
    let lasting = StagedToken { expires: None, ..token(7, "lasting") };
    let staging = Staging::new().unwrap();
    staging.add_groups(&[(2, "a".to_owned()), (3, "c".to_owned())]).unwrap();
    staging.add_tokens(&[token(7, "fresh"), lasting, ended, old.clone()]).unwrap();
    staging.add_users(&[ada, out]).unwrap();
    staging.settle().unwrap();
    let landed = land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added), (2, 3));
    assert_eq!(landed.tokens_refused.get(&Refusal::Expired), Some(&1));

    let store = fixture.store();
    let ada = named(&*store, "ada").await.unwrap();
    assert_eq!((ada.id, ada.joined, ada.last_login), (UserId(7), joined(7), Some(joined(77))));
    assert!(ada.is_staff && ada.is_active && !ada.must_change);
    assert!(ada.password == hash("pbkdf2_sha256$1$salt$ada"));
    let groups = vec!["a".to_owned(), "b".to_owned()];
    let (first_name, last_name) = ("Ada".to_owned(), "Lovelace".to_owned());
    assert_eq!(ada.profile, Profile { first_name, groups, is_superuser: true, last_name });
    assert!(is_good(&*store, "fresh").await && is_good(&*store, "lasting").await);
    assert!(!is_good(&*store, "ended").await);
    let (record, _) = store.token(digest("fresh")).await.unwrap().unwrap();
    assert!(record.knox_key == KnoxKey::parse("fresh"));

    assert!(store.has_old_digests().await.unwrap());
    let found = store.old_digests(&KnoxKey::parse("0f0f0f0f").unwrap()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].digest == TokenDigest::padded(&old.digest));
    assert!(found[0].scheme == old.scheme && found[0].salt == b"salt");
    let (record, out) = store.token(found[0].digest).await.unwrap().unwrap();
    assert!(record.user == UserId(9) && record.epoch == out.epoch && !out.is_active);
}

pub(super) async fn what_was_taken_over_is_in_order_and_found(fixture: Fixture) {
    let users: Vec<_> = (1..=1_200).map(|number| user(number, &format!("user{number}"))).collect();
    let tokens: Vec<_> = (1..=1_200)
        .flat_map(|n| [token(n, &format!("a{n}")), token(n, &format!("b{n}"))])
        .collect();
    let landed = land(&fixture, &stage(&users, &tokens), OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added), (1_200, 2_400));
    is_in_order(&fixture.whole()).await;
    let store = fixture.store();
    let order = UserOrder { by: UserColumn::Tokens, is_descending: true };
    let prefix = Some("user12".to_owned());
    let query =
        UserQuery { after: None, is_active: None, is_staff: None, limit: 200, order, prefix };
    let page = store.find_users(&query, now()).await.unwrap();
    assert_eq!(page.users.len(), 12);
    let census = store.census(now()).await.unwrap();
    assert_eq!((census.users, census.tokens), (1_200, 2_400));
    assert_eq!(add(&*store, "next").await.id, UserId(1_201));
}

pub(super) async fn a_rehearsal_writes_nothing_and_tells_what_would_come(fixture: Fixture) {
    let store = fixture.store();
    let first = [user(1, "ada"), user(2, "bob")];
    let second = [StagedUser { is_staff: true, ..user(1, "ada") }, user(2, "bob"), user(3, "eve")];
    let tokens = [token(1, "one"), token(2, "two"), token(2, "two"), token(3, "three")];
    for (source, on_conflict) in [(&first[..], OnConflict::Skip), (&second[..], OnConflict::Update)]
    {
        let staging = stage(source, &tokens);
        let rehearsal = Landing { dry_run: true, ..order(on_conflict) };
        let before =
            (store.users_after(None, 10).await.unwrap().len(), is_good(&*store, "one").await);
        let told = try_to_land(&fixture, &staging, &rehearsal).await.unwrap();
        let after =
            (store.users_after(None, 10).await.unwrap().len(), is_good(&*store, "one").await);
        assert_eq!(before, after);
        let landed = land(&fixture, &staging, on_conflict).await;
        assert_eq!((told.added, told.updated), (landed.added, landed.updated));
        assert_eq!(told.tokens_added, landed.tokens_added);
        assert_eq!(told.refused, landed.refused);
        assert_eq!(told.tokens_refused, landed.tokens_refused);
    }
}

pub(super) async fn who_has_no_number_gets_one_after_all_others(fixture: Fixture) {
    let store = fixture.store();
    let by_name = |username: &str| OwnerRef::Name(username.to_owned());
    let nameless = |username| StagedUser { id: None, ..user(1, username) };
    let (uuid, key) = ("6c84fb9012c411e1840d7b25c5ee775a", OwnerRef::Key);
    let eve = StagedUser { key: Some(uuid.to_owned()), ..nameless("eve") };
    let source = [nameless("ada"), user(40, "bob"), eve];
    let tokens = [
        StagedToken { owner: by_name("ada"), ..token(0, "one") },
        StagedToken { owner: key(uuid.to_owned()), ..token(0, "two") },
        StagedToken { owner: key("eve".to_owned()), ..token(0, "nobody's") },
    ];
    let staging = stage(&source, &tokens);
    land(&fixture, &staging, OnConflict::Skip).await;
    for (username, number) in [("bob", 40), ("ada", 41), ("eve", 42)] {
        assert_eq!(named(&*store, username).await.unwrap().id, UserId(number), "{username}");
    }
    for (text, owner) in [("one", 41), ("two", 42)] {
        assert_eq!(store.token(digest(text)).await.unwrap().unwrap().0.user, UserId(owner));
    }
    let landed = land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!((landed.added, landed.unchanged), (0, 3));
    assert_eq!(landed.tokens_refused.get(&Refusal::OwnerMissing), Some(&1));
    assert_eq!(add(&*store, "next").await.id, UserId(43));
    let staging = stage(&[nameless("zoe"), user(60, "max")], &[]);
    land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!(named(&*store, "zoe").await.unwrap().id, UserId(61));
    assert_eq!(add(&*store, "last").await.id, UserId(62));
}

pub(super) async fn a_name_is_kept_to_the_byte(fixture: Fixture) {
    let store = fixture.store();
    let ligature = StagedUser { email: "x".repeat(255), ..user(2, "\u{fb01}sh") };
    land(&fixture, &stage(&[user(1, "fish"), ligature], &[token(2, "one")]), OnConflict::Skip)
        .await;
    assert_eq!(named(&*store, "fish").await.unwrap().id, UserId(1));
    let found = named(&*store, "\u{fb01}sh").await.unwrap();
    assert_eq!((found.id, found.email.as_str()), (UserId(2), ""));
    assert!(is_good(&*store, "one").await);
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn what_is_wrong_with_a_source_is_told(fixture: Fixture) {
    let store = fixture.store();
    let source = [
        user(1, "ada"),
        user(1, "again"),
        user(2, "ada"),
        user(3, "a\nname"),
        user(0, "nobody"),
        user(u64::MAX, "endless"),
    ];
    let short = StagedToken { digest: vec![1; 63], ..token(1, "short") };
    let unfound = StagedToken { knox_key: String::new(), ..old_token(1, "0f0f") };
    let tokens = [
        short,
        unfound,
        token(9, "nobody's"),
        token(3, "refused"),
        token(1, "one"),
        token(1, "one"),
    ];
    let staging = stage(&source, &tokens);
    let landed = land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added), (1, 1));
    let refused: Vec<_> = landed.refused.into_iter().collect();
    assert_eq!(
        refused,
        [
            (Refusal::NameTwice, 1),
            (Refusal::NameUnsound, 1),
            (Refusal::NumberTwice, 1),
            (Refusal::NumberUnsound, 2),
        ]
    );
    let refused: Vec<_> = landed.tokens_refused.into_iter().collect();
    let told = [
        (Refusal::DigestUnsound, 2),
        (Refusal::OwnerMissing, 1),
        (Refusal::OwnerRefused, 1),
        (Refusal::TokenTaken, 1),
    ];
    assert_eq!(refused, told);
    assert_eq!(named(&*store, "ada").await.unwrap().id, UserId(1));
    assert_eq!(add(&*store, "next").await.id, UserId(3 + 1));
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn whoever_is_stopped_begins_again_and_ends_the_same(fixture: Fixture) {
    let store = fixture.store();
    add(&*store, "here").await;
    let users: Vec<_> = (10..=3_000).map(|n| user(n, &format!("user{n}"))).collect();
    let tokens: Vec<_> = (10..=3_000).map(|n| token(n, &format!("token{n}"))).collect();
    let staging = stage(&users, &tokens);
    let order = order(OnConflict::Skip);
    let is_stopped = AtomicBool::new(false);
    let stop = |_: &str, _: u64| {
        is_stopped.store(true, Ordering::SeqCst);
        order.stop.tell();
    };
    let stopped = fixture.whole().land(&staging, &order, &stop).await;
    assert!(stopped.is_err() && is_stopped.load(Ordering::SeqCst));
    let there = store.users_after(None, 5_000).await.unwrap().len();
    assert!(0 < there && there < users.len(), "{there} users");
    let staging = stage(&users, &tokens);
    let landed = land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!(landed.added + landed.unchanged, 2_991);
    assert!(landed.added > 0 && landed.unchanged > 0, "{landed:?}");
    for number in [10, 11, 500, 1_000, 2_999, 3_000] {
        assert!(is_good(&*store, &format!("token{number}")).await, "{number}");
        assert_eq!(store.tokens_of(UserId(number), now()).await.unwrap().len(), 1);
    }
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn gateways_write_while_a_source_is_taken_over(fixture: Fixture) {
    let store = fixture.store();
    let here = add(&*store, "here").await;
    let whole = fixture.whole();
    let users: Vec<_> = (10..=6_000).map(|n| user(n, &format!("user{n}"))).collect();
    let tokens: Vec<_> = (10..=6_000).map(|n| token(n, &format!("token{n}"))).collect();
    let staging = stage(&users, &tokens);
    let (has_begun, is_over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (begins, ends) = (Arc::clone(&has_begun), Arc::clone(&is_over));
    let taking = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let order = order(OnConflict::Skip);
        let progress = |_: &str, _: u64| begins.store(true, Ordering::SeqCst);
        let landed = runtime.block_on(whole.land(&staging, &order, &progress));
        ends.store(true, Ordering::SeqCst);
        landed.unwrap()
    });
    // Of what is written, all that was begun and done while users were taken over.
    let (mut written, mut meanwhile) = (0, 0);
    while !taking.is_finished() {
        let was_under_way = has_begun.load(Ordering::SeqCst);
        issue(&*store, &here, &format!("issued{written}")).await;
        written += 1;
        meanwhile += u32::from(was_under_way && !is_over.load(Ordering::SeqCst));
    }
    assert_eq!(taking.await.unwrap().added, 5_991);
    assert!(meanwhile > 1, "{meanwhile} of {written}");
}

pub(super) async fn gateways_are_told_of_what_ends(fixture: Fixture) {
    let store = fixture.store();
    land(&fixture, &stage(&[user(1, "ada")], &[token(1, "one")]), OnConflict::Skip).await;
    let watched = Watched::begin(&store).await;
    watched.forget();
    land(&fixture, &stage(&[user(1, "ada")], &[]), OnConflict::Update).await;
    watched.until_told().await;
    assert!(watched.has_told(Change::Token(digest("one").key()), usize::MAX));
}

pub(super) async fn what_is_kept_of_an_old_digest_goes_with_its_token(fixture: Fixture) {
    let store = fixture.store();
    let texts = ["0f".repeat(32), "0f0f0f0f".to_owned() + &"1e".repeat(28)];
    let tokens: Vec<_> = texts.iter().map(|text| old_token(1, text)).collect();
    land(&fixture, &stage(&[user(1, "ada")], &tokens), OnConflict::Skip).await;
    let key = KnoxKey::parse("0f0f0f0f").unwrap();
    assert_eq!(store.old_digests(&key).await.unwrap().len(), 2);
    for (at, left) in [(0, 1), (1, 0)] {
        store.revoke_token(TokenDigest::padded(&tokens[at].digest)).await.unwrap();
        store.sweep(now()).await.unwrap();
        assert_eq!(store.old_digests(&key).await.unwrap().len(), left);
        assert_eq!(store.has_old_digests().await.unwrap(), left > 0);
    }
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn what_came_along_is_saved_and_brought_back(fixture: Fixture) {
    let old = old_token(1, &"0f".repeat(32));
    let ada = StagedUser {
        groups: vec![GroupRef::Name("a".to_owned())],
        last_name: "Lovelace".to_owned(),
        ..user(1, "ada")
    };
    land(&fixture, &stage(&[ada], &[old, token(1, "one")]), OnConflict::Skip).await;
    let before = again(&*fixture.store(), UserId(1)).await;
    let (_folder, stores) = brought_back(&fixture).await;
    for store in stores {
        let ada = named(&*store, "ada").await.unwrap();
        assert_eq!(ada.profile, before.profile);
        let (record, _) = store.token(digest("one")).await.unwrap().unwrap();
        assert!(record.knox_key == KnoxKey::parse("one"));
        let found = store.old_digests(&KnoxKey::parse("0f0f0f0f").unwrap()).await.unwrap();
        assert_eq!(found.len(), 1);
        assert!(store.token(found[0].digest).await.unwrap().is_some());
    }
}

/// A batch that is full at the very end leaves none behind it.
pub(super) async fn as_many_as_fill_a_batch_are_brought_back(fixture: Fixture) {
    let numbers = 1..=200_u64;
    let users: Vec<_> = numbers.clone().map(|n| user(n, &format!("user{n}"))).collect();
    let tokens = numbers.flat_map(|n| [token(n, &format!("{n}a")), token(n, &format!("{n}b"))]);
    let tokens: Vec<_> = tokens.collect();
    land(&fixture, &stage(&users, &tokens), OnConflict::Skip).await;
    let folder = crate::harness::folder();
    let from = folder.path().join("saved.db");
    let save = Save { at: now(), replaces: false, stop: Stop::default(), to: from.clone() };
    fixture.whole().save(&save, &|_, _| {}).await.unwrap();
    let order = Restore { at: now(), from, keeps_tokens: true, replaces: true };
    let restored = fixture.whole().restore(&order, &|_, _| {}).await.unwrap();
    assert_eq!((restored.contents.users, restored.contents.tokens), (200, 400));
    is_in_order(&fixture.whole()).await;
}
