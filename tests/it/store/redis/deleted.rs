//! How deleted users are noted.

use super::super::staged::{is_in_order, land, stage, user, verified};
use super::*;
use authgate::store::staging::Refusal;
use authgate::store::whole::{Mend, OnConflict};

#[tokio::test]
async fn a_deletion_takes_few_bytes() {
    let (server, fixture) = shared();
    let users: Vec<_> = (1..=600).map(|number| user(number, &format!("user{number}"))).collect();
    land(&fixture, &stage(&users, &[]), OnConflict::Skip).await;
    for number in 1..=600 {
        assert!(fixture.store().delete_user(UserId(number)).await.unwrap(), "{number}");
    }
    let mut bytes = 0;
    for (key, members) in [("authgate:deleted:{0}", 511), ("authgate:deleted:{1}", 89)] {
        assert_eq!(server.ask::<u64>(&["SCARD", key]), members);
        assert_eq!(server.ask::<String>(&["OBJECT", "ENCODING", key]), "intset");
        bytes += server.ask::<u64>(&["MEMORY", "USAGE", key]);
    }
    assert!(bytes < 600 * 3, "{bytes}");
    let landed = land(&fixture, &stage(&users, &[]), OnConflict::Skip).await;
    assert_eq!(landed.refused.get(&Refusal::NumberGone), Some(&600));
    is_in_order(&fixture.whole()).await;
}

#[tokio::test]
async fn what_is_noted_is_gone_through() {
    let (server, fixture) = shared();
    land(&fixture, &stage(&[user(7, "ada"), user(77_777, "bob")], &[]), OnConflict::Skip).await;
    for number in [7, 77_777] {
        assert!(fixture.store().delete_user(UserId(number)).await.unwrap());
    }
    // The number of somebody who was deleted is given to nobody.
    server.ask::<()>(&["SET", "authgate:next-user", "9"]);
    let [finding] = verified(&fixture.whole(), false).await.try_into().unwrap();
    assert!(finding.words.contains("77777") && finding.mend == Mend::Possible, "{finding:?}");
    verified(&fixture.whole(), true).await;
    is_in_order(&fixture.whole()).await;
    assert_eq!(server.ask::<u64>(&["GET", "authgate:next-user"]), 77_777);
    server.ask::<()>(&["SADD", "authgate:deleted:{0}", "x"]);
    let [finding] = verified(&fixture.whole(), false).await.try_into().unwrap();
    assert!(finding.words.contains("authgate:deleted:{0} cannot be read"), "{finding:?}");
    let rooms = fixture.whole().stats(SystemClock.now()).await.unwrap().rooms;
    assert!(rooms.iter().any(|room| room.what == "deleted" && room.count == 2));
}
