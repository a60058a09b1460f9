//! What cannot be read of an account lets nobody in, and hides nothing else.

use super::api::{get, key};
use super::users::page_of;
use super::{Browser, make_operator};
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::redis_server::RedisServer;
use authgate::model::user::UserId;
use authgate::store::redis::RedisStore;
use authgate::store::sqlite::SqliteStore;
use authgate::store::{Item, ItemKind, Store};

/// Tests a gateway on each store, with the store opened beside it.
fn on_each_store(test: impl Fn(&Gateway, &dyn Store)) {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    test(&gateway, &RedisStore::open(&redis.url()).unwrap());
    let gateway = Gateway::start("");
    test(&gateway, &SqliteStore::open(&gateway.folder().join("authgate.db")).unwrap());
}

fn id_of(gateway: &Gateway, name: &str) -> u64 {
    gateway.run(&["user", "show", name, "--json"]).done().json()["id"].as_u64().unwrap()
}

#[tokio::main]
async fn put(store: &dyn Store, item: &Item) {
    store.put_item(item).await.unwrap();
}

#[test]
fn an_authenticator_app_that_cannot_be_read_lets_nobody_in_and_is_reset() {
    for value in ["junk", r#"{"codes":[],"last":0,"secret":"no secret"}"#] {
        on_each_store(|gateway, store| {
            make_operator(gateway, "ada");
            let id = id_of(gateway, "ada");
            let item = Item {
                expires: None,
                key: id.to_string(),
                kind: ItemKind::Totp,
                owner: Some(UserId(id)),
                value: value.to_owned(),
            };
            put(store, &item);
            let mut ada = Browser::of(gateway);
            ada.try_sign_in("ada", PASSWORD);
            assert!(!ada.is_in());
            let mut root = Browser::signed_in(gateway, "root");
            let path = page_of(gateway, "ada");
            let page = root.get(&path);
            assert_eq!((page.status, page.text().contains("cannot be read")), (200, true));
            root.get(&format!("{path}reset-totp/"));
            assert_eq!(
                root.post(&format!("{path}reset-totp/"), &[("own_password", PASSWORD)]).status,
                302
            );
            assert!(!root.get(&path).text().contains("cannot be read"));
            ada.sign_in("ada");
        });
    }
}

/// Checks that a list has alice, and of the damaged one the number.
fn assert_listed(gateway: &Gateway, id: u64) {
    let mut root = Browser::signed_in(gateway, "root");
    for query in ["", "?q=al", "?sort=-joined", "?active=yes"] {
        let page = root.get(&format!("/admin/users/{query}"));
        let text = page.text();
        assert_eq!(page.status, 200, "{query}: {text}");
        assert!(text.contains(">alice<"), "{query}: {text}");
        assert!(query == "?q=al" || text.contains(&format!("number {id} ")), "{query}: {text}");
    }
    let listed = get(gateway, &key(gateway, "root", &[]), "/users").json();
    assert_eq!(listed["unreadable"], serde_json::json!([id]));
    assert_eq!(listed["users"].as_array().unwrap().len(), 2);
    let listed = gateway.run(&["user", "list"]).done();
    assert!(listed.stdout.contains("alice"), "{}", listed.stdout);
    assert!(listed.stderr.contains(&format!("user number {id}")), "{}", listed.stderr);
}

#[test]
fn a_user_who_cannot_be_read_in_redis_hides_no_other() {
    let redis = RedisServer::start();
    let damage: [&dyn Fn(&str); 3] = [
        &|key| {
            redis.ask::<u64>(&["HDEL", key, "epoch"]);
        },
        &|key| {
            redis.ask::<u64>(&["HSET", key, "is_staff", "perhaps"]);
        },
        &|key| {
            redis.ask::<String>(&["SET", key, "junk"]);
        },
    ];
    for damage in damage {
        redis.ask::<String>(&["FLUSHALL"]);
        let gateway = Gateway::start(&redis.settings());
        for name in ["alice", "bob"] {
            gateway.register(name);
        }
        let id = id_of(&gateway, "bob");
        damage(&format!("authgate:user:{{{id}}}"));
        assert_listed(&gateway, id);
    }
}

#[test]
fn a_user_who_cannot_be_read_in_sqlite_hides_no_other() {
    for damage in ["epoch = -1", "email = CAST(x'ff' AS TEXT)"] {
        let gateway = Gateway::start("");
        for name in ["alice", "bob"] {
            gateway.register(name);
        }
        let id = id_of(&gateway, "bob");
        let db = rusqlite::Connection::open(gateway.folder().join("authgate.db")).unwrap();
        db.execute(&format!("UPDATE users SET {damage} WHERE id = {id}"), []).unwrap();
        assert_listed(&gateway, id);
    }
}
