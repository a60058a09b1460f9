//! What a store promises of users.

use super::{
    Store, add, again, digest, digests, hash, in_minutes, is_good, issue, live, name, new_user,
    now, token,
};
use authgate::clock::Timestamp;
use authgate::model::email::Email;
use authgate::model::token::TokenRecord;
use authgate::model::user::{User, UserChange, UserId};
use authgate::store::{Inserted, Issue, PasswordChange};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinSet;

pub(super) async fn a_new_user_is_active_and_reads_back(store: Arc<dyn Store>) {
    let mut new = new_user("alice");
    new.joined = Timestamp::from_micros(1_795_503_694_123_456);
    new.is_staff = true;
    let Inserted::Done(user) = store.insert_user(new.clone()).await.unwrap() else {
        panic!("the name is taken");
    };
    assert!(user.is_active && user.is_staff);
    assert!(user.password == new.password);
    assert_eq!(user.username, new.username);
    assert_eq!(user.email, new.email);
    assert_eq!(user.joined, new.joined);
    assert_eq!(user.last_login, None);
    assert!(store.user(user.id).await.unwrap() == Some(user.clone()));
    assert!(store.user_by_name(&name("alice")).await.unwrap() == Some(user));
}

pub(super) async fn a_name_belongs_to_one_user(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let mut other = new_user("alice");
    other.password = hash("another");
    assert!(store.insert_user(other).await.unwrap() == Inserted::NameTaken);
    assert!(again(&*store, alice.id).await == alice);
}

pub(super) async fn of_fifty_at_once_one_gets_the_name(store: Arc<dyn Store>) {
    let mut race = JoinSet::new();
    for _ in 0..50 {
        let store = Arc::clone(&store);
        race.spawn(async move { store.insert_user(new_user("alice")).await.unwrap() });
    }
    let outcomes = race.join_all().await;
    let winners = outcomes.iter().filter(|outcome| matches!(outcome, Inserted::Done(_)));
    assert_eq!(winners.count(), 1);
    assert_eq!(store.users_after(None, 100).await.unwrap().len(), 1);
}

pub(super) async fn names_are_compared_byte_by_byte(store: Arc<dyn Store>) {
    let lower = add(&*store, "straße").await;
    let upper = add(&*store, "STRASSE").await;
    let capital = add(&*store, "Straße").await;
    assert!(lower.id != upper.id && upper.id != capital.id);
    assert!(store.user_by_name(&name("straße")).await.unwrap() == Some(lower));
    assert!(store.user_by_name(&name("strasse")).await.unwrap().is_none());
}

pub(super) async fn every_permitted_name_is_kept_as_it_is(store: Arc<dyn Store>) {
    let long = "山".repeat(150);
    let names = ["a@b.c+d-e_f", "@", "..", "-", "+1", "0", "null", "Иван", "山田太郎", "𐐀", &long];
    for text in names {
        let user = add(&*store, text).await;
        let found = store.user_by_name(&name(text)).await.unwrap().unwrap();
        assert!(found == user, "{text}");
        assert_eq!(found.username.as_str(), text);
    }
}

pub(super) async fn an_address_may_be_blank(store: Arc<dyn Store>) {
    for text in ["alice", "bob"] {
        let mut new = new_user(text);
        new.email = Email::default();
        assert!(matches!(store.insert_user(new).await.unwrap(), Inserted::Done(_)));
        let found = store.user_by_name(&name(text)).await.unwrap().unwrap();
        assert_eq!(found.email.as_str(), "");
    }
}

pub(super) async fn unknown_users_are_no_error(store: Arc<dyn Store>) {
    add(&*store, "alice").await;
    assert!(store.user_by_name(&name("bob")).await.unwrap().is_none());
    for id in [UserId(0), UserId(999), UserId(u64::MAX)] {
        assert!(store.user(id).await.unwrap().is_none(), "{id}");
        assert!(store.change_user(id, UserChange::Staff(true)).await.unwrap().is_none(), "{id}");
        assert!(!store.delete_user(id).await.unwrap(), "{id}");
        assert!(!store.revoke_tokens_of(id, 0).await.unwrap(), "{id}");
        assert!(digests(&*store, id).await.is_empty(), "{id}");
    }
}

pub(super) async fn users_come_in_pages_in_order_of_number(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(add(&*store, &format!("user{number}")).await.id);
    }
    let ids_of = |users: Vec<User>| users.iter().map(|user| user.id).collect::<Vec<_>>();
    assert!(ids.is_sorted());
    assert_eq!(ids_of(store.users_after(None, 2).await.unwrap()), ids[..2]);
    assert_eq!(ids_of(store.users_after(Some(ids[1]), 2).await.unwrap()), ids[2..4]);
    assert_eq!(ids_of(store.users_after(Some(ids[3]), 2).await.unwrap()), ids[4..]);
    assert_eq!(ids_of(store.users_after(None, 1_000).await.unwrap()), ids);
    for (after, limit) in [(Some(ids[4]), 2), (Some(UserId(u64::MAX)), 2), (None, 0)] {
        assert!(store.users_after(after, limit).await.unwrap().is_empty());
    }
}

pub(super) async fn a_locked_out_user_keeps_nothing_but_the_account(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    let locked = store.change_user(alice.id, UserChange::Active(false)).await.unwrap().unwrap();
    assert!(!locked.is_active && locked.epoch > alice.epoch);
    assert!(again(&*store, alice.id).await == locked);
    assert!(digests(&*store, alice.id).await.is_empty());
    let back = store.change_user(alice.id, UserChange::Active(true)).await.unwrap().unwrap();
    assert!(back.is_active);
    assert!(!is_good(&*store, "token").await);
    assert!(digests(&*store, alice.id).await.is_empty());
}

pub(super) async fn a_new_password_ends_the_tokens(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    let change = UserChange::Password { hash: hash("second"), must_change: false };
    let changed = store.change_user(alice.id, change).await.unwrap().unwrap();
    assert!(changed.password == hash("second") && changed.epoch > alice.epoch);
    assert!(again(&*store, alice.id).await == changed);
    assert!(!is_good(&*store, "token").await);
    assert!(digests(&*store, alice.id).await.is_empty());
}

pub(super) async fn taking_staff_away_ends_the_tokens(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let staff = store.change_user(alice.id, UserChange::Staff(true)).await.unwrap().unwrap();
    issue(&*store, &staff, "token").await;
    let changed = store.change_user(alice.id, UserChange::Staff(false)).await.unwrap().unwrap();
    assert!(!changed.is_staff);
    assert!(!is_good(&*store, "token").await);
}

pub(super) async fn a_token_of_an_ordinary_user_never_becomes_one_of_staff(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    store.change_user(alice.id, UserChange::Active(true)).await.unwrap().unwrap();
    assert!(is_good(&*store, "token").await);
    store.change_user(alice.id, UserChange::Staff(true)).await.unwrap().unwrap();
    let alice = again(&*store, alice.id).await;
    assert!(alice.is_staff && !is_good(&*store, "token").await);
    issue(&*store, &alice, "another").await;
    assert!(is_good(&*store, "another").await);
}

pub(super) async fn a_rehash_replaces_the_hash_that_was_verified(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    let change = UserChange::Rehash { from: alice.password.clone(), to: hash("better") };
    store.change_user(alice.id, change).await.unwrap().unwrap();
    let after = again(&*store, alice.id).await;
    assert!(after.password == hash("better"));
    assert_eq!(after.epoch, alice.epoch);
    assert!(is_good(&*store, "token").await);
}

pub(super) async fn a_rehash_leaves_another_password_alone(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let change = UserChange::Rehash { from: hash("long gone"), to: hash("better") };
    let after = store.change_user(alice.id, change).await.unwrap();
    assert!(after == Some(alice.clone()));
    assert!(again(&*store, alice.id).await == alice);
}

fn new_password(user: &User, from: &str, to: &str, keep: &str) -> PasswordChange {
    PasswordChange { from: hash(from), keep: vec![digest(keep)], to: hash(to), user: user.id }
}

/// What `add` gives everyone.
const FIRST: &str = "$argon2id$first";

pub(super) async fn an_owners_new_password_ends_all_tokens_but_the_one_that_is_kept(
    store: Arc<dyn Store>,
) {
    let alice = add(&*store, "alice").await;
    let kept = issue(&*store, &alice, "kept").await;
    issue(&*store, &alice, "other").await;
    let change = new_password(&alice, FIRST, "second", "kept");
    assert!(store.replace_password(change).await.unwrap().is_some());
    let after = again(&*store, alice.id).await;
    assert!(after.password == hash("second") && after.epoch > alice.epoch);
    assert!(is_good(&*store, "kept").await);
    assert!(!is_good(&*store, "other").await);
    let listed = live(&*store, alice.id, now()).await;
    let expected = TokenRecord { epoch: after.epoch, ..kept };
    assert!(listed == [expected.clone()]);
    assert!(store.token(expected.digest).await.unwrap() == Some((expected, after.clone())));
    // A login that began before is told, one that begins now is not.
    assert_eq!(store.issue_token(token(&alice, "late")).await.unwrap(), Issue::UserChanged);
    issue(&*store, &after, "next").await;
}

pub(super) async fn a_kept_token_is_prolonged_and_ended_as_before(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "kept").await;
    for (from, to) in [(FIRST, "second"), ("second", "third")] {
        let change = new_password(&alice, from, to, "kept");
        assert!(store.replace_password(change).await.unwrap().is_some());
        assert!(is_good(&*store, "kept").await);
    }
    let end = in_minutes(90);
    assert!(store.extend_token(digest("kept"), end).await.unwrap());
    store.sweep(now()).await.unwrap();
    let listed = live(&*store, alice.id, now()).await;
    assert_eq!(listed.iter().map(|token| token.expires).collect::<Vec<_>>(), [Some(end)]);
    assert!(store.revoke_token(digest("kept")).await.unwrap());
    assert!(digests(&*store, alice.id).await.is_empty());
}

pub(super) async fn a_kept_token_is_good_at_every_moment_of_many_changes(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "kept").await;
    let (is_over, looking) = (Arc::new(AtomicBool::new(false)), Arc::clone(&store));
    let over = Arc::clone(&is_over);
    let mut watch = JoinSet::new();
    watch.spawn(async move {
        let mut looks = 0;
        while !over.load(Ordering::SeqCst) {
            assert!(is_good(&*looking, "kept").await, "after {looks} looks");
            looks += 1;
        }
    });
    let mut from = alice.password;
    for number in 0..100 {
        let to = hash(&format!("password{number}"));
        let change =
            PasswordChange { from, keep: vec![digest("kept")], to: to.clone(), user: alice.id };
        assert!(store.replace_password(change).await.unwrap().is_some());
        from = to;
    }
    is_over.store(true, Ordering::SeqCst);
    watch.join_all().await;
}

pub(super) async fn a_password_that_was_replaced_meanwhile_stays(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let change = UserChange::Password { hash: hash("by an operator"), must_change: false };
    let seen = store.change_user(alice.id, change).await.unwrap().unwrap();
    issue(&*store, &seen, "token").await;
    let change = new_password(&alice, FIRST, "second", "token");
    assert!(store.replace_password(change.clone()).await.unwrap().is_none());
    assert!(again(&*store, alice.id).await == seen);
    assert!(is_good(&*store, "token").await);
    let locked = store.change_user(alice.id, UserChange::Active(false)).await.unwrap().unwrap();
    let late = PasswordChange { from: hash("by an operator"), ..change.clone() };
    assert!(store.replace_password(late).await.unwrap().is_none());
    assert!(again(&*store, alice.id).await == locked);
    let nobody = PasswordChange { user: UserId(999), ..change };
    assert!(store.replace_password(nobody).await.unwrap().is_none());
}

pub(super) async fn of_owners_changes_at_once_one_is_made(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    for number in 0..10 {
        issue(&*store, &alice, &format!("token{number}")).await;
    }
    let mut changes = JoinSet::new();
    for number in 0..10 {
        let (to, keep) = (format!("password{number}"), format!("token{number}"));
        let change = new_password(&alice, FIRST, &to, &keep);
        let store = Arc::clone(&store);
        changes.spawn(
            async move { (number, store.replace_password(change).await.unwrap().is_some()) },
        );
    }
    let outcomes = changes.join_all().await;
    let made: Vec<_> = outcomes.iter().filter(|(_, is_made)| *is_made).collect();
    let [(winner, _)] = made[..] else { panic!("{} changes were made", made.len()) };
    assert!(again(&*store, alice.id).await.password == hash(&format!("password{winner}")));
    for number in 0..10 {
        assert_eq!(is_good(&*store, &format!("token{number}")).await, number == *winner);
    }
}

pub(super) async fn a_token_that_has_ended_or_is_anothers_is_not_kept(store: Arc<dyn Store>) {
    let (alice, bob) = (add(&*store, "alice").await, add(&*store, "bob").await);
    issue(&*store, &alice, "ended").await;
    issue(&*store, &bob, "bob's").await;
    assert!(store.revoke_tokens_of(alice.id, 0).await.unwrap());
    let mut from = FIRST.to_owned();
    for keep in ["ended", "bob's", "nobody's"] {
        let to = format!("after {keep}");
        let change = new_password(&alice, &from, &to, keep);
        assert!(store.replace_password(change).await.unwrap().is_some());
        from = to;
    }
    assert!(!is_good(&*store, "ended").await);
    assert!(!is_good(&*store, "nobody's").await);
    assert!(is_good(&*store, "bob's").await);
    assert!(digests(&*store, alice.id).await.is_empty());
}

pub(super) async fn a_token_that_ends_while_the_password_changes_stays_gone(store: Arc<dyn Store>) {
    let mut alice = add(&*store, "alice").await;
    for round in 0..50 {
        let text = format!("token{round}");
        issue(&*store, &alice, &text).await;
        let (from, to) = (alice.password.clone(), hash(&text));
        let change = PasswordChange { from, keep: vec![digest(&text)], to, user: alice.id };
        let (changing, ending) = (Arc::clone(&store), Arc::clone(&store));
        let token = digest(&text);
        let mut acts = JoinSet::new();
        acts.spawn(
            async move { changing.replace_password(change).await.map(|done| done.is_some()) },
        );
        acts.spawn(async move {
            if round % 2 == 0 {
                ending.revoke_token(token).await
            } else {
                ending.revoke_tokens_of(alice.id, 0).await
            }
        });
        assert!(acts.join_all().await.into_iter().all(|done| done.unwrap()));
        assert!(!is_good(&*store, &text).await, "round {round}");
        alice = again(&*store, alice.id).await;
    }
}

pub(super) async fn a_deleted_user_is_gone_with_the_tokens(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    assert!(store.delete_user(alice.id).await.unwrap());
    assert!(store.user(alice.id).await.unwrap().is_none());
    assert!(store.user_by_name(&alice.username).await.unwrap().is_none());
    assert!(store.users_after(None, 10).await.unwrap().is_empty());
    assert!(store.token(digest("token")).await.unwrap().is_none());
    assert!(!store.delete_user(alice.id).await.unwrap());
}

pub(super) async fn the_number_of_a_deleted_user_is_not_given_again(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    store.delete_user(alice.id).await.unwrap();
    assert!(add(&*store, "bob").await.id > alice.id);
}

pub(super) async fn a_deleted_users_name_is_free(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    store.delete_user(alice.id).await.unwrap();
    let second = add(&*store, "alice").await;
    assert!(store.user_by_name(&name("alice")).await.unwrap() == Some(second));
    assert!(!is_good(&*store, "token").await);
}
