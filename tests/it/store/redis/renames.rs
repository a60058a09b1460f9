//! What a rename of a source leaves that was stopped.

use super::super::staged::{is_in_order, land, named, stage, user};
use super::landing::{key, keys};
use super::*;
use authgate::store::staging::StagedUser;
use authgate::store::whole::OnConflict;

#[tokio::test]
async fn a_name_that_a_rename_has_left_behind_is_free() {
    let (server, fixture) = shared();
    let store = fixture.store();
    let renamed = StagedUser { username: "lovelace".to_owned(), ..user(1, "ada") };
    land(&fixture, &stage(&[user(1, "ada")], &[]), OnConflict::Skip).await;
    land(&fixture, &stage(std::slice::from_ref(&renamed), &[]), OnConflict::Update).await;
    // As it is where that was stopped before its last step.
    server.ask::<()>(&["SET", "authgate:name:{ada}", "1"]);
    let landed = land(&fixture, &stage(&[user(2, "ada")], &[]), OnConflict::Skip).await;
    assert_eq!(landed.added, 1, "{landed:?}");
    assert_eq!(named(&*store, "ada").await.unwrap().id, UserId(2));
    assert_eq!(named(&*store, "lovelace").await.unwrap().id, UserId(1));
    is_in_order(&fixture.whole()).await;
}

#[tokio::test]
async fn a_rename_that_was_stopped_is_brought_to_its_end_by_the_next() {
    let (server, fixture) = shared();
    let renamed = StagedUser { username: "lovelace".to_owned(), ..user(1, "ada") };
    land(&fixture, &stage(&[user(1, "ada")], &[]), OnConflict::Skip).await;
    land(&fixture, &stage(std::slice::from_ref(&renamed), &[]), OnConflict::Update).await;
    for on_conflict in [OnConflict::Skip, OnConflict::Update] {
        server.ask::<()>(&["SET", "authgate:name:{ada}", "1"]);
        let sorted = format!("ada\0{:020}", 1);
        server.ask::<u64>(&["ZADD", "authgate:users-by-name", "0", &sorted]);
        server.ask::<u64>(&["HSET", &key(1), "former_name", "ada"]);
        let landed = land(&fixture, &stage(std::slice::from_ref(&renamed), &[]), on_conflict).await;
        assert_eq!(landed.unchanged, 1);
        assert!(keys(&server, "*{ada}").is_empty());
        assert!(!server.ask::<bool>(&["HEXISTS", &key(1), "former_name"]));
        assert_eq!(server.ask::<u64>(&["ZCARD", "authgate:users-by-name"]), 1);
        is_in_order(&fixture.whole()).await;
    }
    // And before the name that they are to have was theirs alone.
    server.ask::<()>(&["SET", "authgate:name:{countess}", "1"]);
    let renamed = StagedUser { username: "countess".to_owned(), ..user(1, "ada") };
    let landed = land(&fixture, &stage(&[renamed], &[]), OnConflict::Update).await;
    assert_eq!((landed.updated, landed.renamed), (1, 1));
    assert_eq!(named(&*fixture.store(), "countess").await.unwrap().id, UserId(1));
    is_in_order(&fixture.whole()).await;
}
