//! Taking a source over to where somebody is in the place of its users.

use super::staged::{is_in_order, land, named, old_token, order, stage, token, try_to_land, user};
use super::{Fixture, add, again, digest, hash, is_good, issue, new_user, now};
use authgate::model::token::{DigestHash, DigestOver, DigestScheme, KnoxKey};
use authgate::model::user::{NewUser, UserId};
use authgate::store::staging::{OwnerRef, Refusal, StagedToken, StagedUser};
use authgate::store::whole::{Landing, OnConflict};
use authgate::store::{Inserted, StoreError};
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) async fn who_is_here_stays_as_they_are(fixture: Fixture) {
    let store = fixture.store();
    let source = [user(1, "ada"), user(2, "bob")];
    let tokens = [token(1, "one"), token(1, "two"), token(2, "three")];
    land(&fixture, &stage(&source, &tokens), OnConflict::Skip).await;
    store.revoke_token(digest("one")).await.unwrap();
    let before = named(&*store, "ada").await.unwrap();
    // By its password or its rights a source must not get hold of who is here.
    let other = StagedUser {
        is_staff: true,
        password: "pbkdf2_sha256$1$salt$other".to_owned(),
        ..user(1, "ada")
    };
    let tokens = [token(1, "one"), token(1, "new"), token(2, "three"), token(3, "four")];
    let staging = stage(&[other, user(2, "bob"), user(3, "new")], &tokens);
    for round in 0..2 {
        let landed = land(&fixture, &staging, OnConflict::Skip).await;
        assert_eq!(landed.kept, 1, "{landed:?}");
        assert_eq!((landed.added, landed.unchanged), [(1, 1), (0, 2)][round], "{landed:?}");
    }
    assert!(again(&*store, UserId(1)).await == before);
    for (text, is_to_be) in
        [("one", false), ("two", true), ("new", false), ("three", true), ("four", true)]
    {
        assert_eq!(is_good(&*store, text).await, is_to_be, "{text}");
    }
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn what_an_update_corrects_of_a_token_is_told(fixture: Fixture) {
    let text = "0f".repeat(32);
    let old = old_token(1, &text);
    let key = KnoxKey::parse("1e1e1e1e").unwrap();
    let other_salt = StagedToken { salt: b"other".to_vec(), ..old.clone() };
    let other_end = StagedToken { expires: None, ..other_salt.clone() };
    // As if the digest were one of the text, which has as many bytes.
    let native = StagedToken { digest: digest("one").as_bytes().to_vec(), ..token(1, "1e1e1e1e") };
    let scheme = DigestScheme { hash: DigestHash::Sha512, over: DigestOver::Bytes };
    let of_bytes = StagedToken { scheme, ..native.clone() };
    let update = async |source: &StagedToken| {
        let staging = stage(&[user(1, "ada")], std::slice::from_ref(source));
        let landed = land(&fixture, &staging, OnConflict::Update).await;
        (landed.tokens_added, landed.tokens_updated, landed.tokens_there)
    };
    for (first, changes) in [(&old, [&other_salt, &other_end]), (&native, [&of_bytes, &native])] {
        assert_eq!(update(first).await, (1, 0, 0));
        for change in changes {
            assert_eq!(update(change).await, (0, 1, 0));
            assert_eq!(update(change).await, (0, 0, 1));
        }
    }
    assert!(fixture.store().old_digests(&key).await.unwrap().is_empty());
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn an_update_makes_users_and_tokens_as_the_source_says(fixture: Fixture) {
    let store = fixture.store();
    let source = [user(1, "ada"), user(2, "bob"), user(3, "eve")];
    let tokens = [token(1, "one"), token(1, "two"), token(2, "three"), token(3, "five")];
    land(&fixture, &stage(&source, &tokens), OnConflict::Skip).await;
    let ada = named(&*store, "ada").await.unwrap();
    issue(&*store, &ada, "issued here").await;
    store.revoke_token(digest("two")).await.unwrap();
    let renamed = StagedUser {
        email: "other@example.com".to_owned(),
        first_name: "Ada".to_owned(),
        username: "lovelace".to_owned(),
        ..user(1, "ada")
    };
    let other = StagedUser { password: "pbkdf2_sha256$1$salt$other".to_owned(), ..user(2, "bob") };
    let tokens = [token(1, "two"), token(1, "four"), token(2, "three"), token(3, "five")];
    let staging = stage(&[renamed, other, user(3, "eve")], &tokens);
    for round in 0..2 {
        let landed = land(&fixture, &staging, OnConflict::Update).await;
        assert_eq!((landed.updated, landed.unchanged), [(2, 1), (0, 3)][round], "{landed:?}");
    }
    assert!(named(&*store, "ada").await.is_none());
    let ada = named(&*store, "lovelace").await.unwrap();
    assert_eq!(ada.email.as_str(), "other@example.com");
    assert_eq!((ada.id, ada.profile.first_name.as_str()), (UserId(1), "Ada"));
    let bob = named(&*store, "bob").await.unwrap();
    assert!(bob.epoch > 0 && bob.password == hash("pbkdf2_sha256$1$salt$other"));
    for (text, is_to_be) in [
        ("one", false),
        ("issued here", false),
        ("two", true),
        ("three", true),
        ("four", true),
        ("five", true),
    ] {
        assert_eq!(is_good(&*store, text).await, is_to_be, "{text}");
    }
    assert_eq!(store.tokens_of(UserId(1), now()).await.unwrap().len(), 2);
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn a_number_or_a_name_of_another_is_never_given_away(fixture: Fixture) {
    let store = fixture.store();
    let here = add(&*store, "here").await;
    issue(&*store, &here, "theirs").await;
    let tokens = [token(here.id.0, "one"), token(50, "two"), token(51, "theirs")];
    let source = [user(here.id.0, "stranger"), user(50, "here"), user(51, "thief")];
    let staging = stage(&source, &tokens);
    for on_conflict in [OnConflict::Skip, OnConflict::Update] {
        let landed = land(&fixture, &staging, on_conflict).await;
        let refused: Vec<_> = landed.refused.into_iter().collect();
        assert_eq!(refused, [(Refusal::NameTaken, 1), (Refusal::NumberTaken, 1)]);
        let refused: Vec<_> = landed.tokens_refused.into_iter().collect();
        assert_eq!(refused, [(Refusal::OwnerRefused, 2), (Refusal::TokenTaken, 1)]);
        assert!(again(&*store, here.id).await == here);
        assert!(!is_good(&*store, "one").await && !is_good(&*store, "two").await);
        let (theirs, _) = store.token(digest("theirs")).await.unwrap().unwrap();
        assert_eq!(theirs.user, here.id);
    }
    let told: Vec<_> =
        staging.refused(None, 10).unwrap().into_iter().map(|one| (one.id, one.refusal)).collect();
    let number = (Some(here.id.0), Refusal::NumberTaken);
    assert_eq!(told, [number, (Some(50), Refusal::NameTaken)]);
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn an_operator_is_nobodys_to_take_over(fixture: Fixture) {
    let store = fixture.store();
    let new = NewUser { is_staff: true, ..new_user("root") };
    let Inserted::Done(root) = store.insert_user(new).await.unwrap() else {
        panic!("the name is taken")
    };
    issue(&*store, &root, "theirs").await;
    let number = root.id.0;
    let with_name = StagedUser { is_staff: true, ..user(number, "root") };
    let with_moment = StagedUser { joined: Some(root.joined), ..user(number, "other") };
    let without_number = StagedUser { id: None, joined: None, ..user(number, "root") };
    for thief in [with_name, with_moment, user(99, "root"), without_number] {
        let owner = OwnerRef::Name(thief.username.clone());
        let staging = stage(&[thief], &[StagedToken { owner, ..token(number, "thief's") }]);
        for on_conflict in [OnConflict::Skip, OnConflict::Update] {
            let landed = land(&fixture, &staging, on_conflict).await;
            let refused: Vec<_> = landed.refused.into_iter().collect();
            assert_eq!(refused, [(Refusal::Operator, 1)]);
            assert!(again(&*store, root.id).await == root);
            assert!(is_good(&*store, "theirs").await && !is_good(&*store, "thief's").await);
        }
    }
}

pub(super) async fn nothing_is_written_if_anything_conflicts(fixture: Fixture) {
    let store = fixture.store();
    let here = add(&*store, "here").await;
    let staging = stage(&[user(20, "ada"), user(21, "here")], &[token(20, "one")]);
    let error = try_to_land(&fixture, &staging, &order(OnConflict::Fail)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unsuitable(words) if words.contains("here")), "{error}");
    assert!(named(&*store, "ada").await.is_none() && !is_good(&*store, "one").await);
    assert!(again(&*store, here.id).await == here);
    let staging = stage(&[user(20, "ada"), user(22, "bob")], &[token(20, "one")]);
    for added in [2, 0] {
        let landed = land(&fixture, &staging, OnConflict::Fail).await;
        assert_eq!((landed.added, landed.unchanged), (added, 2 - added));
        assert!(is_good(&*store, "one").await);
    }
}

pub(super) async fn a_conflict_that_comes_up_meanwhile_is_told_as_such(fixture: Fixture) {
    let store = fixture.store();
    add(&*store, "here").await;
    let users: Vec<_> = (10..=4_000).map(|n| user(n, &format!("user{n}"))).collect();
    let (staging, order) = (stage(&users, &[]), order(OnConflict::Fail));
    let is_there = AtomicBool::new(false);
    let progress = |_: &str, _: u64| {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                // Of looking for conflicts something is told, too.
                if named(&*store, "user10").await.is_some()
                    && !is_there.swap(true, Ordering::SeqCst)
                {
                    add(&*store, "user3999").await;
                }
            });
        });
    };
    let failed = fixture.whole().land(&staging, &order, &progress).await.unwrap_err();
    let StoreError::Unsuitable(words) = &failed else { panic!("{failed:?}") };
    let told = ["user3999 (entry 3999 of the source)", "has come up meanwhile", "are here"];
    assert!(told.iter().all(|told| words.contains(told)), "{words}");
    assert!(named(&*store, "user11").await.is_some());
}

pub(super) async fn names_that_move_on_are_all_taken_over(fixture: Fixture) {
    let store = fixture.store();
    let first = [user(1, "a"), user(2, "b"), user(3, "c")];
    land(&fixture, &stage(&first, &[]), OnConflict::Skip).await;
    let moved = |number, username: &str| StagedUser {
        username: username.to_owned(),
        ..user(number, "same")
    };
    let staging =
        stage(&[moved(1, "b"), moved(2, "c"), moved(3, "d"), user(4, "a")], &[token(4, "x")]);
    let rehearsal = Landing { dry_run: true, ..order(OnConflict::Update) };
    let told = try_to_land(&fixture, &staging, &rehearsal).await.unwrap();
    let landed = land(&fixture, &staging, OnConflict::Update).await;
    assert!(landed.refused.is_empty(), "{landed:?}");
    assert_eq!(told, landed);
    for (username, number) in [("b", 1), ("c", 2), ("d", 3), ("a", 4)] {
        assert_eq!(named(&*store, username).await.unwrap().id, UserId(number), "{username}");
    }
    assert!(is_good(&*store, "x").await);
    is_in_order(&fixture.whole()).await;
}
