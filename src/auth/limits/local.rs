//! What this gateway counts by itself: where no other counts with it, and while the store is away.

use crate::clock::Clock;
use crate::model::limit::{LimitKey, Quota, Standing};
use governor::clock::Clock as Ticks;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota as Cells, RateLimiter};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Counts in memory, which is bounded: beyond so many keys all share counts, so that nobody ever goes
/// uncounted.
pub(super) struct Local {
    /// One for each quota that was ever asked for.
    buckets: RwLock<Vec<(Quota, Arc<Buckets>)>>,
    clock: SinceStart,
    hasher: RandomState,
}

/// All that keep to one quota.
struct Buckets {
    is_full: AtomicBool,
    limiter: Limiter,
}

type Limiter = RateLimiter<Whose, DashMapStateStore<Whose>, SinceStart, StateInformationMiddleware>;

/// Whose count it is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Whose {
    Own(LimitKey),
    /// One of many that share it.
    Pooled(u16),
}

impl Local {
    /// From how many keys of a quota on counts are shared.
    const MOST: usize = 200_000;

    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let clock = SinceStart { start: clock.instant(), clock };
        Self { buckets: RwLock::default(), clock, hasher: RandomState::new() }
    }

    /// Takes one, or says how long to wait.
    pub(super) fn take(&self, key: &LimitKey, quota: Quota) -> Result<Standing, Duration> {
        let Some(buckets) = self.buckets_of(quota) else { return Err(quota.period) };
        match buckets.limiter.check_key(&self.whose(&buckets, key)) {
            Ok(state) => {
                let left = state.remaining_burst_capacity();
                let taken = quota.count.get().saturating_sub(left);
                Ok(Standing { left, reset: quota.period / quota.count.get() * taken })
            }
            Err(refused) => Err(refused.wait_time_from(self.clock.now())),
        }
    }

    /// Forgets those that are as if nothing had been taken. To be done now and then.
    pub(super) fn clean(&self) {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner).clone();
        for (_, buckets) in buckets {
            buckets.limiter.retain_recent();
            let most = if buckets.is_full.load(Ordering::Relaxed) {
                // Not to and fro: who goes from one count to the other begins anew.
                Self::MOST / 2
            } else {
                Self::MOST
            };
            buckets.is_full.store(buckets.limiter.len() > most, Ordering::Relaxed);
        }
    }

    fn whose(&self, buckets: &Buckets, key: &LimitKey) -> Whose {
        if buckets.is_full.load(Ordering::Relaxed) {
            let [low, high, ..] = self.hasher.hash_one(key).to_le_bytes();
            return Whose::Pooled(u16::from_le_bytes([low, high]));
        }
        Whose::Own(key.clone())
    }

    /// `None` for a quota of no time, which no settings have.
    fn buckets_of(&self, quota: Quota) -> Option<Arc<Buckets>> {
        let find = |all: &[(Quota, Arc<Buckets>)]| {
            let found = all.iter().find(|(known, _)| *known == quota);
            found.map(|(_, buckets)| Arc::clone(buckets))
        };
        let known = find(&self.buckets.read().unwrap_or_else(PoisonError::into_inner));
        if known.is_some() {
            return known;
        }
        let every = quota.period / quota.count.get();
        let cells = Cells::with_period(every)?.allow_burst(quota.count);
        let mut all = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = find(&all) {
            return Some(known);
        }
        let limiter = Limiter::new(cells, DashMapStateStore::default(), self.clock.clone());
        let buckets = Arc::new(Buckets { is_full: AtomicBool::new(false), limiter });
        all.push((quota, Arc::clone(&buckets)));
        Some(buckets)
    }
}

/// Our clock, as the crate reads one.
#[derive(Clone)]
struct SinceStart {
    clock: Arc<dyn Clock>,
    start: Instant,
}

impl Ticks for SinceStart {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.clock.instant().saturating_duration_since(self.start).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, Timestamp};
    use crate::model::network::Network;
    use std::net::{IpAddr, Ipv4Addr};
    use std::num::NonZeroU32;

    fn local() -> (Arc<ManualClock>, Local) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        let as_clock: Arc<dyn Clock> = clock.clone();
        (clock, Local::new(as_clock))
    }

    fn key(host: u32) -> LimitKey {
        LimitKey::UnknownTokensFrom(Network::of(IpAddr::V4(Ipv4Addr::from(host))))
    }

    fn quota(count: u32) -> Quota {
        Quota { count: NonZeroU32::new(count).unwrap(), period: Duration::from_secs(10) }
    }

    fn taken(local: &Local, host: u32, count: u32) -> usize {
        let all = std::iter::from_fn(|| local.take(&key(host), quota(count)).ok());
        all.take(1_000).count()
    }

    #[test]
    fn each_key_has_a_quota_of_its_own_that_comes_back() {
        let (clock, local) = local();
        assert_eq!(taken(&local, 1, 5), 5);
        assert_eq!(taken(&local, 2, 5), 5);
        clock.advance(Duration::from_secs(4));
        assert_eq!(taken(&local, 1, 5), 2);
    }

    #[test]
    fn what_is_left_and_the_wait_are_told() {
        let (_, local) = local();
        let first = local.take(&key(1), quota(5)).unwrap();
        assert_eq!(first, Standing { left: 4, reset: Duration::from_secs(2) });
        taken(&local, 1, 5);
        assert_eq!(local.take(&key(1), quota(5)), Err(Duration::from_secs(2)));
    }

    #[test]
    fn beyond_the_most_keys_counts_are_shared_and_nobody_goes_uncounted() {
        let (clock, local) = local();
        let most = u32::try_from(Local::MOST).unwrap();
        for host in 0..=most {
            local.take(&key(host), quota(1)).unwrap();
        }
        local.clean();
        for host in 0..300_000 {
            let _ = local.take(&key(most + host), quota(1));
        }
        let buckets = local.buckets_of(quota(1)).unwrap();
        assert!(buckets.limiter.len() <= Local::MOST + 1 + (1 << 16));
        assert_eq!(taken(&local, u32::MAX, 1), 0);
        clock.advance(Duration::from_secs(20));
        local.clean();
        assert_eq!(taken(&local, u32::MAX, 1), 1);
    }
}
