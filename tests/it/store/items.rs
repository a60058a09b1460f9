//! What a store promises of the small things that it keeps for the console, and of what is counted.

use super::{Store, in_minutes, now};
use authgate::clock::Timestamp;
use authgate::store::{Count, Item, ItemKind, Series};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

fn item(key: &str, value: &str, expires: Option<Timestamp>) -> Item {
    Item {
        expires,
        key: key.to_owned(),
        kind: ItemKind::Network,
        owner: None,
        value: value.to_owned(),
    }
}

async fn value(store: &dyn Store, key: &str) -> Option<String> {
    store.item(ItemKind::Network, key, now()).await.unwrap().map(|item| item.value)
}

pub(super) async fn an_item_reads_back_and_is_replaced(store: Arc<dyn Store>) {
    for text in ["", "{\"a\": 1}", "two words\nand lines", "é\u{1f525}"] {
        let written = item("key", text, Some(in_minutes(5)));
        store.put_item(&written).await.unwrap();
        let read = store.item(ItemKind::Network, "key", now()).await.unwrap();
        assert!(read == Some(written), "{text}");
        assert!(store.item(ItemKind::Setup, "key", now()).await.unwrap().is_none());
    }
    assert!(store.items(ItemKind::Network, now()).await.unwrap().len() == 1);
}

pub(super) async fn items_are_listed_in_order_of_key(store: Arc<dyn Store>) {
    for key in ["b", "c", "a", "d"] {
        let end = if key == "d" { now() } else { in_minutes(5) };
        store.put_item(&item(key, "", Some(end))).await.unwrap();
    }
    let items = store.items(ItemKind::Network, now()).await.unwrap();
    assert_eq!(items.iter().map(|item| item.key.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}

pub(super) async fn an_item_ends_and_its_place_is_free(store: Arc<dyn Store>) {
    store.put_item(&item("key", "old", Some(now()))).await.unwrap();
    assert_eq!(value(&*store, "key").await, None);
    assert!(store.add_item(&item("key", "new", Some(in_minutes(5))), now()).await.unwrap());
    assert!(!store.add_item(&item("key", "late", None), now()).await.unwrap());
    assert_eq!(value(&*store, "key").await.as_deref(), Some("new"));
    store.sweep(in_minutes(6)).await.unwrap();
    assert_eq!(value(&*store, "key").await, None);
    assert!(store.add_item(&item("key", "last", None), now()).await.unwrap());
    assert!(!store.add_item(&item("key", "late", None), in_minutes(99)).await.unwrap());
}

pub(super) async fn an_item_is_replaced_only_as_it_was_seen(store: Arc<dyn Store>) {
    assert!(!store.replace_item("one", &item("key", "two", None)).await.unwrap());
    store.put_item(&item("key", "one", None)).await.unwrap();
    assert!(!store.replace_item("other", &item("key", "two", None)).await.unwrap());
    assert!(store.replace_item("one", &item("key", "two", None)).await.unwrap());
    assert_eq!(value(&*store, "key").await.as_deref(), Some("two"));
}

pub(super) async fn of_many_at_once_one_adds_replaces_or_removes(store: Arc<dyn Store>) {
    for step in 0..3 {
        let mut race = JoinSet::new();
        for number in 0..20 {
            let store = Arc::clone(&store);
            race.spawn(async move {
                let new = item("key", &format!("value{step}-{number}"), None);
                match step {
                    0 => store.add_item(&new, now()).await,
                    1 => store.replace_item("seen", &new).await,
                    _ => store.remove_item(ItemKind::Network, "key").await,
                }
            });
        }
        let outcomes = race.join_all().await;
        let winners = outcomes.into_iter().filter(|outcome| *outcome.as_ref().unwrap()).count();
        assert_eq!(winners, 1, "step {step}");
        if step == 0 {
            store.put_item(&item("key", "seen", None)).await.unwrap();
        }
    }
    assert_eq!(value(&*store, "key").await, None);
}

pub(super) async fn what_is_counted_in_a_minute_adds_up(store: Arc<dyn Store>) {
    let late = Timestamp::from_micros(now().micros() / 60_000_000 * 60_000_000);
    let early = late.minus(Duration::from_mins(70));
    let some = [
        Count { minute: early, number: 2, series: Series::LoginsOk },
        Count { minute: late, number: 3, series: Series::Requests(4) },
    ];
    store.add_counts(&some).await.unwrap();
    store.add_counts(&some).await.unwrap();
    store.add_counts(&[]).await.unwrap();
    let all = store.counts(early).await.unwrap();
    let expected = [
        Count { minute: early, number: 4, series: Series::LoginsOk },
        Count { minute: late, number: 6, series: Series::Requests(4) },
    ];
    assert_eq!(all, expected);
    assert_eq!(store.counts(early.plus(Duration::from_secs(1))).await.unwrap(), expected[1..]);
}

pub(super) async fn every_series_is_kept_under_its_own_name(store: Arc<dyn Store>) {
    let minute = Timestamp::from_micros(now().micros() / 60_000_000 * 60_000_000);
    let counts: Vec<_> =
        (1..).zip(Series::ALL).map(|(number, series)| Count { minute, number, series }).collect();
    store.add_counts(&counts).await.unwrap();
    let mut read = store.counts(minute).await.unwrap();
    read.sort_by_key(|count| count.number);
    assert_eq!(read, counts);
}
