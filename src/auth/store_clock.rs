//! The time by which everything is judged here: that of this machine, or of the store where the two are
//! far apart.
//!
//! All gateways judge the tokens of one store. One whose clock is an hour ahead would refuse those that are
//! good for the others, and sweep them away, too.

use super::{Auth, AuthError};
use crate::clock::{Clock, Timestamp, micros};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// How far this machine's clock may be off before that of the store is taken in its place. Less is told of,
/// and lived with: a single look is not exact.
const TRUSTED_WITHIN: Duration = Duration::from_secs(30);
/// By how much this machine's clock moves when it is set, and not by itself.
const STEP: Duration = Duration::from_secs(1);

/// A clock that is this machine's, and goes by the store's where that says something else.
pub(super) struct StoreClock {
    born: Instant,
    own: Arc<dyn Clock>,
    /// By how much this machine's was ahead when the store was asked last, in microseconds.
    seen: AtomicI64,
    /// What the store's clock said when this was born, in microseconds since 1970. From then on it goes by a
    /// scale that nobody sets.
    start: AtomicI64,
}

/// Nobody has asked yet.
const UNKNOWN: i64 = i64::MIN;
/// The store has no clock of its own, or does not tell.
const NONE: i64 = i64::MIN + 1;

impl StoreClock {
    pub(super) fn new(own: Arc<dyn Clock>) -> Self {
        let (seen, start) = (AtomicI64::new(0), AtomicI64::new(UNKNOWN));
        Self { born: own.instant(), own, seen, start }
    }

    /// This machine's clock.
    pub(super) fn own(&self) -> &dyn Clock {
        &*self.own
    }

    /// Takes in what the clocks of the store's servers said at an instant. Nothing changes if none of them
    /// agrees with this machine's, and that does with what they said before: they are wrong, or others.
    pub(super) fn learn(&self, mut clocks: Vec<Timestamp>, at: Instant) {
        clocks.sort_unstable();
        let own = self.own.now();
        let agrees = clocks.iter().find(|there| !are_apart(**there, own));
        if agrees.is_none() && self.by_store().is_some_and(|before| !are_apart(before, own)) {
            return;
        }
        // Of several, one that is off by itself counts for nothing.
        let there = agrees.or_else(|| clocks.get(clocks.len() / 2));
        let Some(there) = there else { return self.has_none() };
        let start = there.micros().saturating_sub(micros(at.saturating_duration_since(self.born)));
        self.start.store(start, Ordering::SeqCst);
        self.seen.store(self.ahead().unwrap_or(0), Ordering::SeqCst);
    }

    fn has_none(&self) {
        self.start.store(NONE, Ordering::SeqCst);
    }

    fn is_unknown(&self) -> bool {
        self.start.load(Ordering::SeqCst) == UNKNOWN
    }

    /// Whether this machine's clock has been set since the store was asked.
    pub(super) fn was_set(&self) -> bool {
        let moved = |ahead: i64| ahead.abs_diff(self.seen.load(Ordering::SeqCst));
        self.ahead().is_some_and(|ahead| u128::from(moved(ahead)) > STEP.as_micros())
    }

    /// By how many microseconds this machine's clock is ahead of the store's.
    fn ahead(&self) -> Option<i64> {
        let there = self.by_store()?;
        Some(self.own.now().micros().saturating_sub(there.micros()))
    }

    fn by_store(&self) -> Option<Timestamp> {
        let start = self.start.load(Ordering::SeqCst);
        let since = || self.own.instant().saturating_duration_since(self.born);
        (start > NONE).then(|| Timestamp::from_micros(start).plus(since()))
    }
}

/// Whether two clocks do not tell the same time.
fn are_apart(one: Timestamp, other: Timestamp) -> bool {
    one.since(other) > TRUSTED_WITHIN || other.since(one) > TRUSTED_WITHIN
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        let own = self.own.now();
        self.by_store().filter(|there| are_apart(*there, own)).unwrap_or(own)
    }

    fn instant(&self) -> Instant {
        self.own.instant()
    }
}

impl Auth {
    /// Asks the store for the time unless it was asked before: until then it is not known whether the
    /// present moment is the right one. An error if it is away.
    pub async fn know_time(&self) -> Result<(), AuthError> {
        if self.time.is_unknown() {
            match self.clock_skew().await {
                Err(error) if error.is_away() => return Err(error.into()),
                // One that may not be asked is asked again with the next look at the store.
                Err(_) => self.time.has_none(),
                Ok(_) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::sync::Mutex;

    /// A clock that can be set, beside a scale that cannot.
    struct Settable {
        off: Mutex<i64>,
        steady: ManualClock,
    }

    impl Clock for Settable {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.steady.now().micros() + *self.off.lock().unwrap())
        }

        fn instant(&self) -> Instant {
            self.steady.instant()
        }
    }

    const NOON: Timestamp = Timestamp::from_micros(1_795_503_694_000_000);
    const HOUR: i64 = 3_600_000_000;

    fn rig(off: i64) -> (Arc<Settable>, StoreClock) {
        let steady = ManualClock::at(NOON);
        let own = Arc::new(Settable { off: Mutex::new(off), steady });
        (Arc::clone(&own), StoreClock::new(own))
    }

    #[test]
    fn a_clock_that_is_far_off_is_not_believed_and_one_that_is_not_is() {
        for (off, is_believed) in [
            (HOUR, false),
            (-HOUR, false),
            (31_000_000, false),
            (30_000_000, true),
            (-29_000_000, true),
        ] {
            let (own, clock) = rig(off);
            assert!(clock.now() == own.now() && clock.is_unknown());
            clock.learn(vec![NOON], own.instant());
            own.steady.advance(Duration::from_mins(9));
            let right = if is_believed { own.now() } else { NOON.plus(Duration::from_mins(9)) };
            assert_eq!(clock.now(), right, "{off}");
            assert!(!clock.was_set());
        }
    }

    #[test]
    fn a_clock_that_is_set_between_two_looks_is_seen_through_at_once() {
        let (own, clock) = rig(0);
        clock.learn(vec![NOON], own.instant());
        *own.off.lock().unwrap() = HOUR;
        own.steady.advance(Duration::from_secs(5));
        assert_eq!(clock.now(), NOON.plus(Duration::from_secs(5)));
        assert!(clock.was_set());
        // It was the store's that was wrong.
        clock.learn(vec![own.now()], own.instant());
        assert!(clock.now() == own.now() && !clock.was_set());
    }

    #[test]
    fn of_many_servers_one_that_is_off_changes_nothing() {
        let wrong = NOON.plus(Duration::from_hours(5));
        for clocks in [vec![wrong, NOON, NOON], vec![NOON, wrong], vec![NOON, wrong, wrong]] {
            let (own, clock) = rig(0);
            clock.learn(clocks, own.instant());
            assert_eq!(clock.now(), NOON);
        }
        let (own, clock) = rig(HOUR);
        clock.learn(vec![wrong, NOON, NOON], own.instant());
        assert_eq!(clock.now(), NOON);
    }

    #[test]
    fn a_store_whose_clock_is_another_all_at_once_is_not_believed() {
        let (own, clock) = rig(0);
        clock.learn(vec![NOON], own.instant());
        for off in [-HOUR, HOUR] {
            clock.learn(vec![Timestamp::from_micros(NOON.micros() + off)], own.instant());
            assert_eq!(clock.now(), NOON);
        }
    }

    #[test]
    fn a_store_without_a_clock_leaves_this_machines() {
        let (own, clock) = rig(HOUR);
        clock.learn(Vec::new(), own.instant());
        assert!(clock.now() == own.now() && !clock.is_unknown() && !clock.was_set());
    }
}
