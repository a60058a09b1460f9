//! Under which names it is told what is counted, and in which words.

use super::Metrics;
use super::certificates::Shown;
use super::shadow::OfShadow;
use super::store::OfStore;
use super::sums::Growing;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::Mutex;

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            cache_bytes: Gauge::default(),
            cache_evictions: Counter::default(),
            cache_hits: Counter::default(),
            cache_misses: Counter::default(),
            certificates: Shown::default(),
            accept_pauses: Counter::default(),
            connections: Gauge::default(),
            connections_ended: Counter::default(),
            connections_made_room: Counter::default(),
            connections_turned_away: Family::default(),
            duration: Histogram::new(BUCKETS),
            events_dropped: Counter::default(),
            feed: Mutex::default(),
            feed_age: Gauge::default(),
            feed_up: Gauge::default(),
            hash_duration: Histogram::new(HASH_BUCKETS),
            hash_queue: Gauge::default(),
            hash_refusals: Counter::default(),
            in_flight: Gauge::default(),
            limiter_degraded: Counter::default(),
            panics: Counter::default(),
            tombstones_replayed: Counter::default(),
            registry: Registry::with_prefix("authgate"),
            reload_failed: Gauge::default(),
            reloads: Counter::default(),
            requests: Family::default(),
            requests_unreadable: Counter::default(),
            shadow: OfShadow::default(),
            servers: Family::default(),
            store: OfStore::new(),
            sums: Growing::default(),
            throttled: Family::default(),
            upstream_errors: Family::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register("requests_in_flight", "Requests being served", metrics.in_flight.clone());
        let help = "Seconds from a request's head to the end of its answer";
        registry.register("request_duration_seconds", help, metrics.duration.clone());
        metrics.shadow.register(&mut metrics.registry);
        metrics.register_counters();
        metrics.register_connections();
        metrics.store.register(&mut metrics.registry);
        metrics.register_feed();
        metrics.register_limits();
        metrics.register_hashing();
        metrics.register_upstreams();
        metrics
    }
}

impl Metrics {
    fn register_counters(&mut self) {
        let counters = [
            ("config_reloads", &self.reloads, "Reloads of the settings that were asked for"),
            ("panics", &self.panics, "Requests that failed by a mistake in authgate"),
            (
                "tombstones_replayed",
                &self.tombstones_replayed,
                "Ends of tokens that were written again, because the store had not or had lost them",
            ),
            (
                "connections_ended",
                &self.connections_ended,
                "Requests cut off because their token has ended or the store could not tell",
            ),
            ("cache_hits", &self.cache_hits, "Tokens that were checked from memory"),
            ("cache_misses", &self.cache_misses, "Tokens for which the store was asked"),
            (
                "cache_evictions",
                &self.cache_evictions,
                "Tokens and users that memory had no room for",
            ),
            (
                "events_dropped",
                &self.events_dropped,
                "Events that are in the log alone because the store did not take them in time",
            ),
        ];
        for (name, counter, help) in counters {
            self.registry.register(name, help, counter.clone());
        }
    }

    fn register_connections(&mut self) {
        let registry = &mut self.registry;
        self.certificates.register(registry);
        registry.register("connections", "Open connections of clients", self.connections.clone());
        let help = "Connections that were ended while idle because others needed their place";
        registry.register("connections_made_room", help, self.connections_made_room.clone());
        let help = "Connections that were ended before their first request, and why";
        registry.register("connections_turned_away", help, self.connections_turned_away.clone());
        let help = "Requests over HTTP/1 of which no head could be read: they reach no route";
        registry.register("requests_unreadable", help, self.requests_unreadable.clone());
        let help = "Times that no connection could be accepted for a moment";
        registry.register("accept_paused", help, self.accept_pauses.clone());
        let help =
            "Whether the last reload of the settings failed (1 or 0); the ones before hold then";
        registry.register("config_reload_failed", help, self.reload_failed.clone());
    }

    fn register_feed(&mut self) {
        let registry = &mut self.registry;
        let help = "Bytes of memory that hold tokens and users";
        registry.register("cache_bytes", help, self.cache_bytes.clone());
        let help = "Whether the store tells of revocations (1 or 0); if not, nothing is answered from memory";
        registry.register("feed_up", help, self.feed_up.clone());
        let help = "Seconds since the store proved last that it tells of revocations";
        registry.register("feed_age_seconds", help, self.feed_age.clone());
    }

    fn register_limits(&mut self) {
        let registry = &mut self.registry;
        let help = "Requests refused because a limit was reached, and which";
        registry.register("throttled", help, self.throttled.clone());
        let help = "Attempts counted by this gateway alone because the store could not count them";
        registry.register("limiter_degraded", help, self.limiter_degraded.clone());
    }

    fn register_hashing(&mut self) {
        let registry = &mut self.registry;
        let help = "Passwords that wait to be hashed";
        registry.register("hash_queue_depth", help, self.hash_queue.clone());
        let help = "Seconds that hashing a password takes, once its turn has come";
        registry.register("hash_seconds", help, self.hash_duration.clone());
        let help = "Passwords that were not hashed because too many waited";
        registry.register("hash_refusals", help, self.hash_refusals.clone());
    }

    fn register_upstreams(&mut self) {
        let registry = &mut self.registry;
        let help = "Requests that no server behind the gateway answered";
        registry.register("upstream_errors", help, self.upstream_errors.clone());
        let help = "Whether a server behind the gateway is up (1 or 0)";
        registry.register("upstream_server_up", help, self.servers.clone());
    }
}

/// Seconds: from a cheap hash to one that waits for its core.
const HASH_BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Seconds: from an answer out of memory to a slow app.
const BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
