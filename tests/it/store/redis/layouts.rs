//! What an older version has written.

use super::*;
use authgate::store::ListedToken;

/// Takes tokens back to how the first version of the layout had them.
fn make_first(server: &RedisServer, user: &User, texts: &[&str]) {
    let keys: Vec<String> = server.ask(&["KEYS", "authgate:token*"]);
    for key in keys {
        server.ask::<u64>(&["DEL", &key]);
    }
    server.ask::<u64>(&["DEL", "authgate:recent-tokens", "authgate:layout"]);
    let list = format!("authgate:user-tokens:{{{}}}", user.id);
    let notes = format!("authgate:token-notes:{{{}}}", user.id);
    let (created, expires) = (SystemClock.now().micros(), in_an_hour().micros());
    for text in texts {
        let hex = hex::encode(digest(text).as_bytes());
        let record = format!("{} {created} {expires} {}", user.id, user.epoch);
        let entry = format!("{created:020}:{}:{hex}", user.epoch);
        let end = (expires / 1000).to_string();
        server.ask::<()>(&["SET", &format!("authgate:token:{{{hex}}}"), &record, "PXAT", &end]);
        server.ask::<u64>(&["ZADD", &list, &expires.to_string(), &entry]);
        let about = r#"{"name":"of old","address":"192.0.2.1"}"#;
        server.ask::<u64>(&["HSET", &notes, &format!("issue:{hex}"), about]);
        server.ask::<u64>(&["HSET", &notes, &format!("use:{hex}"), "1000000 192.0.2.2"]);
        let member = format!("{}:{hex}", user.id);
        server.ask::<u64>(&["ZADD", "authgate:recent-tokens", "1000000", &member]);
    }
}

#[tokio::test]
async fn tokens_of_the_first_version_live_on_and_end_as_ever() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    make_first(&server, &user, &["one", "two"]);
    store.make_newest().await.unwrap();
    assert!(is_live(&store, "one").await && is_live(&store, "two").await);
    let listed = store.tokens_of(user.id, SystemClock.now()).await.unwrap();
    let noted = |token: &ListedToken| {
        let about = &token.about;
        about.name.as_deref() == Some("of old") && about.last_used.is_some()
    };
    assert!(listed.len() == 2 && listed.iter().all(noted));
    let recent = store.find_tokens(None, 10, SystemClock.now()).await.unwrap();
    assert_eq!(recent.tokens.len(), 2);
    assert!(store.revoke_token(digest("one")).await.unwrap());
    assert!(store.revoke_tokens_of(user.id, user.epoch).await.unwrap());
    assert!(!is_live(&store, "one").await && !is_live(&store, "two").await);
    let old: Vec<String> = server.ask(&["KEYS", "authgate:user-tokens*"]);
    assert!(old.is_empty(), "{old:?}");
    assert_eq!(server.ask::<u32>(&["GET", "authgate:layout"]), 4);
}

#[tokio::test]
async fn an_update_that_was_cut_off_is_brought_to_its_end() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    make_first(&server, &user, &["one", "two", "three"]);
    // As far as an earlier attempt came: one token is written anew, and its list was not let go.
    let hex = hex::encode(digest("one").as_bytes());
    store.issue_token(new_token(&user, "one")).await.unwrap();
    server.ask::<u64>(&["DEL", &format!("authgate:token:{{{hex}}}")]);
    server.ask::<u64>(&["DEL", "authgate:layout"]);
    let store = open(&server);
    store.make_newest().await.unwrap();
    for text in ["one", "two", "three"] {
        assert!(is_live(&store, text).await, "{text}");
    }
    assert_eq!(live_tokens(&store, user.id).await, 3);
}

#[tokio::test]
async fn an_empty_server_is_of_the_newest_version() {
    let server = RedisServer::start();
    open(&server).make_newest().await.unwrap();
    assert_eq!(server.ask::<u32>(&["GET", "authgate:layout"]), 4);
}

#[tokio::test]
async fn what_the_second_version_has_written_is_read_as_it_is() {
    let server = RedisServer::start();
    let store = open(&server);
    let user = add_user(&store, "alice").await;
    store.issue_token(new_token(&user, "one")).await.unwrap();
    server.ask::<String>(&["SET", "authgate:layout", "2"]);
    let store = open(&server);
    store.refuse_half().await.unwrap();
    assert!(is_live(&store, "one").await);
    store.make_newest().await.unwrap();
    assert_eq!(server.ask::<u32>(&["GET", "authgate:layout"]), 4);
    assert_eq!(live_tokens(&store, user.id).await, 1);
}

#[tokio::test]
async fn a_token_of_the_first_version_is_found_by_whoever_asks_first() {
    let server = RedisServer::start();
    let user = add_user(&open(&server), "alice").await;
    make_first(&server, &user, &["one"]);
    assert!(is_live(&open(&server), "one").await);
}

#[tokio::test]
async fn while_another_brings_tokens_up_to_date_none_is_said_to_be_nobodys() {
    let server = RedisServer::start();
    let user = add_user(&open(&server), "alice").await;
    make_first(&server, &user, &["one"]);
    server.ask::<String>(&["SET", "authgate:lock:{layout}", "another", "PX", "60000"]);
    let store = open(&server);
    assert!(matches!(store.token(digest("one")).await, Err(StoreError::Unavailable(_))));
    server.ask::<u64>(&["DEL", "authgate:lock:{layout}"]);
    assert!(is_live(&store, "one").await);
}
