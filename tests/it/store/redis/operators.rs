//! Who is staff, whatever the indexes say.

use super::*;
use authgate::model::email::Email;
use authgate::model::user::UserChange;
use authgate::store::{Item, ItemKind};
use tokio::task::JoinSet;

const STAFF: &str = "authgate:staff";

async fn add_operator(store: &RedisStore, username: &str) -> User {
    let user = add_user(store, username).await;
    store.change_user(user.id, UserChange::Staff(true)).await.unwrap().unwrap()
}

fn indexed(server: &RedisServer, key: &str) -> Vec<String> {
    server.ask(&["ZRANGE", key, "0", "-1"])
}

/// What the indexes should say of the only user.
async fn assert_settled(server: &RedisServer, store: &RedisStore, id: UserId) {
    let user = store.user(id).await.unwrap().unwrap();
    let number = |is_in: bool| if is_in { vec![id.to_string()] } else { Vec::new() };
    assert_eq!(indexed(server, STAFF), number(user.is_staff));
    assert_eq!(indexed(server, "authgate:inactive"), number(!user.is_active));
    let address = format!("{}\0{:020}", user.email.as_str().to_lowercase(), id.0);
    assert_eq!(indexed(server, "authgate:users-by-email"), [address]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_changed_of_a_user_at_once_the_indexes_follow() {
    let server = RedisServer::start();
    let store = Arc::new(open(&server));
    let id = add_user(&store, "alice").await.id;
    for round in 0..40 {
        let mut race = JoinSet::new();
        let address = Email::stored(format!("a{round}@example.com"));
        for change in [
            UserChange::Staff(round % 2 == 0),
            UserChange::Email(address),
            UserChange::Active(round % 3 > 0),
            UserChange::Email(Email::stored("Back@example.com".to_owned())),
        ] {
            let store = Arc::new(open(&server));
            race.spawn(async move { store.change_user(id, change).await.unwrap() });
        }
        let sweeping = Arc::clone(&store);
        race.spawn(async move {
            sweeping.sweep(SystemClock.now()).await.unwrap();
            None
        });
        race.join_all().await;
        assert_settled(&server, &store, id).await;
    }
}

#[tokio::test]
async fn an_operator_whom_no_index_has_is_one() {
    let server = RedisServer::start();
    let store = open(&server);
    for number in 0..600 {
        add_user(&store, &format!("user{number}")).await;
    }
    assert!(!store.has_operator(None).await.unwrap());
    let operator = add_operator(&store, "ada").await;
    server.ask::<u64>(&["ZREM", STAFF, &operator.id.to_string()]);
    assert!(store.has_operator(None).await.unwrap());
    assert!(!store.has_operator(Some(operator.id)).await.unwrap());
}

#[tokio::test]
async fn an_index_makes_nobody_an_operator() {
    let server = RedisServer::start();
    let store = open(&server);
    let id = add_user(&store, "alice").await.id.to_string();
    server.ask::<u64>(&["ZADD", STAFF, &id, &id]);
    server.ask::<u64>(&["ZADD", STAFF, "0", "junk"]);
    assert!(!store.has_operator(None).await.unwrap());
    // Nor does an insertion that stopped half-way.
    let operator = add_operator(&store, "ada").await;
    server.ask::<u64>(&["DEL", "authgate:name:{ada}"]);
    assert!(!store.has_operator(None).await.unwrap());
    assert!(store.user(operator.id).await.unwrap().is_some());
}

#[tokio::test]
async fn that_nobody_is_an_operator_is_not_said_while_a_record_cannot_be_read() {
    let server = RedisServer::start();
    let store = open(&server);
    let broken = add_operator(&store, "ada").await;
    let key = format!("authgate:user:{{{}}}", broken.id);
    server.ask::<u64>(&["HDEL", &key, "epoch"]);
    assert!(matches!(store.has_operator(None).await, Err(StoreError::Corrupt { .. })));
    server.ask::<u64>(&["HSET", &key, "is_staff", "yes"]);
    assert!(matches!(store.has_operator(None).await, Err(StoreError::Corrupt { .. })));
    server.ask::<String>(&["SET", &key, "junk"]);
    assert!(matches!(store.has_operator(None).await, Err(StoreError::Corrupt { .. })));
    // One who can be read is found beside it.
    add_operator(&store, "eve").await;
    assert!(store.has_operator(None).await.unwrap());
}

#[tokio::test]
async fn items_that_cannot_be_read_stop_no_sweep_and_no_deletion() {
    let server = RedisServer::start();
    let store = open(&server);
    let alice = add_user(&store, "alice").await;
    let items = "authgate:items:{session}";
    let mine = format!("- {} {{}}", alice.id);
    for (key, text) in [("x", "junk"), ("y", "- 1"), ("ended", "1 - {}"), ("mine", &mine)] {
        server.ask::<u64>(&["HSET", items, key, text]);
    }
    server.ask::<String>(&["SET", "authgate:items:{network}", "junk"]);
    store.sweep(SystemClock.now()).await.unwrap();
    // They stay, for someone to look at.
    let mut left: Vec<String> = server.ask(&["HKEYS", items]);
    left.sort_unstable();
    assert_eq!(left, ["mine", "x", "y"]);
    assert!(store.delete_user(alice.id).await.unwrap());
    assert_eq!(server.ask::<u64>(&["HLEN", items]), 2);
    assert!(
        !server.ask::<Vec<String>>(&["KEYS", "*"]).contains(&"authgate:name:{alice}".to_owned())
    );
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_not_replaced_by_a_new_one() {
    let server = RedisServer::start();
    let store = open(&server);
    let items = "authgate:items:{totp}";
    let item = Item {
        expires: None,
        key: "7".to_owned(),
        kind: ItemKind::Totp,
        owner: None,
        value: "mine".to_owned(),
    };
    for junk in ["junk", "", "x - y", "- ", "1"] {
        server.ask::<u64>(&["DEL", items]);
        server.ask::<u64>(&["HSET", items, "7", junk]);
        assert!(!store.add_item(&item, SystemClock.now()).await.unwrap(), "{junk:?}");
        assert_eq!(server.ask::<String>(&["HGET", items, "7"]), junk);
    }
}
