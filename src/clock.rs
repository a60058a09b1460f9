//! Where every moment in this program comes from.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// The same, on a scale that nobody sets: for spans within this process.
    fn instant(&self) -> Instant;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's time")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(0).plus(since_epoch.unwrap_or_default())
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock {
    made: Instant,
    now: AtomicI64,
    start: Timestamp,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn at(start: Timestamp) -> Self {
        Self { made: Instant::now(), now: AtomicI64::new(start.0), start }
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        self.now.store(self.now().plus(span).0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn instant(&self) -> Instant {
        self.made + self.now().since(self.start)
    }
}

/// A moment, in microseconds since 1970: the precision that Django REST framework prints.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment so many microseconds after 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The whole milliseconds since 1970, rounded up: never before this moment.
    pub const fn millis_up(self) -> i64 {
        self.0.saturating_add(999).div_euclid(1_000)
    }

    /// The moment `span` after this one; the last possible moment if there is none.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// The moment `span` before this one; the first possible moment if there is none.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    /// How long after `earlier` this moment is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// What happens often, and is told once a second at most.
#[derive(Debug, Default)]
pub struct OnceASecond(Mutex<Untold>);

#[derive(Debug, Default)]
struct Untold {
    /// When it was told last.
    last: Option<Instant>,
    number: u64,
}

impl OnceASecond {
    const EVERY: Duration = Duration::from_secs(1);

    /// Counts one. How many are to be told now, if any.
    pub fn count(&self, now: Instant) -> Option<u64> {
        let mut untold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        untold.number += 1;
        if untold.last.is_some_and(|last| now < last + Self::EVERY) {
            return None;
        }
        untold.last = Some(now);
        Some(std::mem::take(&mut untold.number))
    }
}

/// A span in whole microseconds; the longest that there is, if it is longer.
pub fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// A span in whole seconds, rounded up: for whoever has to wait.
pub fn seconds_up(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// As Django REST framework writes a moment (ISO 8601, UTC): `2026-11-24T07:01:34.123456Z`, without
/// the fraction where it is zero.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        let format = if self.0 % 1_000_000 == 0 { "%FT%TZ" } else { "%FT%T.%6fZ" };
        write!(f, "{}", moment.strftime(format))
    }
}

/// Reads a moment as RFC 3339 writes it.
impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        let moment: jiff::Timestamp = text.parse()?;
        Ok(Self(moment.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_drf_writes_it() {
        let moment = Timestamp::from_micros(1_795_503_694_000_120);
        assert_eq!(moment.to_string(), "2026-11-24T07:01:34.000120Z");
    }

    #[test]
    fn a_moment_reads_back_as_it_is_written() {
        for text in ["2026-11-24T07:01:34.000120Z", "2026-11-24T07:01:34Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn a_whole_second_has_no_fraction() {
        let moment = Timestamp::from_micros(1_795_503_694_000_000);
        assert_eq!(moment.to_string(), "2026-11-24T07:01:34Z");
    }

    #[test]
    fn what_happens_often_is_told_once_a_second_with_its_number() {
        let (often, start) = (OnceASecond::default(), Instant::now());
        let told = |millis| often.count(start + Duration::from_millis(millis));
        assert_eq!(
            [0, 1, 999, 1000, 1001, 5000].map(told),
            [Some(1), None, None, Some(3), None, Some(2)]
        );
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = ManualClock::at(Timestamp::from_micros(5));
        clock.advance(Duration::from_micros(7));
        assert_eq!(clock.now(), Timestamp::from_micros(12));
    }
}
