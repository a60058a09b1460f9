//! What a server that takes over may not have: the last numbers of users, the last epochs.

use super::{add_user, is_live, new_token, open};
use crate::harness::redis_server::RedisServer;
use authgate::model::user::{User, UserChange};
use authgate::store::Store;
use std::time::Duration;

const COUNT: &str = "authgate:next-user";
const SERVER: &str = "authgate:next-user-by:{authgate:next-user}";

#[tokio::test]
async fn users_are_numbered_from_one_on() {
    let server = RedisServer::start();
    let store = open(&server);
    for number in 1..4 {
        assert_eq!(add_user(&store, &format!("user{number}")).await.id.0, number);
    }
}

#[tokio::test]
async fn a_number_that_was_seen_is_given_to_nobody_else() {
    let server = RedisServer::start();
    let [one, other] = [(); 2].map(|()| open(&server));
    let [first, last] = [add_user(&one, "alice").await, add_user(&one, "bob").await];
    assert!(other.user(last.id).await.unwrap().is_some());
    server.ask::<()>(&["FLUSHALL"]);
    for store in [other, one] {
        let next = add_user(&store, &format!("user{}", last.id.0)).await;
        assert!(next.id > last.id && next.id > first.id);
        server.ask::<()>(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn numbers_that_another_server_may_have_given_out_are_left_out() {
    let mut server = RedisServer::start();
    let before = add_user(&open(&server), "alice").await;
    // What a replica had not got that took over: nobody here has seen it.
    server.ask::<()>(&["SET", SERVER, "another"]);
    let after = add_user(&open(&server), "bob").await;
    assert!(after.id.0 > before.id.0 + 500, "{}", after.id);
    let next = add_user(&open(&server), "carol").await;
    assert_eq!(next.id.0, after.id.0 + 1);
    server.restart();
    assert!(add_user(&open(&server), "dave").await.id.0 > next.id.0 + 500);
}

#[tokio::test]
async fn a_new_user_takes_nobodys_place_where_the_count_alone_is_lost() {
    let server = RedisServer::start();
    let alice = add_user(&open(&server), "alice").await;
    server.ask::<()>(&["DEL", COUNT, SERVER]);
    let store = open(&server);
    let bob = add_user(&store, "bob").await;
    assert!(bob.id != alice.id);
    assert!(store.user(alice.id).await.unwrap() == Some(alice));
}

/// Takes a user back to an epoch, as a failover may.
fn lose(server: &RedisServer, user: &User) {
    let key = format!("authgate:user:{{{}}}", user.id);
    server.ask::<u64>(&["HSET", &key, "epoch", &user.epoch.to_string()]);
}

#[tokio::test]
async fn an_epoch_that_was_lost_does_not_come_again() {
    let server = RedisServer::start();
    let store = open(&server);
    let before = add_user(&store, "alice").await;
    store.revoke_tokens_of(before.id, before.epoch).await.unwrap();
    let between = store.user(before.id).await.unwrap().unwrap();
    store.issue_token(new_token(&between, "ended")).await.unwrap();
    store.revoke_tokens_of(before.id, between.epoch).await.unwrap();
    for end in 0..3 {
        // Nobody becomes the primary within the millisecond.
        tokio::time::sleep(Duration::from_millis(2)).await;
        lose(&server, &before);
        match end {
            0 => assert!(store.revoke_tokens_of(before.id, 0).await.unwrap()),
            1 => drop(store.change_user(before.id, UserChange::Staff(true)).await.unwrap()),
            _ => {
                let change = super::races::new_password(&before);
                assert!(store.replace_password(change).await.unwrap().is_some());
            }
        }
        assert!(!is_live(&store, "ended").await, "{end}");
    }
}

#[tokio::test]
async fn what_is_known_to_have_ended_stays_so_by_any_clock() {
    let server = RedisServer::start();
    let store = open(&server);
    let alice = add_user(&store, "alice").await;
    let ended = User { epoch: 1 << 52, ..alice.clone() };
    lose(&server, &ended);
    store.issue_token(new_token(&ended, "ended")).await.unwrap();
    lose(&server, &alice);
    store.revoke_tokens_of(alice.id, ended.epoch).await.unwrap();
    assert_eq!(store.user(alice.id).await.unwrap().unwrap().epoch, ended.epoch + 1);
    assert!(!is_live(&store, "ended").await);
}
