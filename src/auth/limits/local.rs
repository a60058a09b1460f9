//! What this gateway counts by itself: where no other counts with it, and while the store is away.

use crate::clock::Clock;
use crate::model::limit::{Charge, LimitKey, Quota, Rule, Standing};
use crate::store::Counted;
use governor::clock::Clock as Ticks;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::{Quota as Cells, RateLimiter};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Counts in memory, which is bounded: beyond so many keys those that come share counts, so that
/// nobody ever goes uncounted.
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
    state: Shared,
}

type Limiter = RateLimiter<Whose, Shared, SinceStart, StateInformationMiddleware>;

/// Whose count it is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Whose {
    Own(LimitKey),
    /// One of many that share it.
    Pooled(u16),
}

impl Local {
    /// From how many keys of a quota on further ones share counts.
    const MOST: usize = 200_000;

    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let clock = SinceStart { start: clock.instant(), clock };
        Self { buckets: RwLock::default(), clock, hasher: RandomState::new() }
    }

    /// Takes one of each, or none of any if one of them has none left.
    pub(super) fn take(&self, charges: &[Charge]) -> Counted {
        let mut last = Standing { left: 0, reset: Duration::ZERO };
        for (by, charge) in charges.iter().enumerate() {
            match self.take_one(charge) {
                Ok(standing) => last = standing,
                Err(wait) => {
                    self.give_back(charges.get(..by).unwrap_or_default());
                    return Counted::Refused { by, wait };
                }
            }
        }
        Counted::Done(last)
    }

    fn take_one(&self, charge: &Charge) -> Result<Standing, Duration> {
        let quota = quota_of(charge.rule);
        let Some(buckets) = self.buckets_of(quota) else { return Err(quota.period) };
        let outcome = buckets.limiter.check_key(&self.counted(&buckets, &charge.key));
        match outcome {
            Ok(state) => {
                let left = state.remaining_burst_capacity();
                let taken = quota.count.get().saturating_sub(left);
                Ok(Standing { left, reset: quota.period / quota.count.get() * taken })
            }
            Err(refused) => Err(refused.wait_time_from(self.clock.now())),
        }
    }

    /// Gives back one of each.
    pub(super) fn give_back(&self, charges: &[Charge]) {
        for charge in charges {
            let Some(buckets) = self.buckets_of(quota_of(charge.rule)) else { continue };
            let key = self.counted(&buckets, &charge.key);
            let one = Nanos::from(quota_of(charge.rule).period / quota_of(charge.rule).count.get());
            let back =
                |full: Option<Nanos>| full.map(|full| ((), full.saturating_sub(one))).ok_or(());
            // Nothing was taken there, if a clean-up was faster.
            let _ = buckets.state.measure_and_replace(&key, back);
        }
    }

    /// Forgets those that are as if nothing had been taken. To be done now and then.
    pub(super) fn clean(&self) {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner).clone();
        for (_, buckets) in buckets {
            buckets.limiter.retain_recent();
            buckets.is_full.store(buckets.limiter.len() > Self::MOST, Ordering::Relaxed);
        }
    }

    fn counted(&self, buckets: &Buckets, key: &LimitKey) -> Whose {
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
        let cells = Cells::with_period(quota.period / quota.count.get())?.allow_burst(quota.count);
        let mut all = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = find(&all) {
            return Some(known);
        }
        let state = Shared::default();
        let limiter = Limiter::new(cells, state.clone(), self.clock.clone());
        let buckets = Arc::new(Buckets { is_full: AtomicBool::new(false), limiter, state });
        all.push((quota, Arc::clone(&buckets)));
        Some(buckets)
    }
}

/// Of a delay, what keeps on the safe side of it: what is free, and then one for each longest wait.
fn quota_of(rule: Rule) -> Quota {
    match rule {
        Rule::Quota(quota) => quota,
        Rule::Delay(delay) => {
            let count = NonZeroU32::new(delay.free).unwrap_or(NonZeroU32::MIN);
            Quota { count, period: delay.longest.saturating_mul(count.get()) }
        }
    }
}

/// The counts, which are given back too.
#[derive(Clone, Default)]
struct Shared(Arc<DashMapStateStore<Whose>>);

impl StateStore for Shared {
    type Key = Whose;

    fn measure_and_replace<T, F, E>(&self, key: &Whose, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, measure)
    }
}

impl ShrinkableKeyedStateStore<Whose> for Shared {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.retain_recent(drop_below);
    }

    fn len(&self) -> usize {
        ShrinkableKeyedStateStore::len(&*self.0)
    }

    fn is_empty(&self) -> bool {
        ShrinkableKeyedStateStore::is_empty(&*self.0)
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
    use crate::model::limit::Delay;
    use crate::model::network::Network;
    use std::net::{IpAddr, Ipv4Addr};

    fn local() -> (Arc<ManualClock>, Local) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        let as_clock: Arc<dyn Clock> = clock.clone();
        (clock, Local::new(as_clock))
    }

    fn charge(host: u32, count: u32, seconds: u64) -> Charge {
        let address = IpAddr::V4(Ipv4Addr::from(host));
        let count = NonZeroU32::new(count).unwrap();
        let quota = Quota { count, period: Duration::from_secs(seconds) };
        Charge { key: LimitKey::LoginsFrom(Network::of(address)), rule: Rule::Quota(quota) }
    }

    fn taken(local: &Local, charge: &Charge) -> usize {
        let all = std::iter::from_fn(|| {
            matches!(local.take(std::slice::from_ref(charge)), Counted::Done(_)).then_some(())
        });
        all.take(1_000).count()
    }

    #[test]
    fn each_key_has_a_quota_of_its_own_that_comes_back() {
        let (clock, local) = local();
        assert_eq!(taken(&local, &charge(1, 5, 10)), 5);
        assert_eq!(taken(&local, &charge(2, 5, 10)), 5);
        clock.advance(Duration::from_secs(4));
        assert_eq!(taken(&local, &charge(1, 5, 10)), 2);
    }

    #[test]
    fn the_wait_is_told() {
        let (_, local) = local();
        taken(&local, &charge(1, 5, 10));
        let refused = local.take(&[charge(1, 5, 10)]);
        assert_eq!(refused, Counted::Refused { by: 0, wait: Duration::from_secs(2) });
    }

    #[test]
    fn a_refusal_takes_nothing_of_the_others() {
        let (_, local) = local();
        taken(&local, &charge(2, 1, 10));
        let both = [charge(1, 5, 10), charge(2, 1, 10)];
        assert!(matches!(local.take(&both), Counted::Refused { by: 1, .. }));
        assert_eq!(taken(&local, &charge(1, 5, 10)), 5);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let (_, local) = local();
        taken(&local, &charge(1, 5, 10));
        local.give_back(&[charge(1, 5, 10)]);
        assert_eq!(taken(&local, &charge(1, 5, 10)), 1);
    }

    #[test]
    fn a_delay_is_kept_to_on_the_safe_side() {
        let (clock, local) = local();
        let delay =
            Delay { free: 3, first: Duration::from_secs(1), longest: Duration::from_mins(1) };
        let charge = Charge { rule: Rule::Delay(delay), ..charge(1, 1, 1) };
        assert_eq!(taken(&local, &charge), 3);
        clock.advance(Duration::from_mins(1));
        assert_eq!(taken(&local, &charge), 1);
    }

    #[test]
    fn beyond_the_most_keys_counts_are_shared_and_nobody_goes_uncounted() {
        let (clock, local) = local();
        let most = u32::try_from(Local::MOST).unwrap();
        for host in 0..=most {
            local.take(&[charge(host, 1, 10)]);
        }
        local.clean();
        let buckets =
            local.buckets_of(Quota { count: NonZeroU32::MIN, period: Duration::from_secs(10) });
        for host in 0..300_000 {
            local.take(&[charge(most + host, 1, 10)]);
        }
        assert!(buckets.unwrap().limiter.len() <= Local::MOST + 1 + usize::from(u16::MAX) + 1);
        assert_eq!(taken(&local, &charge(u32::MAX, 1, 10)), 0);
        clock.advance(Duration::from_secs(20));
        local.clean();
        local.clean();
        assert_eq!(taken(&local, &charge(u32::MAX, 1, 10)), 1);
    }
}
