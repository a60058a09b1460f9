//! What a store promises of tokens.

use super::{
    Store, add, again, digest, digests, hash, in_minutes, is_good, issue, live, now, token,
};
use authgate::clock::Timestamp;
use authgate::model::user::{User, UserChange, UserId};
use authgate::store::OnLimit::{EvictOldest, Refuse};
use authgate::store::{Issue, NewToken, OnLimit, TokenLimit, UserColumn, UserOrder, UserQuery};
use std::sync::Arc;
use tokio::task::JoinSet;

/// A token of an hour under a limit.
fn limited(user: &User, text: &str, most: u32, on_limit: OnLimit) -> NewToken {
    NewToken { limit: Some(TokenLimit { most, on_limit }), ..token(user, text) }
}

/// Issues tokens a second apart, the first one longest ago.
async fn issue_in_turn(store: &dyn Store, user: &User, texts: &[&str]) {
    for (seconds, text) in (1..).zip(texts.iter().rev()) {
        let mut token = token(user, text);
        token.record.created = now_minus(seconds);
        assert_eq!(store.issue_token(token).await.unwrap(), Issue::Done);
    }
}

fn now_minus(seconds: i64) -> Timestamp {
    Timestamp::from_micros(now().micros() - seconds * 1_000_000)
}

pub(super) async fn a_token_reads_back_with_its_user(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let record = issue(&*store, &alice, "token").await;
    assert!(store.token(digest("token")).await.unwrap() == Some((record.clone(), alice.clone())));
    assert!(live(&*store, alice.id, now()).await == [record]);
}

pub(super) async fn a_token_may_have_no_end(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let mut endless = token(&alice, "token");
    endless.record.expires = None;
    assert_eq!(store.issue_token(endless.clone()).await.unwrap(), Issue::Done);
    let (found, _) = store.token(digest("token")).await.unwrap().unwrap();
    assert!(found == endless.record);
    let far = in_minutes(60 * 24 * 365 * 100);
    assert_eq!(store.sweep(far).await.unwrap(), 0);
    assert!(live(&*store, alice.id, far).await == [endless.record]);
}

pub(super) async fn unknown_tokens_are_no_error(store: Arc<dyn Store>) {
    let unknown = digest("unknown");
    assert!(store.token(unknown).await.unwrap().is_none());
    assert!(!store.revoke_token(unknown).await.unwrap());
    assert!(!store.extend_token(unknown, in_minutes(1)).await.unwrap());
}

pub(super) async fn half_a_digest_is_nobodys(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    let other = digest("token").key().digest([7; 32]);
    assert!(store.token(other).await.unwrap().is_none());
    assert!(!store.revoke_token(other).await.unwrap());
    assert!(!store.extend_token(other, in_minutes(120)).await.unwrap());
    assert!(store.token(digest("token")).await.unwrap().is_some());
}

pub(super) async fn a_token_for_an_unknown_user_is_refused(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    store.delete_user(alice.id).await.unwrap();
    for id in [alice.id, UserId(0), UserId(u64::MAX)] {
        let mut token = token(&alice, "token");
        token.record.user = id;
        assert_eq!(store.issue_token(token).await.unwrap(), Issue::UserChanged);
    }
    assert!(store.token(digest("token")).await.unwrap().is_none());
}

pub(super) async fn a_locked_out_user_gets_no_token_by_login_and_takes_along_what_was_theirs(
    store: Arc<dyn Store>,
) {
    let alice = add(&*store, "alice").await;
    let locked = store.change_user(alice.id, UserChange::Active(false)).await.unwrap().unwrap();
    let login = NewToken { is_login: true, ..token(&locked, "login") };
    assert_eq!(store.issue_token(login).await.unwrap(), Issue::UserChanged);
    assert!(store.token(digest("login")).await.unwrap().is_none());
    assert_eq!(store.issue_token(token(&locked, "brought")).await.unwrap(), Issue::Done);
    assert!(store.token(digest("brought")).await.unwrap().is_some());
}

pub(super) async fn a_token_for_a_past_epoch_is_refused(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    store.revoke_tokens_of(alice.id, 0).await.unwrap();
    let outcome = store.issue_token(token(&alice, "token")).await.unwrap();
    assert_eq!(outcome, Issue::UserChanged);
    assert!(store.token(digest("token")).await.unwrap().is_none());
}

pub(super) async fn a_token_added_twice_is_one_token(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    let second = issue(&*store, &alice, "token").await;
    assert!(live(&*store, alice.id, now()).await == [second]);
}

pub(super) async fn only_a_login_is_noted(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "made by hand").await;
    assert_eq!(again(&*store, alice.id).await.last_login, None);
    let login = NewToken { is_login: true, ..token(&alice, "login") };
    assert_eq!(store.issue_token(login.clone()).await.unwrap(), Issue::Done);
    assert_eq!(again(&*store, alice.id).await.last_login, Some(login.record.created));
}

pub(super) async fn a_login_that_makes_no_token_is_noted_and_ends_none(store: Arc<dyn Store>) {
    let (alice, bob) = (add(&*store, "alice").await, add(&*store, "bob").await);
    store.sweep(now()).await.unwrap();
    issue(&*store, &alice, "token").await;
    let change = |at| UserChange::LoggedIn(at);
    for (user, at) in [(&alice, in_minutes(1)), (&bob, in_minutes(2)), (&alice, in_minutes(3))] {
        let changed = store.change_user(user.id, change(at)).await.unwrap().unwrap();
        assert_eq!((changed.last_login, changed.epoch), (Some(at), user.epoch));
        assert!(again(&*store, user.id).await == changed);
    }
    assert!(is_good(&*store, "token").await);
    let order = UserOrder { by: UserColumn::LastLogin, is_descending: true };
    let query =
        UserQuery { after: None, is_active: None, is_staff: None, limit: 10, order, prefix: None };
    let page = store.find_users(&query, now()).await.unwrap();
    let names: Vec<_> = page.users.iter().map(|listed| listed.user.username.as_str()).collect();
    assert_eq!(names, ["alice", "bob"]);
    assert!(store.change_user(UserId(999), change(now())).await.unwrap().is_none());
}

pub(super) async fn a_refused_login_is_not_noted(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "first").await;
    let login = NewToken { is_login: true, ..limited(&alice, "second", 1, Refuse) };
    assert_eq!(store.issue_token(login).await.unwrap(), Issue::LimitReached);
    assert_eq!(again(&*store, alice.id).await.last_login, None);
}

pub(super) async fn tokens_are_listed_the_oldest_first(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue_in_turn(&*store, &alice, &["a", "b", "c"]).await;
    let expected = ["a", "b", "c"].map(digest);
    assert!(digests(&*store, alice.id).await == expected);
}

pub(super) async fn expired_tokens_are_not_listed(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let record = issue(&*store, &alice, "token").await;
    let end = record.expires.unwrap();
    assert!(store.tokens_of(alice.id, end).await.unwrap().is_empty());
    assert_eq!(store.tokens_of(alice.id, in_minutes(59)).await.unwrap().len(), 1);
}

pub(super) async fn a_full_user_is_refused_one_more(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    for (text, outcome) in [("a", Issue::Done), ("b", Issue::Done), ("c", Issue::LimitReached)] {
        let token = limited(&alice, text, 2, Refuse);
        assert_eq!(store.issue_token(token).await.unwrap(), outcome, "{text}");
    }
    assert!(store.token(digest("c")).await.unwrap().is_none());
    assert!(is_good(&*store, "a").await && is_good(&*store, "b").await);
}

pub(super) async fn a_full_user_loses_the_oldest(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue_in_turn(&*store, &alice, &["a", "b"]).await;
    let third = limited(&alice, "c", 2, EvictOldest);
    assert_eq!(store.issue_token(third).await.unwrap(), Issue::Done);
    assert!(store.token(digest("a")).await.unwrap().is_none());
    assert!(digests(&*store, alice.id).await == ["b", "c"].map(digest));
}

pub(super) async fn a_lower_limit_makes_room_at_once(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue_in_turn(&*store, &alice, &["a", "b", "c", "d"]).await;
    let fifth = limited(&alice, "e", 2, EvictOldest);
    assert_eq!(store.issue_token(fifth).await.unwrap(), Issue::Done);
    assert!(digests(&*store, alice.id).await == ["d", "e"].map(digest));
}

pub(super) async fn expired_tokens_do_not_count(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "old").await;
    let mut later = limited(&alice, "new", 1, Refuse);
    later.record.created = in_minutes(61);
    later.record.expires = Some(in_minutes(121));
    assert_eq!(store.issue_token(later).await.unwrap(), Issue::Done);
}

pub(super) async fn tokens_of_a_past_epoch_do_not_count(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "old").await;
    let change = UserChange::Password { hash: hash("second"), must_change: false };
    let changed = store.change_user(alice.id, change).await.unwrap().unwrap();
    let token = limited(&changed, "new", 1, Refuse);
    assert_eq!(store.issue_token(token).await.unwrap(), Issue::Done);
    assert!(digests(&*store, alice.id).await == [digest("new")]);
}

pub(super) async fn tokens_of_others_do_not_count(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let bob = add(&*store, "bob").await;
    issue(&*store, &bob, "bob's").await;
    let token = limited(&alice, "alice's", 1, Refuse);
    assert_eq!(store.issue_token(token).await.unwrap(), Issue::Done);
    assert!(digests(&*store, alice.id).await == [digest("alice's")]);
}

pub(super) async fn a_tokens_end_moves_later(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    let end = in_minutes(120);
    assert!(store.extend_token(digest("token"), end).await.unwrap());
    let (record, _) = store.token(digest("token")).await.unwrap().unwrap();
    assert_eq!(record.expires, Some(end));
    assert_eq!(store.tokens_of(alice.id, in_minutes(90)).await.unwrap().len(), 1);
    assert_eq!(store.sweep(in_minutes(90)).await.unwrap(), 0);
}

pub(super) async fn a_tokens_end_never_moves_earlier(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let record = issue(&*store, &alice, "token").await;
    // "There is no such thing" would be a lie.
    assert!(store.extend_token(digest("token"), in_minutes(1)).await.unwrap());
    assert!(store.token(digest("token")).await.unwrap().unwrap().0 == record);
}

pub(super) async fn a_token_without_end_stays_so(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let mut endless = token(&alice, "token");
    endless.record.expires = None;
    store.issue_token(endless.clone()).await.unwrap();
    assert!(store.extend_token(digest("token"), in_minutes(1)).await.unwrap());
    assert!(store.token(digest("token")).await.unwrap().unwrap().0 == endless.record);
}

pub(super) async fn a_revoked_token_stays_gone(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    store.revoke_token(digest("token")).await.unwrap();
    assert!(!store.extend_token(digest("token"), in_minutes(120)).await.unwrap());
    assert!(store.token(digest("token")).await.unwrap().is_none());
    assert!(digests(&*store, alice.id).await.is_empty());
}

pub(super) async fn a_token_is_revoked_once(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    issue(&*store, &alice, "other").await;
    assert!(store.revoke_token(digest("token")).await.unwrap());
    assert!(!store.revoke_token(digest("token")).await.unwrap());
    assert!(is_good(&*store, "other").await);
}

pub(super) async fn revoking_all_ends_this_users_tokens_only(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let bob = add(&*store, "bob").await;
    issue(&*store, &alice, "a1").await;
    issue(&*store, &alice, "a2").await;
    issue(&*store, &bob, "b").await;
    assert!(store.revoke_tokens_of(alice.id, 0).await.unwrap());
    assert!(!is_good(&*store, "a1").await && !is_good(&*store, "a2").await);
    assert!(digests(&*store, alice.id).await.is_empty());
    assert!(is_good(&*store, "b").await);
    issue(&*store, &again(&*store, alice.id).await, "a3").await;
    assert!(digests(&*store, alice.id).await == [digest("a3")]);
}

pub(super) async fn a_dead_token_of_a_locked_out_user_is_told_from_an_unknown_one(
    store: Arc<dyn Store>,
) {
    let alice = add(&*store, "alice").await;
    let record = issue(&*store, &alice, "token").await;
    let locked = store.change_user(alice.id, UserChange::Active(false)).await.unwrap().unwrap();
    store.sweep(now()).await.unwrap();
    assert!(store.token(digest("token")).await.unwrap() == Some((record, locked)));
}

pub(super) async fn a_sweep_takes_expired_tokens_only(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "short").await;
    let mut long = token(&alice, "long");
    long.record.expires = Some(in_minutes(120));
    store.issue_token(long).await.unwrap();
    assert_eq!(store.sweep(now()).await.unwrap(), 0);
    assert_eq!(store.sweep(in_minutes(61)).await.unwrap(), 1);
    assert!(digests(&*store, alice.id).await == [digest("long")]);
    assert!(is_good(&*store, "long").await);
    assert!(!is_good(&*store, "short").await);
}

pub(super) async fn a_login_that_races_with_logoutall_leaves_no_good_token(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    for round in 0..40 {
        let seen = again(&*store, alice.id).await;
        let text = format!("token{round}");
        let mut race = JoinSet::new();
        let (issuing, login) = (Arc::clone(&store), token(&seen, &text));
        race.spawn(async move { issuing.issue_token(login).await.map(drop) });
        let revoking = Arc::clone(&store);
        race.spawn(async move { revoking.revoke_tokens_of(seen.id, 0).await.map(drop) });
        assert!(race.join_all().await.iter().all(Result::is_ok));
        assert!(!is_good(&*store, &text).await, "round {round}");
        assert!(digests(&*store, alice.id).await.is_empty(), "round {round}");
    }
}

pub(super) async fn logins_at_once_keep_to_the_limit(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let mut race = JoinSet::new();
    for number in 0..30 {
        let store = Arc::clone(&store);
        let token = limited(&alice, &format!("token{number}"), 3, Refuse);
        race.spawn(async move { store.issue_token(token).await.unwrap() });
    }
    let outcomes = race.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Issue::Done).count(), 3);
    assert_eq!(digests(&*store, alice.id).await.len(), 3);
}
