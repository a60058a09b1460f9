//! One of the maps in memory: bounded in bytes, and never holding what has changed since it was read.

use super::cache::Count;
use crate::metrics::Metrics;
use quick_cache::sync::{Cache, GuardResult};
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How much memory an entry takes.
pub(super) trait Weigh<K>: Clone {
    /// What most take, in bytes.
    const USUAL: u64;
    /// Bytes, with its key.
    fn weight(&self) -> u64 {
        Self::USUAL
    }
}

/// What the map itself takes for an entry, in bytes: links, state, and its place in the index.
pub(super) const OVERHEAD: u64 = 24;

/// A map of what was read.
pub(super) struct Shelf<K, V> {
    /// The count at the last change of everything.
    cleared: AtomicU64,
    entries: Cache<K, V, Scales, DefaultHashBuilder, Evictions>,
    /// The count at the last change of a key, by the key's hash. Keys that share a place only keep
    /// each other from being put at the moment of a change.
    forgotten: [AtomicU64; PLACES],
    places: RandomState,
}

const PLACES: usize = 256;

impl<K, V> Shelf<K, V>
where
    K: Clone + Eq + Hash,
    V: Weigh<K>,
{
    /// An empty map of at most so many bytes, which counts what has to go for want of room.
    ///
    /// It grows as it is used: to take all of its room at once would cost an idle gateway more than
    /// the milliseconds do in which one of its parts is copied.
    pub(super) fn new(bytes: u64, metrics: Option<Arc<Metrics>>) -> Self {
        /// What is kept of those that went lately, so that they stay longer when they come back: a
        /// part of the entries. Each takes as much of the map as an entry that is there.
        const GONE: f64 = 0.1;
        let bytes = bytes / 11 * 10;
        let items = usize::try_from(bytes / V::USUAL).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(items)
            .ghost_allocation(GONE)
            .weight_capacity(bytes)
            .build();
        let evictions = Evictions(metrics);
        // It fails only where a size is missing.
        let entries = match options {
            Ok(options) => Cache::with_options(options, Scales, <_>::default(), evictions),
            Err(_) => Cache::with(items, bytes, Scales, <_>::default(), evictions),
        };
        Self {
            cleared: AtomicU64::new(0),
            entries,
            forgotten: [const { AtomicU64::new(0) }; PLACES],
            places: RandomState::new(),
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.entries.get(key)
    }

    /// Puts what was read at a count, unless it has changed since.
    ///
    /// A change raises the count of its place first and takes the entry away then; this does it the
    /// other way about: it takes a place in the map, looks at the count, and fills the place only if
    /// it is still there. So whichever comes first, one of the two sees the other.
    pub(super) fn put(&self, key: &K, value: V, read_at: Count) {
        if let GuardResult::Guard(place) =
            self.entries.get_value_or_guard(key, Some(Duration::ZERO))
            && self.changed_at(key) <= read_at
        {
            // The place is gone if the key has just changed: then nothing is put.
            let _ = place.insert(value);
        }
    }

    /// Forgets a key that has changed.
    pub(super) fn forget(&self, key: &K, count: Count) {
        if let Some(place) = self.place(key) {
            place.fetch_max(count.0, Ordering::SeqCst);
        }
        self.entries.remove(key);
    }

    /// Takes away what is of no more use, though it has not changed.
    pub(super) fn remove(&self, key: &K) {
        self.entries.remove(key);
    }

    /// Forgets everything, since anything may have changed.
    pub(super) fn clear(&self, count: Count) {
        self.cleared.fetch_max(count.0, Ordering::SeqCst);
        self.entries.clear();
    }

    /// How many bytes of memory are in use.
    pub(super) fn bytes(&self) -> u64 {
        self.entries.weight()
    }

    fn changed_at(&self, key: &K) -> Count {
        let forgotten = self.place(key).map_or(u64::MAX, |place| place.load(Ordering::SeqCst));
        Count(forgotten.max(self.cleared.load(Ordering::SeqCst)))
    }

    fn place(&self, key: &K) -> Option<&AtomicU64> {
        let [place, ..] = self.places.hash_one(key).to_ne_bytes();
        self.forgotten.get(usize::from(place))
    }
}

#[derive(Clone)]
struct Scales;

impl<K, V: Weigh<K>> Weighter<K, V> for Scales {
    fn weight(&self, _: &K, value: &V) -> u64 {
        value.weight()
    }
}

/// Counts what had to go for want of room.
#[derive(Clone)]
struct Evictions(Option<Arc<Metrics>>);

impl<K, V> Lifecycle<K, V> for Evictions {
    type RequestState = ();

    fn on_evict(&self, (): &mut (), _: K, _: V) {
        if let Some(metrics) = &self.0 {
            metrics.cache_evicted();
        }
    }
}
