//! What is counted: one typed method for each thing.

mod certificates;
mod sums;

pub use self::certificates::ShownCertificate;
pub use self::sums::Sums;

use self::certificates::Shown;
use self::sums::Growing;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The counters of one gateway.
#[derive(Debug)]
pub struct Metrics {
    cache_bytes: Gauge,
    cache_evictions: Counter,
    cache_hits: Counter,
    cache_misses: Counter,
    certificates: Shown,
    accept_pauses: Counter,
    connections: Gauge,
    connections_ended: Counter,
    connections_made_room: Counter,
    connections_turned_away: Family<Reason, Counter>,
    duration: Histogram,
    events_dropped: Counter,
    feed_age: Gauge<f64, AtomicU64>,
    feed: Mutex<Feed>,
    feed_up: Gauge,
    hash_duration: Histogram,
    hash_queue: Gauge,
    hash_refusals: Counter,
    in_flight: Gauge,
    limiter_degraded: Counter,
    panics: Counter,
    registry: Registry,
    reload_failed: Gauge,
    reloads: Counter,
    requests: Family<Status, Counter>,
    servers: Family<Place, Gauge>,
    sums: Growing,
    throttled: Family<Limit, Counter>,
    upstream_errors: Family<Kind, Counter>,
}

/// What is known of the store's feed.
#[derive(Clone, Copy, Debug, Default)]
struct Feed {
    /// When it proved last that it is alive.
    heard: Option<Instant>,
    /// Until when it is trusted, unless it is lost.
    trusted_until: Option<Instant>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Status {
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Limit {
    limit: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Kind {
    kind: &'static str,
}

/// Why no server behind the gateway has answered a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UpstreamFault {
    /// It broke off, or its answer cannot be read.
    Broken,
    /// All had as many requests as they may have.
    Full,
    /// It could not be connected to.
    Refused,
    /// It took too long.
    Timeout,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Place {
    upstream: String,
    server: String,
}

impl Place {
    fn new(upstream: &str, server: SocketAddr) -> Self {
        Self { upstream: upstream.to_owned(), server: server.to_string() }
    }
}

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
            registry: Registry::with_prefix("authgate"),
            reload_failed: Gauge::default(),
            reloads: Counter::default(),
            requests: Family::default(),
            servers: Family::default(),
            sums: Growing::default(),
            throttled: Family::default(),
            upstream_errors: Family::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register("requests_in_flight", "Requests being served", metrics.in_flight.clone());
        let help = "Seconds from a request's head to the end of its answer";
        registry.register("request_duration_seconds", help, metrics.duration.clone());
        metrics.register_counters();
        metrics.register_connections();
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

    /// Counts a request that is refused because it is beyond a limit of the settings.
    pub fn throttled(&self, limit: &str) {
        self.throttled.get_or_create(&Limit { limit: limit.to_owned() }).inc();
    }

    /// Counts an attempt that only this gateway knows of.
    pub fn limiter_degraded(&self) {
        self.limiter_degraded.inc();
    }

    /// Counts a token that was checked from memory.
    pub fn cache_hit(&self) {
        self.cache_hits.inc();
    }

    /// Counts a token for which the store was asked.
    pub fn cache_missed(&self) {
        self.cache_misses.inc();
    }

    /// Counts a token or user that memory had no room for.
    pub fn cache_evicted(&self) {
        self.cache_evictions.inc();
    }

    /// Counts an event that the store will not have.
    pub fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    /// Notes that the store has told of every change before a moment, until when it is trusted for
    /// that, and how many bytes of memory are in use.
    pub fn feed_heard(&self, moment: Instant, trusted_until: Instant, bytes: u64) {
        *self.feed() = Feed { heard: Some(moment), trusted_until: Some(trusted_until) };
        self.cache_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Notes that the store does not tell of changes any more.
    pub fn feed_lost(&self) {
        self.feed().trusted_until = None;
    }

    fn feed(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request that was cut off because its token has ended or the store could not tell.
    pub fn connection_ended(&self) {
        self.connections_ended.inc();
    }

    /// Counts a connection that was ended while idle because another one needed its place.
    pub fn connection_made_room(&self) {
        self.connections_made_room.inc();
    }

    /// Counts a connection as open until the value is dropped.
    pub fn connection_opens(self: &Arc<Self>) -> OpenConnection {
        self.connections.inc();
        OpenConnection(Arc::clone(self))
    }

    /// Counts a connection that ended before its first request.
    pub fn connection_turned_away(&self, why: Turned) {
        let reason = match why {
            Turned::BadHandshake => "tls",
            Turned::BadProxyHeader => "proxy_header",
            Turned::Broken => "broken",
            Turned::Late => "late",
            Turned::TooMany => "address_limit",
        };
        self.connections_turned_away.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a password that was hashed.
    pub fn hashed(&self, took: Duration) {
        self.hash_duration.observe(took.as_secs_f64());
    }

    /// Counts a password that was not hashed because too many waited.
    pub fn hash_refused(&self) {
        self.hash_refusals.inc();
    }

    /// Notes that so many more passwords wait to be hashed.
    pub fn hashes_waiting(&self, more: i64) {
        self.hash_queue.inc_by(more);
    }

    /// Counts a moment in which no connection could be accepted.
    pub fn accepting_paused(&self) {
        self.accept_pauses.inc();
    }

    /// Counts a reload of the settings, and notes how it went.
    pub fn reloaded(&self, is_done: bool) {
        self.reloads.inc();
        self.reload_failed.set((!is_done).into());
    }

    /// Counts a request as being served until the guard is dropped.
    pub fn request_begins(self: &Arc<Self>) -> InFlight {
        self.in_flight.inc();
        InFlight(Arc::clone(self))
    }

    fn request_ends(&self, status: u16, took: Duration) {
        self.sums.answered(status);
        self.requests.get_or_create(&Status { status }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// A request failed by a mistake of ours.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Counts a request that no server behind the gateway answered.
    pub fn upstream_failed(&self, kind: UpstreamFault) {
        let kind = match kind {
            UpstreamFault::Broken => "broken",
            UpstreamFault::Full => "full",
            UpstreamFault::Refused => "refused",
            UpstreamFault::Timeout => "timeout",
        };
        self.upstream_errors.get_or_create(&Kind { kind }).inc();
    }

    /// Notes whether a server of an upstream is up.
    pub fn server_is(&self, upstream: &str, server: SocketAddr, is_up: bool) {
        self.servers.get_or_create(&Place::new(upstream, server)).set(is_up.into());
    }

    /// Forgets a server that an upstream has no more.
    pub fn server_gone(&self, upstream: &str, server: SocketAddr) {
        self.servers.remove(&Place::new(upstream, server));
    }

    /// Counts a login.
    pub fn login_ended(&self, is_done: bool) {
        self.sums.login_ended(is_done);
    }

    /// How often things have happened since the start that are told over time.
    pub fn sums(&self) -> Sums {
        self.sums.read()
    }

    /// How many events the store will not have.
    pub fn events_dropped(&self) -> u64 {
        self.events_dropped.get()
    }

    /// Whether the last reload of the settings failed.
    pub fn has_reload_failed(&self) -> bool {
        self.reload_failed.get() != 0
    }

    /// Whether the store tells of every change.
    pub fn is_feed_up(&self) -> bool {
        self.feed().trusted_until.is_some_and(|end| Instant::now() < end)
    }

    /// How many requests are being served.
    pub fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// Everything, in the text format of `OpenMetrics`.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let Feed { heard, .. } = *self.feed();
        let age = heard.map_or(f64::INFINITY, |moment| moment.elapsed().as_secs_f64());
        self.feed_age.set(age);
        self.feed_up.set(self.is_feed_up().into());
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Why a connection ended before its first request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turned {
    /// It did not agree on TLS with us.
    BadHandshake,
    /// Its balancer did not say whose it is.
    BadProxyHeader,
    /// It was gone.
    Broken,
    /// It took too long to begin.
    Late,
    /// Its address has as many as it may have.
    TooMany,
}

/// A connection that is open.
#[derive(Debug)]
pub struct OpenConnection(Arc<Metrics>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

/// A request that is being served.
#[derive(Debug)]
pub struct InFlight(Arc<Metrics>);

impl InFlight {
    /// Counts the answer; one that never began has the status 0.
    pub fn ends(&self, status: u16, took: Duration) {
        self.0.request_ends(status, took);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

/// Seconds: from a cheap hash to one that waits for its core.
const HASH_BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Seconds: from an answer out of memory to a slow app.
const BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
