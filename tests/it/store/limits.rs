//! Limits: exact, all or nothing, and shared by all who have the store.

use super::{Fixture, now};
use authgate::clock::Timestamp;
use authgate::model::limit::{AccountKey, Charge, Delay, Familiar, LimitKey, Quota, Rule};
use authgate::model::network::Network;
use authgate::model::user::UserId;
use authgate::store::{Counted, Store};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

fn network(host: u32) -> Network {
    Network::of(IpAddr::V4(Ipv4Addr::from(host)))
}

fn account(name: &str) -> AccountKey {
    AccountKey::like(name)
}

/// Logins from a network, so many in a time.
fn quota(host: u32, count: u32, period: Duration) -> Charge {
    let quota = Quota { count: NonZeroU32::new(count).unwrap(), period };
    Charge { key: LimitKey::LoginsFrom(network(host)), rule: Rule::Quota(quota) }
}

/// Logins of an account, so many for free.
fn delay(name: &str, free: u32, first: Duration) -> Charge {
    let longest = Duration::from_mins(1);
    let rule = Rule::Delay(Delay { first, free, longest });
    Charge { key: LimitKey::LoginsOf(account(name)), rule }
}

async fn taken(store: &dyn Store, charges: &[Charge]) -> usize {
    for count in 0..1_000 {
        if let Counted::Refused { .. } = store.take(charges, now()).await.unwrap() {
            return count;
        }
    }
    panic!("nothing was ever refused")
}

async fn wait(store: &dyn Store, charge: &Charge) -> Duration {
    match store.take(std::slice::from_ref(charge), now()).await.unwrap() {
        Counted::Refused { wait, charge: refused } if refused == *charge => wait,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn a_limit_is_exact_however_many_come_at_once(fixture: Fixture) {
    let charges = [quota(1, 40, Duration::from_hours(1)), delay("ada", 30, Duration::from_mins(1))];
    let stores = [fixture.store(), fixture.another()];
    let mut attempts = JoinSet::new();
    for number in 0..100 {
        let (store, charges) = (Arc::clone(&stores[number % 2]), charges.clone());
        attempts.spawn(async move { store.take(&charges, now()).await.unwrap() });
    }
    let outcomes = attempts.join_all().await;
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Counted::Done(_))).count();
    assert_eq!(done, 30);
    // What was refused by one took nothing of the other.
    assert_eq!(taken(&*stores[0], &charges[..1]).await, 10);
}

pub(super) async fn a_quota_comes_back_evenly(fixture: Fixture) {
    let (store, charge) = (fixture.store(), quota(1, 5, Duration::from_secs(5)));
    assert_eq!(taken(&*store, std::slice::from_ref(&charge)).await, 5);
    let wait = wait(&*store, &charge).await;
    assert!(wait <= Duration::from_secs(1), "{wait:?}");
    tokio::time::sleep(wait).await;
    assert_eq!(taken(&*store, &[charge]).await, 1);
}

pub(super) async fn a_quota_says_what_is_left(fixture: Fixture) {
    let store = fixture.store();
    for left in [2, 1, 0] {
        let counted = store.take(&[quota(1, 3, Duration::from_hours(1))], now()).await.unwrap();
        let Counted::Done(standing) = counted else { panic!("{counted:?}") };
        assert_eq!(standing.left, left);
        assert!(standing.reset > Duration::from_mins(19 * u64::from(3 - left)));
    }
}

pub(super) async fn a_delay_grows(fixture: Fixture) {
    let store = fixture.store();
    let charge = delay("ada", 2, Duration::from_millis(200));
    assert_eq!(taken(&*store, std::slice::from_ref(&charge)).await, 2);
    let first = wait(&*store, &charge).await;
    assert!(first <= Duration::from_millis(200), "{first:?}");
    tokio::time::sleep(first).await;
    assert_eq!(taken(&*store, std::slice::from_ref(&charge)).await, 1);
    let second = wait(&*store, &charge).await;
    let longer = Duration::from_millis(200)..=Duration::from_millis(400);
    assert!(longer.contains(&second), "{second:?}");
}

pub(super) async fn what_is_given_back_can_be_taken_again(fixture: Fixture) {
    let store = fixture.store();
    let hour = Duration::from_hours(1);
    for charge in [quota(1, 3, hour), delay("ada", 3, Duration::from_mins(1))] {
        let charge = std::slice::from_ref(&charge);
        assert_eq!(taken(&*store, charge).await, 3);
        store.give_back(charge).await.unwrap();
        store.give_back(charge).await.unwrap();
        assert_eq!(taken(&*store, charge).await, 2);
    }
}

pub(super) async fn giving_back_what_was_never_taken_gives_nothing(fixture: Fixture) {
    let (store, hour) = (fixture.store(), Duration::from_hours(1));
    for charge in [quota(1, 3, hour), delay("ada", 3, Duration::from_mins(1))] {
        let charge = std::slice::from_ref(&charge);
        for _ in 0..3 {
            store.give_back(charge).await.unwrap();
        }
        assert_eq!(taken(&*store, charge).await, 3);
    }
}

pub(super) async fn limits_are_listed_and_cleared(fixture: Fixture) {
    let (store, another) = (fixture.store(), fixture.another());
    let charges = [quota(1, 1, Duration::from_hours(1)), quota(2, 2, Duration::from_hours(1))];
    for charge in &charges {
        store.take(std::slice::from_ref(charge), now()).await.unwrap();
    }
    let listed = another.limits(now()).await.unwrap();
    let keys: Vec<_> = listed.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys, charges.each_ref().map(|charge| charge.key.to_string()));
    let refused = listed.iter().map(|(_, taken)| taken.until > now()).collect::<Vec<_>>();
    assert_eq!(refused, [true, false]);
    assert_eq!(another.clear_limits(keys).await.unwrap(), 2);
    assert_eq!(store.limits(now()).await.unwrap(), []);
    assert_eq!(taken(&*store, &charges[..1]).await, 1);
}

pub(super) async fn what_is_whole_again_is_not_listed(fixture: Fixture) {
    let store = fixture.store();
    store.take(&[quota(1, 1, Duration::from_millis(50))], now()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    store.sweep(now()).await.unwrap();
    assert_eq!(store.limits(now()).await.unwrap(), []);
}

pub(super) async fn a_familiar_network_is_remembered_until_its_end(fixture: Fixture) {
    let (store, another) = (fixture.store(), fixture.another());
    let familiar = Familiar { network: network(1), user: UserId(7) };
    let soon = now().plus(Duration::from_millis(300));
    store.make_familiar(familiar, soon).await.unwrap();
    // Stores may keep it by the millisecond.
    let until = another.familiar_until(familiar, now()).await.unwrap();
    assert_eq!(until.map(Timestamp::millis_up), Some(soon.millis_up()));
    let others =
        [Familiar { network: network(2), ..familiar }, Familiar { user: UserId(8), ..familiar }];
    for other in others {
        assert_eq!(store.familiar_until(other, now()).await.unwrap(), None);
    }
    tokio::time::sleep(Duration::from_millis(350)).await;
    store.sweep(now()).await.unwrap();
    assert_eq!(store.familiar_until(familiar, now()).await.unwrap(), None);
}

pub(super) async fn of_each_user_a_few_networks_are_remembered(fixture: Fixture) {
    let store = fixture.store();
    let at = |number: u32| Familiar { network: network(number), user: UserId(7) };
    for number in 0..20 {
        let until = now().plus(Duration::from_mins(10 + u64::from(number)));
        store.make_familiar(at(number), until).await.unwrap();
    }
    let mut known = Vec::new();
    for number in 0..20 {
        known.extend(store.familiar_until(at(number), now()).await.unwrap().map(|_| number));
    }
    assert_eq!(known, (4..20).collect::<Vec<_>>());
    store.forget_familiar(UserId(7)).await.unwrap();
    assert_eq!(store.familiar_until(at(19), now()).await.unwrap(), None);
}
