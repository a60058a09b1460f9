//! What is counted: one typed method for each thing.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The counters of one gateway.
#[derive(Debug)]
pub struct Metrics {
    duration: Histogram,
    in_flight: Gauge,
    registry: Registry,
    requests: Family<Status, Counter>,
    upstream_errors: Counter,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Status {
    status: u16,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            duration: Histogram::new(BUCKETS),
            in_flight: Gauge::default(),
            registry: Registry::with_prefix("authgate"),
            requests: Family::default(),
            upstream_errors: Counter::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register("requests_in_flight", "Requests being served", metrics.in_flight.clone());
        let help = "Seconds from a request's head to the end of its answer";
        registry.register("request_duration_seconds", help, metrics.duration.clone());
        let help = "Requests that no server behind the gateway answered";
        registry.register("upstream_errors", help, metrics.upstream_errors.clone());
        metrics
    }
}

impl Metrics {
    /// Counts a request as being served until the guard is dropped.
    pub fn request_begins(self: &Arc<Self>) -> InFlight {
        self.in_flight.inc();
        InFlight(Arc::clone(self))
    }

    /// Counts an answer.
    pub fn request_ends(&self, status: u16, took: Duration) {
        self.requests.get_or_create(&Status { status }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts a request that no server behind the gateway answered.
    pub fn upstream_failed(&self) {
        self.upstream_errors.inc();
    }

    /// How many requests are being served.
    pub fn in_flight(&self) -> i64 {
        self.in_flight.get()
    }

    /// Everything, in the text format of `OpenMetrics`.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A request that is being served.
#[derive(Debug)]
pub struct InFlight(Arc<Metrics>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

/// Seconds: from an answer out of memory to a slow app.
const BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
