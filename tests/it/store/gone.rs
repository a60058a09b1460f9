//! Numbers of users who were deleted: who had one does not come back unawares.

use super::staged::{is_in_order, land, named, order, stage, token, try_to_land, user};
use super::{Fixture, add, is_good, now};
use crate::harness::folder;
use authgate::model::limit::Familiar;
use authgate::model::network::Network;
use authgate::model::user::{User, UserId};
use authgate::store::staging::{Refusal, StagedUser};
use authgate::store::whole::{BringBack, Landing, OnConflict, Restore, Save, Staging, Stop, Whole};
use authgate::store::{Settings, Spared, StoreError};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

/// Three users, each with a token.
fn three() -> Staging {
    let tokens = [token(1, "one"), token(2, "two"), token(3, "three")];
    stage(&[user(1, "ada"), user(2, "bob"), user(3, "eve")], &tokens)
}

async fn refusals(fixture: &Fixture, order: &Landing) -> Vec<(Refusal, u64)> {
    let landed = try_to_land(fixture, &three(), order).await.unwrap();
    assert_eq!(landed.added, 0, "{landed:?}");
    landed.refused.into_iter().collect()
}

pub(super) async fn who_was_deleted_does_not_come_back_by_the_same_source(fixture: Fixture) {
    let store = fixture.store();
    land(&fixture, &three(), OnConflict::Skip).await;
    assert!(store.delete_user(UserId(1)).await.unwrap());
    assert!(matches!(store.delete_other(UserId(2)).await.unwrap(), Spared::Done(())));
    for on_conflict in [OnConflict::Skip, OnConflict::Update] {
        for dry_run in [true, false] {
            let staging = three();
            let order = Landing { dry_run, ..order(on_conflict) };
            let landed = try_to_land(&fixture, &staging, &order).await.unwrap();
            assert_eq!((landed.added, landed.unchanged), (0, 1), "{landed:?}");
            assert_eq!(landed.refused.get(&Refusal::NumberGone), Some(&2), "{landed:?}");
            assert_eq!(landed.tokens_refused.get(&Refusal::OwnerRefused), Some(&2));
            let told = staging.refused(None, 10).unwrap();
            let told: Vec<_> = told.into_iter().map(|one| (one.id, one.refusal)).collect();
            let gone = [1, 2].map(|number| (Some(number), Refusal::NumberGone));
            assert_eq!(told, gone);
            // It is found out anew each time.
            let again = try_to_land(&fixture, &staging, &order).await.unwrap();
            assert_eq!(again.refused, landed.refused);
        }
    }
    for (name, text, is_there) in
        [("ada", "one", false), ("bob", "two", false), ("eve", "three", true)]
    {
        assert_eq!(named(&*store, name).await.is_some(), is_there, "{name}");
        assert_eq!(is_good(&*store, text).await, is_there, "{name}");
    }
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn nobody_comes_back_where_all_were_deleted(fixture: Fixture) {
    let store = fixture.store();
    land(&fixture, &three(), OnConflict::Skip).await;
    for number in 1..=3 {
        assert!(store.delete_user(UserId(number)).await.unwrap());
    }
    for dry_run in [true, false] {
        let order = Landing { dry_run, ..order(OnConflict::Skip) };
        assert_eq!(refusals(&fixture, &order).await, [(Refusal::NumberGone, 3)]);
        assert!(
            store.users_after(None, 10).await.unwrap().is_empty() && !is_good(&*store, "one").await
        );
    }
    let failed = try_to_land(&fixture, &three(), &order(OnConflict::Fail)).await.unwrap_err();
    assert!(failed.to_string().contains("was deleted here"), "{failed}");
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn who_was_deleted_is_a_conflict(fixture: Fixture) {
    let store = fixture.store();
    land(&fixture, &three(), OnConflict::Skip).await;
    assert!(store.delete_user(UserId(2)).await.unwrap());
    let staging = stage(&[user(2, "bob"), user(3, "eve"), user(4, "zoe")], &[]);
    let failed = try_to_land(&fixture, &staging, &order(OnConflict::Fail)).await.unwrap_err();
    let StoreError::Unsuitable(words) = &failed else { panic!("{failed:?}") };
    assert!(words.contains("bob") && words.contains("was deleted here"), "{words}");
    assert!(named(&*store, "zoe").await.is_none());
}

pub(super) async fn who_was_deleted_comes_back_where_that_is_wanted(fixture: Fixture) {
    let store = fixture.store();
    land(&fixture, &three(), OnConflict::Skip).await;
    for number in 1..=3 {
        assert!(store.delete_user(UserId(number)).await.unwrap());
    }
    let bob = BringBack::These([UserId(2)].into());
    for (brings_back, added) in [(bob, 1), (BringBack::Nobody, 0), (BringBack::All, 2)] {
        for dry_run in [true, false] {
            let order =
                Landing { brings_back: brings_back.clone(), dry_run, ..order(OnConflict::Skip) };
            let landed = try_to_land(&fixture, &three(), &order).await.unwrap();
            assert_eq!((landed.added, landed.tokens_added), (added, added), "{landed:?}");
        }
        assert!(named(&*store, "bob").await.is_some() && is_good(&*store, "two").await);
    }
    assert!(named(&*store, "ada").await.is_some() && is_good(&*store, "three").await);
    is_in_order(&fixture.whole()).await;
    // Whoever is back is not deleted any more, and may be anew.
    assert!(store.delete_user(UserId(2)).await.unwrap());
    let order = order(OnConflict::Update);
    let landed = try_to_land(&fixture, &three(), &order).await.unwrap();
    assert_eq!(landed.refused.get(&Refusal::NumberGone), Some(&1));
    assert_eq!((landed.added, landed.unchanged), (0, 2));
}

pub(super) async fn a_rename_and_a_user_who_was_refused_are_no_deletions(fixture: Fixture) {
    let store = fixture.store();
    let here = add(&*store, "here").await;
    let taken = stage(&[user(50, "here"), user(60, "ada")], &[]);
    let landed = land(&fixture, &taken, OnConflict::Update).await;
    assert_eq!(landed.refused.get(&Refusal::NameTaken), Some(&1));
    let renamed = StagedUser { username: "lovelace".to_owned(), ..user(60, "ada") };
    land(&fixture, &stage(&[renamed], &[]), OnConflict::Update).await;
    let free = stage(&[user(50, "free"), user(61, "ada")], &[token(50, "one")]);
    let landed = land(&fixture, &free, OnConflict::Update).await;
    assert_eq!((landed.added, landed.refused.len()), (2, 0), "{landed:?}");
    assert!(is_good(&*store, "one").await);
    // Nor is whoever never was there.
    assert!(!store.delete_user(UserId(70)).await.unwrap());
    let landed = land(&fixture, &stage(&[user(70, "zoe")], &[]), OnConflict::Skip).await;
    assert_eq!(landed.added, 1);
    assert!(store.user(here.id).await.unwrap() == Some(here));
}

async fn save(whole: &Whole, to: &Path) {
    let save = Save { at: now(), replaces: true, stop: Stop::default(), to: to.to_owned() };
    whole.save(&save, &|_, _| {}).await.unwrap();
}

async fn bring_back(whole: &Whole, from: &Path) {
    let from = from.to_owned();
    let order = Restore { at: now(), from, keeps_tokens: true, replaces: true };
    whole.restore(&order, &|_, _| {}).await.unwrap();
}

pub(super) async fn deletions_are_saved_and_brought_back(fixture: Fixture) {
    let store = fixture.store();
    land(&fixture, &three(), OnConflict::Skip).await;
    let folder = folder();
    let [before, after] = ["before", "after"].map(|name| folder.path().join(name));
    save(&fixture.whole(), &before).await;
    // One of another thousand, too.
    land(&fixture, &stage(&[user(77_777, "far")], &[]), OnConflict::Skip).await;
    for number in [1, 2, 77_777] {
        assert!(store.delete_user(UserId(number)).await.unwrap());
    }
    save(&fixture.whole(), &after).await;
    let elsewhere = Whole::of(&Settings::Sqlite { path: folder.path().join("elsewhere") }).unwrap();
    bring_back(&elsewhere, &after).await;
    let source = || stage(&[user(1, "ada"), user(3, "eve"), user(77_777, "far")], &[]);
    let order = order(OnConflict::Skip);
    let landed = elsewhere.land(&source(), &order, &|_, _| {}).await.unwrap();
    assert_eq!(landed.refused.get(&Refusal::NumberGone), Some(&2), "{landed:?}");
    // Whoever comes back by a backup is not deleted any more; the others stay so.
    for whole in [&elsewhere, &fixture.whole()] {
        bring_back(whole, &before).await;
        is_in_order(whole).await;
        let landed = whole.land(&source(), &order, &|_, _| {}).await.unwrap();
        assert_eq!((landed.added, landed.unchanged), (0, 2), "{landed:?}");
        assert_eq!(landed.refused.get(&Refusal::NumberGone), Some(&1), "{landed:?}");
    }
    save(&fixture.whole(), &after).await;
    bring_back(&fixture.whole(), &after).await;
    let landed = land(&fixture, &source(), OnConflict::Skip).await;
    assert_eq!((landed.unchanged, landed.refused.get(&Refusal::NumberGone)), (2, Some(&1)));
}

pub(super) async fn networks_of_a_deleted_user_go_with_them(fixture: Fixture) {
    let store = fixture.store();
    let network = Network::of(Ipv4Addr::new(192, 0, 2, 1).into());
    let know = async |user: &User| {
        let familiar = Familiar { network, user: user.id };
        store.make_familiar(familiar, now().plus(Duration::from_hours(1))).await.unwrap();
    };
    let is_known = async |user: &User| {
        let familiar = Familiar { network, user: user.id };
        store.familiar_until(familiar, now()).await.unwrap().is_some()
    };
    let people = [add(&*store, "ada").await, add(&*store, "bob").await, add(&*store, "eve").await];
    for user in &people {
        know(user).await;
    }
    assert!(store.delete_user(people[0].id).await.unwrap());
    assert!(matches!(store.delete_other(people[1].id).await.unwrap(), Spared::Done(())));
    assert!(
        !is_known(&people[0]).await && !is_known(&people[1]).await && is_known(&people[2]).await
    );
}
