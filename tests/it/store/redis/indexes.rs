//! Indexes that an older gateway has not made, or has left behind.

use super::*;
use authgate::model::user::UserChange;
use authgate::store::{UserColumn, UserOrder, UserQuery};
use tokio::task::JoinSet;

const INDEXES: [&str; 7] = [
    "authgate:users-by-name",
    "authgate:users-by-email",
    "authgate:users-by-login",
    "authgate:users-by-tokens",
    "authgate:staff",
    "authgate:inactive",
    "authgate:recent-tokens",
];
const MARK: &str = "authgate:indexed:1";

fn query(by: UserColumn) -> UserQuery {
    let order = UserOrder { by, is_descending: false };
    UserQuery { after: None, is_active: None, is_staff: None, limit: 100, order, prefix: None }
}

async fn names(store: &RedisStore, query: &UserQuery) -> Vec<String> {
    let page = store.find_users(query, SystemClock.now()).await.unwrap();
    page.users.iter().map(|listed| listed.user.username.to_string()).collect()
}

/// Takes away what an older version does not know.
fn make_old(server: &RedisServer) {
    for key in INDEXES.into_iter().chain([MARK]) {
        server.ask::<u64>(&["DEL", key]);
    }
}

fn cardinality(server: &RedisServer, key: &str) -> u64 {
    server.ask(&["ZCARD", key])
}

#[tokio::test]
async fn a_store_from_before_the_indexes_gets_them_by_a_sweep() {
    let server = RedisServer::start();
    let store = open(&server);
    for username in ["carol", "alice", "bob"] {
        let user = add_user(&store, username).await;
        store.issue_token(new_token(&user, username)).await.unwrap();
    }
    let bob = store.user_by_name(&name("bob")).await.unwrap().unwrap();
    store.change_user(bob.id, UserChange::Active(false)).await.unwrap();
    make_old(&server);
    assert!(store.wants_sweep().await.unwrap());
    // Until then few users are found as ever.
    assert_eq!(names(&store, &query(UserColumn::Username)).await, ["alice", "bob", "carol"]);
    store.sweep(SystemClock.now()).await.unwrap();
    assert!(!store.wants_sweep().await.unwrap());
    let lengths = INDEXES.map(|key| cardinality(&server, key));
    // A token of someone who is locked out is there until its end, and is not found.
    assert_eq!(lengths, [3, 3, 3, 3, 0, 1, 3]);
    for by in [UserColumn::Username, UserColumn::LastLogin, UserColumn::Tokens] {
        assert_eq!(names(&store, &query(by)).await.len(), 3);
    }
    let tokens = store.find_tokens(None, 10, SystemClock.now()).await.unwrap().tokens;
    assert_eq!(tokens.len(), 2);
}

#[tokio::test]
async fn a_sweep_that_stops_half_way_is_made_up_for_by_the_next() {
    let server = RedisServer::start();
    let store = open(&server);
    for number in 0..400 {
        add_user(&store, &format!("user{number}")).await;
    }
    make_old(&server);
    let mut sweep = store.sweep(SystemClock.now());
    // It goes on only where it is asked to, and the thread looks in between.
    while cardinality(&server, INDEXES[0]) == 0 {
        tokio::select! {
            biased;
            done = &mut sweep => panic!("over before it was stopped: {done:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(sweep);
    let indexed = cardinality(&server, INDEXES[0]);
    assert!((1..400).contains(&indexed), "{indexed}");
    assert!(store.wants_sweep().await.unwrap());
    store.sweep(SystemClock.now()).await.unwrap();
    assert!(!store.wants_sweep().await.unwrap());
    assert_eq!(cardinality(&server, INDEXES[0]), 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_may_sweep_at_once() {
    let server = RedisServer::start();
    let store = Arc::new(open(&server));
    for number in 0..50 {
        add_user(&store, &format!("user{number}")).await;
    }
    make_old(&server);
    let mut sweeps = JoinSet::new();
    for _ in 0..4 {
        let store = Arc::new(open(&server));
        sweeps.spawn(async move { store.sweep(SystemClock.now()).await });
    }
    assert!(sweeps.join_all().await.iter().all(Result::is_ok));
    assert_eq!(INDEXES.map(|key| cardinality(&server, key)), [50, 50, 50, 50, 0, 0, 0]);
}

#[tokio::test]
async fn what_an_older_gateway_does_meanwhile_shows_after_a_sweep() {
    let server = RedisServer::start();
    let store = open(&server);
    for username in ["alice", "bob", "carol"] {
        add_user(&store, username).await;
    }
    store.sweep(SystemClock.now()).await.unwrap();
    // It lets one go, makes one staff, and adds one.
    server.ask::<u64>(&["DEL", "authgate:user:{1}", "authgate:name:{alice}"]);
    server.ask::<u64>(&["ZREM", "authgate:users", "1"]);
    server.ask::<u64>(&["HSET", "authgate:user:{2}", "is_staff", "1", "is_active", "0"]);
    let dave = add_user(&store, "dave").await;
    for key in &INDEXES[..2] {
        server.ask::<u64>(&["ZREM", key, &format!("dave\0{:020}", dave.id.0)]);
    }
    // Whoever is gone is nowhere found even before.
    assert_eq!(names(&store, &query(UserColumn::Username)).await, ["bob", "carol"]);
    store.sweep(SystemClock.now()).await.unwrap();
    for by in [UserColumn::Username, UserColumn::Email, UserColumn::LastLogin, UserColumn::Tokens] {
        assert_eq!(names(&store, &query(by)).await, ["bob", "carol", "dave"]);
    }
    let staff = UserQuery { is_staff: Some(true), ..query(UserColumn::Joined) };
    assert_eq!(names(&store, &staff).await, ["bob"]);
    let census = store.census(SystemClock.now()).await.unwrap();
    assert_eq!((census.users, census.staff, census.inactive), (3, 1, 1));
    store.sweep(SystemClock.now()).await.unwrap();
    assert_eq!(INDEXES.map(|key| cardinality(&server, key)), [3, 3, 3, 3, 1, 1, 0]);
}

/// Adds so many users past the store that it cannot gather and sort them.
fn add_many(server: &RedisServer, count: u64, named: impl Fn(u64) -> (String, String)) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let mut write = redis::pipe();
    for id in 1..=count {
        let (name, email) = named(id);
        let fields = [
            ("username", name.as_str()),
            ("email", &email),
            ("password", "!"),
            ("is_active", "1"),
            ("is_staff", "0"),
            ("joined", "1"),
            ("epoch", "0"),
        ];
        write.hset_multiple(format!("authgate:user:{{{id}}}"), &fields);
        write.set(format!("authgate:name:{{{name}}}"), id).zadd("authgate:users", id, id);
    }
    write.query::<()>(&mut connection).unwrap();
}

#[tokio::test]
async fn a_prefix_that_very_many_have_is_found_in_order_of_name_without_empty_pages() {
    let server = RedisServer::start();
    let store = open(&server);
    // Of 12,000, the last 5,500 begin so; the last 100 of these by their address alone.
    add_many(&server, 12_000, |id| match id {
        0..=6_500 => (format!("other{id}"), String::new()),
        6_501..=11_900 => (format!("Zed{id:05}"), format!("zed{id}@example.com")),
        _ => (format!("another{id}"), format!("ZED{id}@example.com")),
    });
    store.sweep(SystemClock.now()).await.unwrap();
    for (by, is_descending) in [
        (UserColumn::LastLogin, false),
        (UserColumn::Joined, true),
        (UserColumn::Username, true),
        (UserColumn::Email, false),
    ] {
        let order = UserOrder { by, is_descending };
        let prefix = Some("zeD".to_owned());
        let mut wanted = UserQuery { order, prefix, limit: 2_000, ..query(by) };
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            let page = store.find_users(&wanted, SystemClock.now()).await.unwrap();
            let sorted = if by == UserColumn::Email { by } else { UserColumn::Username };
            assert!(page.by == sorted);
            assert!(pages >= 2 || page.users.len() == wanted.limit);
            found.extend(page.users.iter().map(|listed| listed.user.username.to_string()));
            pages += 1;
            wanted.after = page.next;
            if wanted.after.is_none() {
                break;
            }
        }
        assert!(found.len() == 5_500 && pages <= 4, "{order:?}: {pages}");
        if by != UserColumn::Email {
            let (named, others) = found.split_at(5_400);
            let mut named = named.to_vec();
            if by == UserColumn::Username {
                named.reverse();
            }
            assert!(named.is_sorted() && named.iter().all(|name| name.starts_with("Zed")));
            assert!(others.iter().all(|name| name.starts_with("another")));
        }
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 5_500, "{order:?}");
    }
}

#[tokio::test]
async fn a_walk_past_very_many_goes_on_until_someone_is_found() {
    let server = RedisServer::start();
    let store = open(&server);
    // Of 12,000, the last 5,500 begin so; the first ones and the very last are locked out.
    add_many(&server, 12_000, |id| match id {
        0..=6_500 => (format!("other{id}"), String::new()),
        _ => (format!("zed{id:05}"), String::new()),
    });
    let client = redis::Client::open(server.url()).unwrap();
    let mut write = redis::pipe();
    for id in (1..=6_500).chain([12_000]) {
        write.hset(format!("authgate:user:{{{id}}}"), "is_active", "0");
    }
    write.query::<()>(&mut client.get_connection().unwrap()).unwrap();
    store.sweep(SystemClock.now()).await.unwrap();
    let prefix = Some("zed".to_owned());
    let wanted = UserQuery { is_active: Some(false), prefix, ..query(UserColumn::Username) };
    let page = store.find_users(&wanted, SystemClock.now()).await.unwrap();
    let names: Vec<_> = page.users.iter().map(|listed| listed.user.username.as_str()).collect();
    assert_eq!(names, ["zed12000"]);
}
