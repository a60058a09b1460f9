//! Tells of the requests about which the gateway and the app differ: all in the metrics, and of each
//! kind one a second in the log.

use super::case::{Case, Ours, Outcome, Theirs, Would};
use crate::clock::OnceASecond;
use crate::metrics::Metrics;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What was told lately.
pub(super) struct Told {
    kinds: Mutex<HashMap<Kind, OnceASecond>>,
    metrics: Arc<Metrics>,
}

/// What two differences share that are told as one: the route, and the two verdicts.
type Kind = (Option<usize>, Would, &'static str);

impl Told {
    /// How many kinds are told of apart: more routes share what is left.
    const KINDS: usize = 1_000;

    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { kinds: Mutex::default(), metrics }
    }

    /// Counts a request that was judged twice, and tells of it if clients or the app would notice. Never of a token,
    /// nor of a query.
    pub(super) fn tell(&self, case: &Case, ours: &Ours, theirs: Theirs) {
        let outcome = ours.would.compare(theirs);
        let would = ours.would.label();
        self.metrics.shadow_compared(&would, theirs.label(), outcome.label());
        if !matches!(outcome, Outcome::Differ | Outcome::Unnamed) {
            return;
        }
        let route = case.route.as_ref();
        let kind = (route.map(|(number, _)| *number), ours.would, theirs.label());
        let Some(number) = self.to_tell(kind) else { return };
        tracing::warn!(
            target: "authgate::shadow",
            would,
            app = theirs.status(),
            method = case.method.as_str(),
            route = route.map(|(_, words)| words),
            path = case.path,
            user_id = ours.user.map(|user| user.0),
            reason = &*ours.why,
            number,
            "the app has answered otherwise than authgate would"
        );
    }

    /// How many of a kind are to be told now, if any.
    fn to_tell(&self, mut kind: Kind) -> Option<u64> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= Self::KINDS && !kinds.contains_key(&kind) {
            kind.0 = None;
        }
        kinds.entry(kind).or_default().count(Instant::now())
    }
}
