//! A store that cannot count is left alone for a moment: each request would wait for it in vain.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Whether the store is left alone, and until when.
#[derive(Default)]
pub(super) struct Outage(Mutex<Option<Instant>>);

impl Outage {
    const PAUSE: Duration = Duration::from_secs(1);

    /// Whether the store is left alone now. Once the pause is over one asks, and the others go on
    /// without it until there is an answer.
    pub(super) fn is_on(&self, now: Instant) -> bool {
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *until {
            None => false,
            Some(moment) if now < moment => true,
            Some(_) => {
                *until = Some(now + Self::PAUSE);
                false
            }
        }
    }

    /// Leaves the store alone; whether that is new.
    pub(super) fn begins(&self, now: Instant) -> bool {
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.replace(now + Self::PAUSE).is_none()
    }

    /// The store has answered; whether that is new.
    pub(super) fn ends(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asks_once_a_second_until_there_is_an_answer() {
        let (outage, start) = (Outage::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert!(!outage.is_on(at(0)));
        assert!(outage.begins(at(0)));
        assert!(outage.is_on(at(999)));
        assert!(!outage.is_on(at(1_000)));
        assert!(outage.is_on(at(1_001)));
        assert!(!outage.begins(at(1_100)));
        assert!(outage.ends());
        assert!(!outage.ends());
        assert!(!outage.is_on(at(1_200)));
    }
}
