//! What a source takes in Redis, and what is believed of one in which nobody is.

use super::super::staged::{land, named, order, stage, token, try_to_land, user};
use super::*;
use authgate::store::staging::Staging;
use authgate::store::whole::OnConflict;

fn source(numbers: std::ops::RangeInclusive<u64>) -> Staging {
    let users: Vec<_> = numbers.clone().map(|n| user(n, &format!("user{n}"))).collect();
    let two = |n| [token(n, &format!("a{n}")), token(n, &format!("b{n}"))];
    stage(&users, &numbers.flat_map(two).collect::<Vec<_>>())
}

fn used(server: &RedisServer) -> u64 {
    let about: String = server.ask(&["INFO", "memory"]);
    let used = about.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    used.trim().parse().unwrap()
}

fn bound(server: &RedisServer, most: u64) {
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", &most.to_string()]);
}

#[tokio::test]
async fn what_has_no_room_is_refused_before_anything_is_written() {
    let (server, fixture) = shared();
    fixture.store().ping().await.unwrap();
    let begun = used(&server);
    // For some of it.
    bound(&server, begun + (2 << 20));
    for on_conflict in [OnConflict::Skip, OnConflict::Update, OnConflict::Fail] {
        let refused = try_to_land(&fixture, &source(1..=2_000), &order(on_conflict)).await;
        let words = refused.unwrap_err().to_string();
        for told in ["2000 new users and 4000 tokens", "maxmemory", "nothing was written"] {
            assert!(words.contains(told), "{told}: {words}");
        }
        assert_eq!(server.ask::<u64>(&["DBSIZE"]), 0);
    }
    bound(&server, begun + (8 << 20));
    let landed = land(&fixture, &source(1..=2_000), OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added), (2_000, 4_000));
    // What is there takes no more, whether there is room or not.
    bound(&server, used(&server) + (1 << 18));
    for on_conflict in [OnConflict::Skip, OnConflict::Update, OnConflict::Fail] {
        let landed = land(&fixture, &source(1..=2_000), on_conflict).await;
        assert_eq!(landed.unchanged, 2_000);
    }
    assert!(try_to_land(&fixture, &source(1..=4_000), &order(OnConflict::Skip)).await.is_err());
    bound(&server, 0);
    land(&fixture, &source(1..=4_000), OnConflict::Skip).await;
}

#[tokio::test]
async fn what_a_source_takes_is_about_what_is_thought() {
    let (server, fixture) = shared();
    fixture.store().ping().await.unwrap();
    let before = used(&server);
    land(&fixture, &source(100_001..=108_192), OnConflict::Skip).await;
    let taken = used(&server) - before;
    let thought = 8_192 * (1_080 + 2 * 580);
    assert!((thought * 2 / 3..thought * 4 / 3).contains(&taken), "{taken}, not {thought}");
}

/// Somebody is there of whom the index knows nothing.
#[tokio::test]
async fn an_index_that_is_lost_is_not_taken_for_a_store_without_anybody() {
    let (server, fixture) = shared();
    let store = open(&server);
    add_user(&store, "ada").await;
    for key in ["users", "indexed:1", "census"] {
        server.ask::<u64>(&["DEL", &format!("authgate:{key}")]);
    }
    land(&fixture, &source(10..=20), OnConflict::Skip).await;
    assert_eq!(server.ask::<u64>(&["EXISTS", "authgate:indexed:1", "authgate:census"]), 0);
    assert!(store.wants_sweep().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_registers_meanwhile_leaves_the_indexes_to_a_sweep() {
    let (server, fixture) = shared();
    let store = open(&server);
    let progress = |_: &str, _: u64| {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                if named(&store, "ada").await.is_none() {
                    add_user(&store, "ada").await;
                }
            });
        });
    };
    let order = order(OnConflict::Skip);
    fixture.whole().land(&source(10..=20), &order, &progress).await.unwrap();
    assert_eq!(server.ask::<u64>(&["EXISTS", "authgate:indexed:1", "authgate:census"]), 0);
    let (server, fixture) = shared();
    land(&fixture, &source(10..=20), OnConflict::Skip).await;
    assert_eq!(server.ask::<u64>(&["EXISTS", "authgate:indexed:1", "authgate:census"]), 2);
}
