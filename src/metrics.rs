//! What is counted: one typed method for each thing.

mod certificates;
mod connections;
mod register;
mod shadow;
mod store;
mod sums;

pub use self::certificates::ShownCertificate;
pub use self::connections::{OpenConnection, Turned};
pub use self::store::StoreCall;
pub use self::sums::Sums;

use self::certificates::Shown;
use self::shadow::OfShadow;
use self::store::OfStore;
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
    tombstones_replayed: Counter,
    registry: Registry,
    reload_failed: Gauge,
    reloads: Counter,
    requests: Family<Status, Counter>,
    requests_unreadable: Counter,
    shadow: OfShadow,
    servers: Family<Place, Gauge>,
    store: OfStore,
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

impl Metrics {
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

    /// Counts ends of tokens that were written again.
    pub fn tombstones_replayed(&self, number: u64) {
        self.tombstones_replayed.inc_by(number);
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
