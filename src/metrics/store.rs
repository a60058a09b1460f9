//! How the store does.

use super::{Kind, Metrics};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// What is counted of the store.
#[derive(Debug)]
pub(super) struct OfStore {
    circuits_open: Gauge,
    corrupt: Family<Kind, Counter>,
    clock_skew: Gauge<f64, AtomicU64>,
    epoch_changes: Counter,
    errors: Family<Kind, Counter>,
    grace_hits: Counter,
    in_flight: Gauge,
    latency: Histogram,
    up: Gauge,
    warnings: Gauge,
}

impl OfStore {
    pub(super) fn new() -> Self {
        Self {
            circuits_open: Gauge::default(),
            corrupt: Family::default(),
            clock_skew: Gauge::default(),
            epoch_changes: Counter::default(),
            errors: Family::default(),
            grace_hits: Counter::default(),
            in_flight: Gauge::default(),
            latency: Histogram::new(LATENCY_BUCKETS),
            up: Gauge::default(),
            warnings: Gauge::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Whether all servers of the store have answered lately (1 or 0)";
        registry.register("store_up", help, self.up.clone());
        let help = "How many servers of the store are silent, so that nobody waits for them";
        registry.register("breaker_state", help, self.circuits_open.clone());
        let help = "Calls of the store that failed, and how";
        registry.register("store_errors", help, self.errors.clone());
        let help = "Records of the store that could not be read, and of what";
        registry.register("record_corrupt", help, self.corrupt.clone());
        let help = "Seconds that a call of the store took, those that failed too";
        registry.register("store_latency_seconds", help, self.latency.clone());
        let help = "Calls of the store that are under way";
        registry.register("store_inflight", help, self.in_flight.clone());
        let help = "Tokens that were taken from memory within store.outage_grace";
        registry.register("store_outage_grace_hits", help, self.grace_hits.clone());
        let help = "How many things of the store's settings or state may lose accounts or tokens";
        registry.register("store_warnings", help, self.warnings.clone());
        let help = "Times that the store was found to be another one, or emptied";
        registry.register("store_epoch_changes", help, self.epoch_changes.clone());
        let help =
            "Seconds by which the store's clock is ahead of this machine's, as measured last";
        registry.register("clock_skew_seconds", help, self.clock_skew.clone());
    }
}

impl Metrics {
    /// Notes whether the store answers.
    pub fn store_is(&self, is_up: bool) {
        self.store.up.set(is_up.into());
    }

    /// Notes how many servers of it are refused to be asked, because they are silent.
    pub fn store_circuits_open(&self, number: usize) {
        self.store.circuits_open.set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// Counts a call of the store that failed.
    pub fn store_failed(&self, kind: &'static str) {
        self.store.errors.get_or_create(&Kind { kind }).inc();
    }

    /// Counts a record of the store that could not be read.
    pub fn record_corrupt(&self, kind: &'static str) {
        self.store.corrupt.get_or_create(&Kind { kind }).inc();
    }

    /// Counts a call of the store as under way until the guard is dropped.
    pub fn store_call_begins(&self) -> StoreCall<'_> {
        self.store.in_flight.inc();
        StoreCall(&self.store.in_flight)
    }

    /// Notes how long a call of the store took.
    pub fn store_call_ends(&self, took: Duration) {
        self.store.latency.observe(took.as_secs_f64());
    }

    /// Counts a token that was taken although the store could not be asked.
    pub fn grace_hit(&self) {
        self.store.grace_hits.inc();
    }

    /// Notes how much an operator should know of the store.
    pub fn store_warnings(&self, number: usize) {
        self.store.warnings.set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// Counts that the store was found to be another one.
    pub fn store_epoch_changed(&self) {
        self.store.epoch_changes.inc();
    }

    /// Notes by how many seconds the store's clock is ahead.
    pub fn clock_skew(&self, seconds: f64) {
        self.store.clock_skew.set(seconds);
    }

    /// By how many seconds the store's clock is ahead, as was measured last.
    pub fn last_clock_skew(&self) -> f64 {
        self.store.clock_skew.get()
    }
}

/// A call of the store that is under way.
#[derive(Debug)]
pub struct StoreCall<'m>(&'m Gauge);

impl Drop for StoreCall<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Seconds: from a server on this machine to the longest that anyone waits.
const LATENCY_BUCKETS: [f64; 11] =
    [0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0];
