//! Many at once, and crashes in the middle.

use super::*;
use authgate::model::user::UserChange;
use authgate::store::PasswordChange;
use redis::AsyncTypedCommands;
use std::sync::Arc;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_a_name() {
    let server = RedisServer::start();
    let stores = [Arc::new(open(&server)), Arc::new(open(&server))];
    let mut attempts = JoinSet::new();
    for attempt in 0..50 {
        let store = stores[attempt % 2].clone();
        attempts.spawn(async move { store.insert_user(new_user("alice")).await.unwrap() });
    }
    let outcomes = attempts.join_all().await;
    let winners: Vec<_> = outcomes.into_iter().filter(|o| *o != Inserted::NameTaken).collect();
    assert_eq!(winners.len(), 1);
    let found = stores[0].user_by_name(&name("alice")).await.unwrap().unwrap();
    assert!(winners[0] == Inserted::Done(found.clone()));
    assert!(stores[1].users_after(None, 100).await.unwrap() == [found]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_survives_the_end_of_all() {
    let server = RedisServer::start();
    let store = Arc::new(open(&server));
    let other = open(&server);
    let user = add_user(&store, "alice").await;
    let mut logins = JoinSet::new();
    for n in 0..50 {
        let (store, token) = (store.clone(), new_token(&user, &format!("t{n}")));
        logins.spawn(async move { store.issue_token(token).await.unwrap() });
    }
    assert!(other.revoke_tokens_of(user.id, 0).await.unwrap());
    let outcomes = logins.join_all().await;
    assert!(outcomes.iter().all(|o| matches!(o, Issue::Done | Issue::UserChanged)));
    assert_eq!(live_tokens(&store, user.id).await, 0);
    for n in 0..50 {
        assert!(!is_live(&other, &format!("t{n}")).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_refuses_holds_for_many_at_once() {
    let server = RedisServer::start();
    let store = Arc::new(open(&server));
    let user = add_user(&store, "alice").await;
    let mut logins = JoinSet::new();
    for n in 0..20 {
        let (store, token) = (store.clone(), limited(&user, &format!("t{n}"), 3, OnLimit::Refuse));
        logins.spawn(async move { store.issue_token(token).await.unwrap() });
    }
    let outcomes = logins.join_all().await;
    assert_eq!(outcomes.iter().filter(|o| **o == Issue::Done).count(), 3);
    assert_eq!(live_tokens(&store, user.id).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_evicts_holds_for_many_at_once() {
    let server = RedisServer::start();
    let stores = [Arc::new(open(&server)), Arc::new(open(&server))];
    let user = add_user(&stores[0], "alice").await;
    let mut logins = JoinSet::new();
    for n in 0..20 {
        let token = limited(&user, &format!("t{n}"), 2, OnLimit::EvictOldest);
        let store = stores[n % 2].clone();
        logins.spawn(async move { store.issue_token(token).await.unwrap() });
    }
    assert!(logins.join_all().await.iter().all(|o| *o == Issue::Done));
    let mut live = 0;
    for n in 0..20 {
        live += usize::from(is_live(&stores[0], &format!("t{n}")).await);
    }
    assert_eq!(live, 2, "a token that is on no list is alive");
    assert_eq!(live_tokens(&stores[0], user.id).await, 2);
}

#[tokio::test]
async fn the_oldest_tokens_make_room() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    for text in ["first", "second", "third"] {
        let mut token = new_token(&user, text);
        // The oldest by creation is not the first to expire.
        if text == "first" {
            token.record.expires = None;
        }
        assert_eq!(store.issue_token(token).await.unwrap(), Issue::Done);
    }
    let token = limited(&user, "fourth", 2, OnLimit::EvictOldest);
    assert_eq!(store.issue_token(token).await.unwrap(), Issue::Done);
    let tokens = store.tokens_of(user.id, SystemClock.now()).await.unwrap();
    let digests: Vec<_> = tokens.iter().map(|token| token.record.digest).collect();
    assert!(digests == [digest("third"), digest("fourth")]);
    assert!(store.token(digest("first")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_limit_of_none_at_all_refuses() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    for on_limit in [OnLimit::Refuse, OnLimit::EvictOldest] {
        let issue = store.issue_token(limited(&user, "t", 0, on_limit)).await.unwrap();
        assert_eq!(issue, Issue::LimitReached);
    }
    assert!(store.user(user.id).await.unwrap().unwrap().last_login.is_none());
}

#[tokio::test]
async fn ended_and_expired_tokens_do_not_count() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    store.issue_token(new_token(&user, "ended")).await.unwrap();
    store.revoke_tokens_of(user.id, 0).await.unwrap();
    let user = store.user(user.id).await.unwrap().unwrap();
    let mut expired = new_token(&user, "expired");
    expired.record.expires = Some(SystemClock.now());
    store.issue_token(expired).await.unwrap();
    let token = limited(&user, "new", 1, OnLimit::Refuse);
    assert_eq!(store.issue_token(token).await.unwrap(), Issue::Done);
    assert_eq!(store.sweep(SystemClock.now()).await.unwrap(), 2);
    assert_eq!(live_tokens(&store, user.id).await, 1);
}

#[tokio::test]
async fn a_revoked_token_cannot_be_extended() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    store.issue_token(new_token(&user, "t")).await.unwrap();
    let later = in_an_hour().plus(Duration::from_mins(1));
    assert!(store.extend_token(digest("t"), later).await.unwrap());
    assert!(store.extend_token(digest("t"), in_an_hour()).await.unwrap());
    assert_eq!(store.token(digest("t")).await.unwrap().unwrap().0.expires, Some(later));
    assert!(store.revoke_token(digest("t")).await.unwrap());
    assert!(!store.revoke_token(digest("t")).await.unwrap());
    assert!(!store.extend_token(digest("t"), later.plus(Duration::from_secs(1))).await.unwrap());
    assert!(store.token(digest("t")).await.unwrap().is_none());
    assert_eq!(live_tokens(&store, user.id).await, 0);
}

#[tokio::test]
async fn microseconds_survive() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    let token = new_token(&user, "t");
    store.issue_token(token.clone()).await.unwrap();
    let (read, owner) = store.token(digest("t")).await.unwrap().unwrap();
    assert!(read == token.record);
    let listed = store.tokens_of(user.id, SystemClock.now()).await.unwrap();
    assert!(listed.iter().map(|token| &token.record).eq([&token.record]));
    assert_eq!(owner.last_login, Some(read.created));
    assert!(owner.joined == user.joined);
}

#[tokio::test]
async fn redis_forgets_an_expired_token() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    let mut token = new_token(&user, "t");
    token.record.expires = Some(SystemClock.now().plus(Duration::from_millis(30)));
    store.issue_token(token).await.unwrap();
    let deadline = in_an_hour();
    while store.token(digest("t")).await.unwrap().is_some() {
        assert!(SystemClock.now() < deadline);
        tokio::task::yield_now().await;
    }
    assert_eq!(store.sweep(SystemClock.now()).await.unwrap(), 1);
}

#[tokio::test]
async fn the_name_of_a_half_deleted_user_is_free() {
    let server = RedisServer::start();
    let store = open(&server);
    let old = add_user(&store, "alice").await;
    raw(&server).await.del(format!("authgate:user:{{{}}}", old.id)).await.unwrap();
    let new = add_user(&store, "alice").await;
    assert!(new.id != old.id);
    assert!(store.user_by_name(&name("alice")).await.unwrap() == Some(new.clone()));
    store.sweep(SystemClock.now()).await.unwrap();
    assert_eq!(raw(&server).await.zcard("authgate:users").await.unwrap(), 1);
    assert!(store.users_after(None, 10).await.unwrap() == [new]);
}

#[tokio::test]
async fn a_half_inserted_user_is_in_no_list() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    raw(&server).await.del("authgate:name:{alice}").await.unwrap();
    assert!(store.users_after(None, 10).await.unwrap().is_empty());
    let again = add_user(&store, "alice").await;
    assert!(again.id != user.id);
    assert!(store.users_after(None, 10).await.unwrap() == [again]);
}

#[tokio::test]
async fn lists_go_on_after_a_number() {
    let server = RedisServer::start();
    let store = open(&server);
    let mut users = Vec::new();
    for n in 0..7 {
        users.push(add_user(&store, &format!("user{n}")).await);
    }
    assert!(store.users_after(None, 3).await.unwrap() == users[..3]);
    assert!(store.users_after(Some(users[2].id), 10).await.unwrap() == users[3..]);
    assert!(store.users_after(Some(users[6].id), 10).await.unwrap().is_empty());
    assert!(store.users_after(None, 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_token_of_a_locked_out_user_is_still_told() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    store.issue_token(new_token(&user, "t")).await.unwrap();
    store.change_user(user.id, UserChange::Active(false)).await.unwrap();
    let (token, owner) = store.token(digest("t")).await.unwrap().unwrap();
    assert!(!owner.is_active && token.epoch != owner.epoch);
    let issue = store.issue_token(new_token(&owner, "u")).await.unwrap();
    assert_eq!(issue, Issue::UserChanged);
    store.change_user(user.id, UserChange::Active(true)).await.unwrap();
    assert!(!is_live(&store, "t").await);
}

#[tokio::test]
async fn the_token_of_a_deleted_user_is_gone() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    store.issue_token(new_token(&user, "t")).await.unwrap();
    assert!(store.delete_user(user.id).await.unwrap());
    assert!(store.token(digest("t")).await.unwrap().is_none());
    assert!(!store.delete_user(user.id).await.unwrap());
    assert!(!store.revoke_tokens_of(user.id, 0).await.unwrap());
    let mut left = raw(&server).await.keys("*").await.unwrap();
    left.sort();
    let marks = [
        // That the number was deleted.
        "authgate:deleted:{0}",
        "authgate:layout",
        "authgate:next-user",
        "authgate:next-user-by:{authgate:next-user}",
    ];
    assert_eq!(left, marks);
}

#[tokio::test]
async fn a_rehash_replaces_only_the_hash_it_saw() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    let rehash = |from, to| UserChange::Rehash { from: hash(from), to: hash(to) };
    let same = store.change_user(user.id, rehash("$other", "$bad")).await.unwrap().unwrap();
    assert!(same == user);
    let better =
        store.change_user(user.id, rehash("$argon2id$first", "$better")).await.unwrap().unwrap();
    assert!(better.password == hash("$better") && better.epoch == user.epoch);
}

#[tokio::test]
async fn every_change_does_what_the_model_does() {
    let server = RedisServer::start();
    let store = open(&server);
    let mut model = add_user(&store, "alice").await;
    let mut epoch = model.epoch;
    for change in [
        UserChange::Staff(true),
        UserChange::Staff(false),
        UserChange::Active(false),
        UserChange::Active(true),
        UserChange::Password { hash: hash("$second"), must_change: false },
        UserChange::Rehash { from: hash("$second"), to: hash("$third") },
        UserChange::Rehash { from: hash("$second"), to: hash("$fourth") },
        UserChange::LoggedIn(crate::store::now()),
    ] {
        change.apply(&mut model);
        let (before, changed) = (epoch, store.change_user(model.id, change.clone()).await.unwrap());
        // Which is the next epoch is the store's own matter.
        epoch = changed.as_ref().unwrap().epoch;
        assert_eq!(epoch > before, change.ends_tokens());
        model.epoch = epoch;
        assert!(changed == Some(model.clone()));
    }
    let nobody = store.change_user(UserId(999), UserChange::Staff(true)).await.unwrap();
    assert!(nobody.is_none());
    assert!(store.user(UserId(999)).await.unwrap().is_none());
}

pub(super) fn new_password(user: &User) -> PasswordChange {
    let (from, to) = (user.password.clone(), hash("second"));
    PasswordChange { from, keep: vec![digest("kept")], to, user: user.id }
}

#[tokio::test]
async fn a_token_is_kept_together_with_the_new_password_whatever_its_own_key_says() {
    let server = RedisServer::start();
    let store = open(&server);
    let alice = add_user(&store, "alice").await;
    store.issue_token(new_token(&alice, "kept")).await.unwrap();
    let mut raw = raw(&server).await;
    let key = raw.keys("authgate:token:*").await.unwrap().pop().unwrap();
    let before: Vec<u8> = redis::cmd("GET").arg(&key).query_async(&mut raw).await.unwrap();
    store.issue_token(new_token(&alice, "other")).await.unwrap();
    assert!(store.replace_password(new_password(&alice)).await.unwrap().is_some());
    assert!(is_live(&store, "kept").await);
    // As a crash between the two steps leaves it.
    raw.set(&key, &before).await.unwrap();
    for _ in 0..2 {
        assert!(is_live(&store, "kept").await && !is_live(&store, "other").await);
        assert_eq!(live_tokens(&store, alice.id).await, 1);
        let page = store.find_tokens(None, 10, SystemClock.now()).await.unwrap();
        assert_eq!(page.tokens.len(), 1);
        store.sweep(SystemClock.now()).await.unwrap();
    }
    let after = store.user(alice.id).await.unwrap().unwrap();
    let again = PasswordChange { from: hash("second"), to: hash("third"), ..new_password(&after) };
    assert!(store.replace_password(again).await.unwrap().is_some());
    raw.set(&key, &before).await.unwrap();
    assert!(is_live(&store, "kept").await);
    let end = in_an_hour().plus(Duration::from_hours(1));
    assert!(store.extend_token(digest("kept"), end).await.unwrap());
    let listed = store.tokens_of(alice.id, SystemClock.now()).await.unwrap();
    assert!(listed.iter().map(|token| token.record.expires).eq([Some(end)]));
    raw.set(&key, before).await.unwrap();
    assert!(store.revoke_token(digest("kept")).await.unwrap());
    let list = format!("authgate:tokens:{{{}}}", alice.id);
    assert_eq!(raw.zcard(list).await.unwrap(), 0);
}

#[tokio::test]
async fn a_kept_token_ends_with_all_others_whatever_its_own_key_says() {
    let server = RedisServer::start();
    let store = open(&server);
    let alice = add_user(&store, "alice").await;
    store.issue_token(new_token(&alice, "kept")).await.unwrap();
    let mut raw = raw(&server).await;
    let key = raw.keys("authgate:token:*").await.unwrap().pop().unwrap();
    let before: Vec<u8> = redis::cmd("GET").arg(&key).query_async(&mut raw).await.unwrap();
    assert!(store.replace_password(new_password(&alice)).await.unwrap().is_some());
    raw.set(&key, &before).await.unwrap();
    assert!(is_live(&store, "kept").await);
    assert!(store.revoke_tokens_of(alice.id, 0).await.unwrap());
    assert!(!is_live(&store, "kept").await);
    assert_eq!(live_tokens(&store, alice.id).await, 0);
}

#[tokio::test]
async fn a_new_password_that_is_written_again_ends_no_token() {
    let server = RedisServer::start();
    let store = open(&server);
    let alice = add_user(&store, "alice").await;
    store.issue_token(new_token(&alice, "kept")).await.unwrap();
    // As when the answer to the first was lost.
    for _ in 0..2 {
        assert!(store.replace_password(new_password(&alice)).await.unwrap().is_some());
        assert!(is_live(&store, "kept").await);
    }
    let after = store.user(alice.id).await.unwrap().unwrap();
    assert!(after.epoch > alice.epoch);
    assert_eq!(live_tokens(&store, alice.id).await, 1);
}
