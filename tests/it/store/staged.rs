//! Sources, and how they are taken over.

use super::{Fixture, digest, in_minutes, now};
use authgate::clock::Timestamp;
use authgate::model::token::{DigestHash, DigestOver, DigestScheme};
use authgate::model::user::{User, Username};
use authgate::store::staging::{OwnerRef, StagedToken, StagedUser};
use authgate::store::whole::{
    BringBack, Finding, Landed, Landing, OnConflict, Restore, Save, Staging, Stop, Whole,
};
use authgate::store::{Settings, Store, StoreError};
use std::sync::Arc;
use tempfile::TempDir;

pub(super) fn joined(number: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(number % 10_000).unwrap())
}

pub(super) fn user(number: u64, username: &str) -> StagedUser {
    StagedUser {
        place: number,
        id: Some(number),
        username: username.to_owned(),
        email: format!("{username}@example.com"),
        password: format!("pbkdf2_sha256$1$salt${username}"),
        kind: "pbkdf2_sha256".to_owned(),
        is_active: true,
        joined: Some(joined(number)),
        ..StagedUser::default()
    }
}

pub(super) fn token(owner: u64, text: &str) -> StagedToken {
    StagedToken {
        place: owner,
        owner: OwnerRef::Number(owner),
        digest: digest(text).as_bytes().to_vec(),
        scheme: DigestScheme::NATIVE,
        salt: Vec::new(),
        knox_key: text.chars().take(15).collect(),
        created: Some(now()),
        expires: Some(in_minutes(60)),
    }
}

/// As knox 4.1 kept it: of what the text spells, and a salt.
pub(super) fn old_token(owner: u64, text: &str) -> StagedToken {
    let scheme = DigestScheme { hash: DigestHash::Sha256, over: DigestOver::BytesAndSalt };
    StagedToken {
        digest: scheme.digest(text, b"salt").unwrap(),
        knox_key: text.chars().take(8).collect(),
        salt: b"salt".to_vec(),
        scheme,
        ..token(owner, text)
    }
}

pub(super) fn stage(users: &[StagedUser], tokens: &[StagedToken]) -> Staging {
    let staging = Staging::new().unwrap();
    staging.add_tokens(tokens).unwrap();
    staging.add_users(users).unwrap();
    staging.settle().unwrap();
    staging
}

pub(super) fn order(on_conflict: OnConflict) -> Landing {
    let (brings_back, stop) = (BringBack::default(), Stop::default());
    Landing { at: now(), brings_back, dry_run: false, on_conflict, stop }
}

pub(super) async fn try_to_land(
    fixture: &Fixture,
    staging: &Staging,
    order: &Landing,
) -> Result<Landed, StoreError> {
    fixture.whole().land(staging, order, &|_, _| {}).await
}

pub(super) async fn land(fixture: &Fixture, staging: &Staging, on_conflict: OnConflict) -> Landed {
    try_to_land(fixture, staging, &order(on_conflict)).await.unwrap()
}

pub(super) async fn named(store: &dyn Store, username: &str) -> Option<User> {
    store.user_by_name(&Username::stored(username.to_owned())).await.unwrap()
}

/// What is wrong with a store; what can be is mended if that is wanted.
pub(super) async fn verified(whole: &Whole, mends: bool) -> Vec<Finding> {
    whole.verify(now(), mends, &|_, _| {}).await.unwrap()
}

pub(super) async fn is_in_order(whole: &Whole) {
    let findings = verified(whole, false).await;
    let words: Vec<_> = findings.into_iter().map(|Finding { words, .. }| words).collect();
    assert!(words.is_empty(), "{words:?}");
}

/// All that a store has, saved and brought back with its tokens: into a file, whose folder is told, and into
/// the store itself.
pub(super) async fn brought_back(fixture: &Fixture) -> (TempDir, [Arc<dyn Store>; 2]) {
    let folder = crate::harness::folder();
    let saved = folder.path().join("saved.db");
    let save = Save { at: now(), replaces: false, stop: Stop::default(), to: saved.clone() };
    fixture.whole().save(&save, &|_, _| {}).await.unwrap();
    let elsewhere = Settings::Sqlite { path: folder.path().join("elsewhere.db") };
    for whole in [Whole::of(&elsewhere).unwrap(), fixture.whole()] {
        let from = saved.clone();
        let order = Restore { at: now(), from, keeps_tokens: true, replaces: true };
        whole.restore(&order, &|_, _| {}).await.unwrap();
        is_in_order(&whole).await;
    }
    let stores = [authgate::store::open(&elsewhere).unwrap(), fixture.another()];
    (folder, stores)
}
