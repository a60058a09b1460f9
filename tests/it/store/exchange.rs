//! What a store promises of tokens that get another digest.

use super::{Fixture, Store, add, again, digest, digests, hash, is_good, issue, live, now, token};
use crate::store::staged::brought_back;
use authgate::model::token::{
    DigestHash, DigestOver, DigestScheme, KnoxKey, OldDigest, TokenAbout, TokenRecord,
};
use authgate::model::user::{User, UserChange};
use authgate::store::{Issue, NewToken, PasswordChange, TokenUse};
use std::sync::Arc;
use tokio::task::JoinSet;

/// What a token has been found by: a text stands for its digest.
fn former(text: &str) -> OldDigest {
    let scheme = DigestScheme { hash: DigestHash::Sha512, over: DigestOver::BytesAndSalt };
    let knox_key = KnoxKey::parse("01234567").unwrap();
    OldDigest { digest: digest(text), knox_key, salt: vec![1, 0, 255], scheme }
}

/// What is to become of a token.
fn rewritten(old: &TokenRecord, from: &str, to: &str) -> TokenRecord {
    let knox_key = KnoxKey::parse("0123456789abcde");
    TokenRecord {
        digest: digest(to),
        former: Some(Box::new(former(from))),
        knox_key,
        ..old.clone()
    }
}

pub(super) async fn a_token_gets_another_digest_and_stays_what_it_is(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let other = issue(&*store, &alice, "other").await;
    let name = Some("of a program".to_owned());
    let about = TokenAbout { name, ..TokenAbout::default() };
    let old = NewToken { about, ..token(&alice, "old") };
    assert_eq!(store.issue_token(old.clone()).await.unwrap(), Issue::Done);
    let used =
        TokenUse { at: now(), digest: digest("old"), from: [192, 0, 2, 1].into(), user: alice.id };
    store.note_uses(&[used]).await.unwrap();
    let before = store.tokens_of(alice.id, now()).await.unwrap();
    let wanted = rewritten(&old.record, "old", "new");
    for _ in 0..2 {
        assert!(store.exchange_token(digest("old"), &wanted).await.unwrap());
        assert!(store.token(digest("old")).await.unwrap().is_none());
        let found = store.token(digest("new")).await.unwrap();
        assert!(found == Some((wanted.clone(), again(&*store, alice.id).await)));
    }
    let after = store.tokens_of(alice.id, now()).await.unwrap();
    let about = |tokens: &[authgate::store::ListedToken], text| {
        let found = tokens.iter().find(|one| one.record.digest == digest(text)).unwrap();
        found.about.clone()
    };
    assert_eq!(about(&after, "new"), about(&before, "old"));
    assert_eq!(about(&after, "new").last_used, Some((used.at, used.from)));
    assert_eq!(after.len(), 2);
    assert!(live(&*store, alice.id, now()).await.contains(&other));
    assert!(!store.has_old_digests().await.unwrap(), "nothing is looked for by it");
    // It ends as it would have: with all that was kept of it.
    assert!(store.revoke_token(digest("new")).await.unwrap());
    assert!(digests(&*store, alice.id).await == [digest("other")]);
}

pub(super) async fn a_token_that_has_ended_gets_no_other_digest(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let old = issue(&*store, &alice, "old").await;
    store.revoke_token(digest("old")).await.unwrap();
    let exchange = async |old: &TokenRecord| {
        let wanted = rewritten(old, "old", "new");
        let is_done = store.exchange_token(digest("old"), &wanted).await.unwrap();
        (is_done, is_good(&*store, "new").await)
    };
    assert_eq!(exchange(&old).await, (false, false), "revoked");
    assert!(store.token(digest("new")).await.unwrap().is_none());
    let old = issue(&*store, &alice, "old").await;
    store.revoke_tokens_of(alice.id, 0).await.unwrap();
    assert_eq!(exchange(&old).await, (false, false), "logged out everywhere");
    let bob = add(&*store, "bob").await;
    let old = issue(&*store, &bob, "old").await;
    store.change_user(bob.id, UserChange::Active(false)).await.unwrap();
    assert_eq!(exchange(&old).await, (false, false), "locked out");
}

pub(super) async fn a_token_that_gets_another_digest_keeps_the_end_that_it_has(
    store: Arc<dyn Store>,
) {
    let alice = add(&*store, "alice").await;
    let old = issue(&*store, &alice, "old").await;
    let mut endless = token(&alice, "endless");
    endless.record.expires = None;
    assert_eq!(store.issue_token(endless.clone()).await.unwrap(), Issue::Done);
    for (record, from, to) in [(&old, "old", "new"), (&endless.record, "endless", "without end")] {
        let wanted = rewritten(record, from, to);
        assert!(store.exchange_token(digest(from), &wanted).await.unwrap());
        let (found, _) = store.token(digest(to)).await.unwrap().unwrap();
        assert!(found == wanted);
    }
    let (later, stale) = (super::in_minutes(120), issue(&*store, &alice, "stale").await);
    assert!(store.extend_token(digest("stale"), later).await.unwrap());
    let wanted = rewritten(&stale, "stale", "prolonged");
    assert!(store.exchange_token(digest("stale"), &wanted).await.unwrap());
    let (found, _) = store.token(digest("prolonged")).await.unwrap().unwrap();
    assert!(found.expires == Some(later), "whatever the record says");
    assert!(store.extend_token(digest("new"), later).await.unwrap());
    let (found, _) = store.token(digest("new")).await.unwrap().unwrap();
    assert!(found.expires == Some(later) && found.former.is_some());
}

pub(super) async fn a_token_that_ends_while_it_gets_another_digest_stays_ended(
    store: Arc<dyn Store>,
) {
    let alice = add(&*store, "alice").await;
    for round in 0..40 {
        let (from, to) = (format!("old{round}"), format!("new{round}"));
        let wanted = rewritten(&issue(&*store, &alice, &from).await, &from, &to);
        let mut at_once = JoinSet::new();
        for _ in 0..2 {
            let (store, wanted, from) = (Arc::clone(&store), wanted.clone(), digest(&from));
            at_once.spawn(async move {
                store.exchange_token(from, &wanted).await.unwrap();
            });
        }
        let (ending, both) = (Arc::clone(&store), [digest(&from), digest(&to)]);
        at_once.spawn(async move {
            if round % 2 == 0 {
                tokio::task::yield_now().await;
            }
            // The old one first.
            for one in both {
                ending.revoke_token(one).await.unwrap();
            }
        });
        at_once.join_all().await;
        assert!(!is_good(&*store, &from).await && !is_good(&*store, &to).await, "{round}");
        assert!(digests(&*store, alice.id).await.is_empty(), "{round}");
    }
}

pub(super) async fn a_token_that_gets_another_digest_as_its_owners_password_changes_stays(
    store: Arc<dyn Store>,
) {
    let mut alice: User = add(&*store, "alice").await;
    for round in 0..40 {
        let (from, to) = (format!("old{round}"), format!("new{round}"));
        let wanted = rewritten(&issue(&*store, &alice, &from).await, &from, &to);
        let change = PasswordChange {
            from: alice.password.clone(),
            keep: vec![digest(&to), digest(&from)],
            to: hash(&format!("$argon2id${round}")),
            user: alice.id,
        };
        let mut at_once = JoinSet::new();
        let (exchanging, old) = (Arc::clone(&store), digest(&from));
        at_once.spawn(async move {
            exchanging.exchange_token(old, &wanted).await.unwrap();
        });
        let changing = Arc::clone(&store);
        at_once.spawn(async move {
            assert!(changing.replace_password(change).await.unwrap().is_some());
        });
        at_once.join_all().await;
        let (old, new) = (is_good(&*store, &from).await, is_good(&*store, &to).await);
        assert!(old || new, "{round}");
        for one in [digest(&from), digest(&to)] {
            store.revoke_token(one).await.unwrap();
        }
        alice = again(&*store, alice.id).await;
    }
}

pub(super) async fn what_a_token_was_found_by_before_is_saved_and_brought_back(fixture: Fixture) {
    let store = fixture.store();
    let alice = add(&*store, "alice").await;
    let wanted = rewritten(&issue(&*store, &alice, "old").await, "old", "new");
    assert!(store.exchange_token(digest("old"), &wanted).await.unwrap());
    let (_folder, stores) = brought_back(&fixture).await;
    for store in stores {
        let (found, _) = store.token(digest("new")).await.unwrap().unwrap();
        assert!(found == wanted);
        assert!(store.token(digest("old")).await.unwrap().is_none());
        let sweep = store.sweep(super::in_minutes(61)).await.unwrap();
        assert_eq!(sweep, 1, "it goes with its token");
    }
}
