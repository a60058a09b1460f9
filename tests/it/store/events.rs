//! What a store promises of events.

use super::{Store, add, name, now};
use authgate::clock::Timestamp;
use authgate::model::event::{Actor, Event, EventName};
use authgate::model::user::UserId;
use authgate::store::{Cursor, EventBounds, EventQuery};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

const ALL: EventQuery = EventQuery::newest(10_000);

pub(super) async fn events_read_back_as_they_were_kept(store: Arc<dyn Store>) {
    let actors = [client("192.0.2.7"), client("2001:db8::7"), Actor::CommandLine, Actor::Gateway];
    let mut kept = Vec::new();
    for (index, what) in EventName::ALL.iter().enumerate() {
        let minute = index as u64;
        let bare = Event::new(*what, actors[index % 4].clone(), at(minute));
        let user = Some((UserId(minute), name(&format!("josé{minute}"))));
        let full = Event { user, ..bare.clone() }.with("a detail: \"é\" 山");
        kept.push(if index % 3 == 0 { bare } else { full });
    }
    keep(&*store, &kept, 100).await;
    kept.reverse();
    assert_eq!(all(&*store).await, kept);
}

pub(super) async fn an_event_that_is_given_again_is_kept_once(store: Arc<dyn Store>) {
    let events = [event(1), event(2).with("detail"), a_failure(1)];
    keep(&*store, &events, 100).await;
    keep(&*store, &events[..2], 100).await;
    assert_eq!(all(&*store).await.len(), 3);
    let newest = EventQuery { limit: 2, ..ALL };
    assert_eq!(store.events(&newest).await.unwrap().events[0], events[1]);
    assert_eq!(store.events(&newest).await.unwrap().events.len(), 2);
}

pub(super) async fn events_come_the_newest_first(store: Arc<dyn Store>) {
    for minutes in [3, 1, 4, 2] {
        keep(&*store, &[if minutes > 2 { event(minutes) } else { a_failure(minutes) }], 100).await;
    }
    assert_eq!(minutes_of(&all(&*store).await), [4, 3, 2, 1]);
}

pub(super) async fn a_limit_takes_the_newest_events(store: Arc<dyn Store>) {
    let events: Vec<_> = (1..=600).map(event).chain((601..=1_200).map(a_failure)).collect();
    keep(&*store, &events, 10_000).await;
    let newest = store.events(&EventQuery { limit: 3, ..ALL }).await.unwrap().events;
    assert_eq!(minutes_of(&newest), [1_200, 1_199, 1_198]);
    assert_eq!(all(&*store).await.len(), 1_200);
}

pub(super) async fn only_the_events_that_are_wanted_are_told(store: Arc<dyn Store>) {
    let of = |event: Event, id, user| Event { user: Some((UserId(id), name(user))), ..event };
    let events = [
        of(event(1), 1, "alice"),
        of(event(2), 2, "bob"),
        of(a_failure(3), 1, "alice"),
        a_failure(4),
    ];
    keep(&*store, &events, 100).await;
    let wanted = |query| {
        let store = Arc::clone(&store);
        async move { minutes_of(&store.events(&query).await.unwrap().events) }
    };
    let (alice, failures) = (Some(name("alice")), Some(EventName::LoginFailed));
    assert_eq!(wanted(EventQuery { user: alice.clone(), ..ALL }).await, [3, 1]);
    assert_eq!(wanted(EventQuery { name: failures, ..ALL }).await, [4, 3]);
    assert_eq!(wanted(EventQuery { name: failures, user: alice, ..ALL }).await, [3]);
    assert_eq!(wanted(EventQuery { since: Some(at(3)), ..ALL }).await, [4, 3]);
    assert_eq!(wanted(EventQuery { user: Some(name("Alice")), ..ALL }).await, Vec::<u64>::new());
}

pub(super) async fn events_are_found_by_all_that_they_say(store: Arc<dyn Store>) {
    let admin = Actor::Admin(name("ops"), "198.51.100.7".parse().unwrap());
    let events = [
        Event::new(EventName::NetworkDenied, admin, at(1)).with("203.0.113.0/24: ÄRGER"),
        event(2),
        Event::new(EventName::LoginFailed, client("2001:db8::7"), at(3)),
        Event::new(EventName::UserDeleted, Actor::CommandLine, at(4)),
    ];
    keep(&*store, &events, 100).await;
    let wanted = |query| {
        let store = Arc::clone(&store);
        async move { minutes_of(&store.events(&query).await.unwrap().events) }
    };
    let network = |text: &str| Some(text.parse().unwrap());
    assert_eq!(wanted(EventQuery { operator: Some(name("ops")), ..ALL }).await, [1]);
    assert_eq!(wanted(EventQuery { actor: Some("command_line"), ..ALL }).await, [4]);
    assert_eq!(wanted(EventQuery { address: network("192.0.2.7/32"), ..ALL }).await, [2]);
    assert_eq!(wanted(EventQuery { address: network("2001:db8::/64"), ..ALL }).await, [3]);
    assert_eq!(wanted(EventQuery { text: Some("ärger".to_owned()), ..ALL }).await, [1]);
    let span = EventQuery { since: Some(at(2)), until: Some(at(4)), ..ALL };
    assert_eq!(wanted(span).await, [3, 2]);
}

pub(super) async fn pages_of_events_follow_each_other(store: Arc<dyn Store>) {
    // All at few moments, and in two trails.
    let of = |number: u64| {
        let bare =
            if number.is_multiple_of(3) { a_failure(number / 10) } else { event(number / 10) };
        bare.with(number)
    };
    let events: Vec<_> = (0..95).map(of).collect();
    keep(&*store, &events, 1_000).await;
    let (mut found, mut query) = (Vec::new(), EventQuery { limit: 7, ..ALL });
    loop {
        let page = store.events(&query).await.unwrap();
        assert!(page.events.len() <= 7);
        found.extend(page.events);
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
        // What comes meanwhile is on no later page.
        keep(&*store, &[event(1_000).with(found.len())], 1_000).await;
    }
    assert_eq!(minutes_of(&found), (0..95).rev().map(|number| number / 10).collect::<Vec<_>>());
    assert_eq!(found.iter().collect::<HashSet<_>>().len(), 95);
}

pub(super) async fn news_of_events_come_once_and_in_their_order(store: Arc<dyn Store>) {
    keep(&*store, &[event(1), a_failure(1)], 100).await;
    let start = store.news_of_events(None, 10).await.unwrap();
    assert_eq!(start.events, []);
    // Also what is older than what was told: it may have waited for the store.
    let late = [event(5), event(2), event(5).with("the same moment")];
    keep(&*store, &late, 100).await;
    let news = store.news_of_events(Some(&start.place), 2).await.unwrap();
    assert_eq!(news.events, late[..2]);
    keep(&*store, &[a_failure(3)], 100).await;
    let rest = store.news_of_events(Some(&news.place), 10).await.unwrap();
    assert_eq!(rest.events, [a_failure(3), late[2].clone()]);
    let none = store.news_of_events(Some(&rest.place), 10).await.unwrap();
    assert_eq!((none.events.len(), none.place), (0, rest.place));
    let forged = Cursor("users=1 OR 1=1,anyone=+,operators=over".to_owned());
    assert_eq!(store.news_of_events(Some(&forged), 10).await.unwrap().events, []);
}

pub(super) async fn the_newest_events_are_kept_within_the_bounds(store: Arc<dyn Store>) {
    for minutes in 1..=30 {
        keep(&*store, &[event(minutes)], 10).await;
        assert!(all(&*store).await.len() <= 10);
    }
    assert_eq!(minutes_of(&all(&*store).await), (21..=30).rev().collect::<Vec<_>>());
}

pub(super) async fn what_anyone_can_cause_flushes_nothing_else(store: Arc<dyn Store>) {
    let users = Event::new(EventName::LoginSucceeded, client("192.0.2.7"), at(1));
    let operators = Event::new(EventName::UserDeleted, Actor::CommandLine, at(2));
    keep(&*store, &[users.clone(), operators.clone()], 10).await;
    let names = [EventName::LoginFailed, EventName::LimitReached, EventName::Registered];
    for minutes in 3..=200 {
        let name = names[usize::try_from(minutes).unwrap() % names.len()];
        keep(&*store, &[Event::new(name, client("192.0.2.66"), at(minutes))], 10).await;
    }
    let left = all(&*store).await;
    assert_eq!(left.len(), 12);
    assert_eq!(left[10..], [operators, users]);
}

pub(super) async fn what_users_do_flushes_nothing_that_operators_did(store: Arc<dyn Store>) {
    let changed = |actor, minutes| Event::new(EventName::PasswordChanged, actor, at(minutes));
    let operators = changed(Actor::CommandLine, 1);
    keep(&*store, std::slice::from_ref(&operators), 10).await;
    let busy: Vec<_> = (2..=100).map(|minutes| changed(client("192.0.2.66"), minutes)).collect();
    keep(&*store, &busy, 10).await;
    let left = all(&*store).await;
    assert_eq!((left.len(), left.last()), (11, Some(&operators)));
}

pub(super) async fn a_sweep_takes_the_events_that_are_too_old(store: Arc<dyn Store>) {
    let events: Vec<_> = (1..=1_100).map(a_failure).chain((1..=5).map(event)).collect();
    keep(&*store, &events, 10_000).await;
    store.sweep_events(EventBounds { most: 10_000, since: at(1_098) }).await.unwrap();
    assert_eq!(minutes_of(&all(&*store).await), [1_100, 1_099, 1_098]);
}

pub(super) async fn a_sweep_brings_events_within_narrower_bounds(store: Arc<dyn Store>) {
    let events: Vec<_> = (1..=2_500).map(event).collect();
    keep(&*store, &events, 10_000).await;
    store.sweep_events(EventBounds { most: 2, since: at(0) }).await.unwrap();
    assert_eq!(minutes_of(&all(&*store).await), [2_500, 2_499]);
    store.sweep_events(EventBounds { most: 0, since: at(0) }).await.unwrap();
    assert_eq!(all(&*store).await, []);
    keep(&*store, &[event(1)], 10).await;
    assert_eq!(minutes_of(&all(&*store).await), [1]);
}

pub(super) async fn events_outlive_their_user(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let deleted = Event::new(EventName::UserDeleted, Actor::CommandLine, now()).of(&alice);
    keep(&*store, std::slice::from_ref(&deleted), 10).await;
    assert!(store.delete_user(alice.id).await.unwrap());
    let query = EventQuery { user: Some(name("alice")), ..ALL };
    assert_eq!(store.events(&query).await.unwrap().events, [deleted]);
}

async fn keep(store: &dyn Store, events: &[Event], most: u64) {
    store.keep_events(events, EventBounds { most, since: at(0) }).await.unwrap();
}

async fn all(store: &dyn Store) -> Vec<Event> {
    store.events(&ALL).await.unwrap().events
}

/// A moment that is the same in all of a test.
fn at(minutes: u64) -> Timestamp {
    Timestamp::from_micros(1_795_503_694_000_001).plus(Duration::from_mins(minutes))
}

fn minutes_of(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.at.since(at(0)).as_secs() / 60).collect()
}

fn event(minutes: u64) -> Event {
    Event::new(EventName::LoginSucceeded, client("192.0.2.7"), at(minutes))
}

fn a_failure(minutes: u64) -> Event {
    Event::new(EventName::LoginFailed, client("192.0.2.66"), at(minutes))
}

fn client(address: &str) -> Actor {
    Actor::Client(address.parse().unwrap())
}
