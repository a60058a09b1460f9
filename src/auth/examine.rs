//! Looking after the store while it is in use: whether it answers, is still the same, and keeps what
//! it is given.

use super::Auth;
use crate::clock::Timestamp;
use crate::store::{Inspection, StoreError};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// By how much the clocks of the store and of this machine may differ.
const SKEW: Duration = Duration::from_secs(5);

/// What is known to be wrong with the store.
#[derive(Default)]
pub(super) struct Findings(Mutex<BTreeSet<String>>);

impl Findings {
    /// Takes in what was found now. What is new of it, and what is not found any more.
    fn update(&self, found: &[String]) -> (Vec<String>, Vec<String>) {
        let found: BTreeSet<_> = found.iter().cloned().collect();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = found.difference(&known).cloned().collect();
        let gone = known.difference(&found).cloned().collect();
        *known = found;
        (new, gone)
    }
}

impl Auth {
    /// Looks after the store. Runs until it is dropped.
    pub async fn look_after_store(&self) -> Infallible {
        const PAUSE: Duration = Duration::from_secs(1);
        /// In pauses.
        const EXAMINED_EVERY: u32 = 60;
        let (mut was_up, mut told) = (true, None);
        loop {
            for _ in 0..EXAMINED_EVERY {
                let is_up = self.glance().await;
                let is_back = is_up && !was_up;
                was_up = is_up;
                sleep(PAUSE).await;
                // It may have been started again with other settings.
                if is_back || self.time.was_set() {
                    break;
                }
            }
            let unsuitable = self.examine().await.err().filter(|error| !error.is_away());
            let unsuitable = unsuitable.map(|error| error.to_string());
            if let Some(error) = unsuitable.as_ref().filter(|_| told != unsuitable) {
                tracing::error!("the store cannot be used: {error}");
            }
            told = unsuitable;
        }
    }

    /// Brings what an older version has written up to date, however long that takes. Nothing may be
    /// served before.
    pub async fn prepare_store(&self) -> Result<(), StoreError> {
        self.store.make_newest().await
    }

    /// Refuses a store that is not whole, because a backup was being brought back to it.
    pub async fn refuse_half(&self) -> Result<(), StoreError> {
        self.store.refuse_half().await
    }

    async fn examine(&self) -> Result<(), StoreError> {
        self.prepare_store().await?;
        self.inspect().await.map(drop)
    }

    /// Whether the store answers. Looks whether it is still the same if it does.
    async fn glance(&self) -> bool {
        let is_up = self.ping().await.is_ok();
        if is_up {
            self.cache.store_answers();
            if let Err(error) = self.look_at_epoch().await {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "it is not known whether the store is the same as before");
            }
        }
        is_up
    }

    /// What an operator should know of the store; fails if it does not tell soon. Logs what is new of
    /// it.
    pub async fn inspect(&self) -> Result<Inspection, StoreError> {
        const PATIENCE: Duration = Duration::from_secs(2);
        let both = async { tokio::join!(self.store.inspect(), self.clock_skew()) };
        let (inspection, skew) = timeout(PATIENCE, both).await.map_err(StoreError::unavailable)?;
        let mut inspection = inspection?;
        inspection.warnings.extend(skew.ok().and_then(skewed));
        self.metrics.store_warnings(inspection.warnings.len());
        let (new, gone) = self.findings.update(&inspection.warnings);
        for warning in new {
            tracing::warn!("{warning}");
        }
        for warning in gone {
            tracing::info!("no longer: {warning}");
        }
        Ok(inspection)
    }

    /// By how many seconds the store's clock is ahead of this machine's: of many servers, that of the
    /// one that differs most.
    ///
    /// From then on what is judged here is judged by the store's clock where this machine's is far off.
    pub(super) async fn clock_skew(&self) -> Result<f64, StoreError> {
        let own = self.time.own();
        let (before, begun) = (own.now(), own.instant());
        let clocks = self.store.clocks().await?;
        let half = own.instant().saturating_duration_since(begun) / 2;
        let between = before.plus(half);
        let skews = clocks.iter().map(|clock| ahead(*clock, between));
        let worst = skews.max_by(|one, other| one.abs().total_cmp(&other.abs()));
        let worst = worst.unwrap_or_default();
        self.metrics.clock_skew(worst);
        self.time.learn(clocks, begun + half);
        Ok(worst)
    }
}

fn skewed(seconds: f64) -> Option<String> {
    (seconds.abs() > SKEW.as_secs_f64()).then(|| {
        format!(
            "the clocks of this machine and of the store differ by more than {} seconds: tokens end early \
             or late by up to 30 seconds, and by the store's clock beyond that; set both by NTP",
            SKEW.as_secs(),
        )
    })
}

fn ahead(one: Timestamp, other: Timestamp) -> f64 {
    one.since(other).as_secs_f64() - other.since(one).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_told_when_it_comes_and_when_it_goes() {
        let findings = Findings::default();
        let look = |found: &[&str]| {
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            let (new, gone) = findings.update(&found);
            (new.join(" "), gone.join(" "))
        };
        assert_eq!(look(&["a", "b"]), ("a b".to_owned(), String::new()));
        assert_eq!(look(&["b", "a"]), (String::new(), String::new()));
        assert_eq!(look(&["b", "c"]), ("c".to_owned(), "a".to_owned()));
        assert_eq!(look(&[]), (String::new(), "b c".to_owned()));
    }

    #[test]
    fn a_clock_is_ahead_or_behind() {
        let [early, late] = [1_000_000, 8_500_000].map(Timestamp::from_micros);
        assert!((ahead(late, early) - 7.5).abs() < 1e-9);
        assert!((ahead(early, late) + 7.5).abs() < 1e-9);
    }

    #[test]
    fn clocks_that_differ_by_more_than_five_seconds_are_warned_of() {
        assert_eq!([0.0, 5.0, -4.9].map(skewed), [const { None }; 3]);
        for seconds in [5.1, -3600.0] {
            assert!(skewed(seconds).unwrap().contains("differ by more than 5 seconds"));
        }
    }
}
