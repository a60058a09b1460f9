//! Who is refused at present: known without asking the store again, and told when it begins and ends.

use crate::model::limit::{Charge, LimitKey};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The keys that were refused lately.
#[derive(Default)]
pub(super) struct Refusals {
    /// Spares everyone the lock while nobody is refused.
    are_there: AtomicBool,
    known: Mutex<HashMap<LimitKey, Refused>>,
}

/// One that was refused lately.
struct Refused {
    /// When the store is asked again.
    ask_again: Instant,
    /// How often.
    count: u64,
    /// When it ends, as far as is known.
    ends: Instant,
    /// When last.
    last: Instant,
}

/// A key that is not refused any more.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Left {
    /// How often it was.
    pub count: u64,
    pub key: LimitKey,
}

impl Refusals {
    /// How many are kept in mind. Beyond them the store is asked each time.
    const MOST: usize = 100_000;
    /// For how long a refusal is repeated without asking: an operator may have cleared the limit.
    const LONGEST: Duration = Duration::from_secs(1);
    /// After how long without a refusal a limit is left.
    const QUIET: Duration = Duration::from_mins(1);

    /// Which of the charges is refused for sure, and for how long.
    pub(super) fn still<'c>(
        &self,
        charges: &'c [Charge],
        now: Instant,
    ) -> Option<(&'c Charge, Duration)> {
        if !self.are_there.load(Ordering::Relaxed) {
            return None;
        }
        let mut known = self.lock();
        charges.iter().find_map(|charge| {
            let refused = known.get_mut(&charge.key).filter(|refused| refused.ask_again > now)?;
            refused.count += 1;
            refused.last = now;
            Some((charge, refused.ends - now))
        })
    }

    /// Whether a key is refused for sure. That is no try.
    pub(super) fn knows(&self, key: &LimitKey, now: Instant) -> bool {
        self.are_there.load(Ordering::Relaxed)
            && self.lock().get(key).is_some_and(|refused| refused.ask_again > now)
    }

    /// Notes that a key was refused, and says whether that is new.
    pub(super) fn note(&self, key: &LimitKey, wait: Duration, now: Instant) -> bool {
        let (ask_again, ends) = (now + wait.min(Self::LONGEST), now + wait);
        let mut known = self.lock();
        if let Some(refused) = known.get_mut(key) {
            *refused = Refused { ask_again, count: refused.count + 1, ends, last: now };
            return false;
        }
        if known.len() >= Self::MOST {
            return false;
        }
        known.insert(key.clone(), Refused { ask_again, count: 1, ends, last: now });
        self.are_there.store(true, Ordering::Relaxed);
        true
    }

    /// Those that were refused lately: how often, and for how long they are still.
    pub(super) fn seen(&self, now: Instant) -> Vec<(LimitKey, u64, Duration)> {
        let known = self.lock();
        let seen = known.iter().map(|(key, refused)| {
            (key.clone(), refused.count, refused.ends.saturating_duration_since(now))
        });
        seen.collect()
    }

    /// Forgets those that have not been refused for a while, and says which.
    pub(super) fn settle(&self, now: Instant) -> Vec<Left> {
        if !self.are_there.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut known = self.lock();
        let is_over = |refused: &Refused| now.saturating_duration_since(refused.last) > Self::QUIET;
        let over = known.extract_if(|_, refused| is_over(refused));
        let left = over.map(|(key, refused)| Left { count: refused.count, key }).collect();
        self.are_there.store(!known.is_empty(), Ordering::Relaxed);
        left
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LimitKey, Refused>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limit::{Quota, Rule};
    use crate::model::network::Network;
    use std::net::{IpAddr, Ipv4Addr};
    use std::num::NonZeroU32;

    fn charge(host: u32) -> Charge {
        let network = Network::of(IpAddr::V4(Ipv4Addr::from(host)));
        let quota = Quota { count: NonZeroU32::MIN, period: Duration::from_secs(1) };
        Charge { key: LimitKey::LoginsFrom(network), rule: Rule::Quota(quota) }
    }

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn a_refusal_is_repeated_until_its_end_and_for_a_second_at_most() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        refusals.note(&charge(1).key, Duration::from_millis(500), start);
        refusals.note(&charge(2).key, Duration::from_mins(9), start);
        let both = [charge(1), charge(2)];
        assert_eq!(refusals.still(&both, start), Some((&both[0], Duration::from_millis(500))));
        let later = after(start, 600);
        assert_eq!(refusals.still(&both, later), Some((&both[1], Duration::from_millis(539_400))));
        assert_eq!(refusals.still(&both, after(start, 1_000)), None);
        assert_eq!(refusals.still(&[charge(3)], start), None);
    }

    #[test]
    fn the_first_refusal_and_the_end_are_told_once() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        let key = charge(1).key;
        assert!(refusals.note(&key, Duration::from_secs(1), start));
        assert!(!refusals.note(&key, Duration::from_secs(1), after(start, 30_000)));
        refusals.still(&[charge(1)], after(start, 30_500));
        assert_eq!(refusals.settle(after(start, 90_000)), []);
        assert_eq!(refusals.settle(after(start, 91_000)), [Left { count: 3, key: key.clone() }]);
        assert_eq!(refusals.settle(after(start, 99_000)), []);
        assert!(refusals.note(&key, Duration::from_secs(1), after(start, 99_000)));
    }

    #[test]
    fn what_is_kept_in_mind_is_bounded() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        for host in 0..200_000 {
            refusals.note(&charge(host).key, Duration::from_secs(1), start);
        }
        assert_eq!(refusals.lock().len(), Refusals::MOST);
    }
}
