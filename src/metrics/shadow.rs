//! What is counted while nothing is guarded.

use super::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Default)]
pub(super) struct OfShadow {
    is_on: Gauge,
    requests: Family<Verdicts, Counter>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Verdicts {
    would: String,
    app: &'static str,
    outcome: &'static str,
}

impl OfShadow {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Whether nothing is guarded (1 or 0), for gate.mode is \"shadow\"";
        registry.register("shadow", help, self.is_on.clone());
        let help = "Requests that passed unguarded: what authgate would have done, what the app has \
                    done, and whether the two agree";
        registry.register("shadow_requests", help, self.requests.clone());
    }
}

impl Metrics {
    /// Counts a request that passed unguarded, by what the gateway would have done, what the app has
    /// done, and what comes of comparing the two.
    pub fn shadow_compared(&self, would: &str, app: &'static str, outcome: &'static str) {
        let verdicts = Verdicts { would: would.to_owned(), app, outcome };
        self.shadow.requests.get_or_create(&verdicts).inc();
    }

    /// Notes whether nothing is guarded.
    pub fn shadow_is(&self, is_on: bool) {
        self.shadow.is_on.set(is_on.into());
    }

    /// Whether nothing is guarded.
    pub fn is_shadow(&self) -> bool {
        self.shadow.is_on.get() != 0
    }
}
