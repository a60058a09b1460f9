//! What a limit allows, and how it stands.

use crate::clock::{Timestamp, micros};
use std::num::NonZeroU32;
use std::time::Duration;

/// A number of things in a time: so many at once, and evenly so many again in each such time
/// (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quota {
    /// How many.
    pub count: NonZeroU32,
    /// In which time.
    pub period: Duration,
}

impl Quota {
    /// The time for one of them, in microseconds.
    pub fn every(self) -> i64 {
        micros(self.period / self.count.get()).max(1)
    }

    /// The time for all of them, in microseconds.
    pub fn whole(self) -> i64 {
        self.every().saturating_mul(self.count.get().into())
    }
}

/// Some for free; each further one only after a wait that grows, but never without end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Delay {
    /// How many are free.
    pub free: u32,
    /// The first wait, which doubles each time.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Delay {
    /// After how long a quiet time all is forgotten.
    pub fn memory(self) -> Duration {
        self.longest.saturating_mul(4).max(Duration::from_mins(1))
    }

    /// How long to wait after so many.
    pub fn after(self, level: u32) -> Duration {
        let doublings = level.checked_sub(self.free);
        let wait = doublings.map(|doublings| {
            let factor = 1_u32.checked_shl(doublings).filter(|_| doublings < 31);
            factor.map_or(self.longest, |factor| self.first.saturating_mul(factor))
        });
        wait.unwrap_or_default().min(self.longest)
    }
}

/// What a limit allows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rule {
    /// Ever longer waits.
    Delay(Delay),
    /// So many in a time.
    Quota(Quota),
}

/// What has been taken of a limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Taken {
    /// When it is as if nothing had been taken.
    pub forget: Timestamp,
    /// Of a delay: how many.
    pub level: u32,
    /// Nothing can be taken before.
    pub until: Timestamp,
}

impl Taken {
    /// Whether nothing counts any more before it is forgotten: a delay of which all was given back.
    pub fn is_nothing(self) -> bool {
        self.level == 0 && self.until.micros() == 0
    }
}

/// How a limit stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// How many can be taken now.
    pub left: u32,
    /// In what time all is as if nothing had been taken.
    pub reset: Duration,
}

impl Rule {
    /// Takes one, or says how long to wait. What stands in a future that this rule cannot mean, as
    /// after a step of the clock or a change of the settings, is brought so near that one can be taken
    /// of a quota.
    pub fn take(self, taken: Option<Taken>, now: Timestamp) -> Result<(Taken, Standing), Duration> {
        let taken = taken.filter(|taken| taken.forget > now);
        match self {
            Self::Delay(delay) => take_of_delay(delay, taken, now),
            Self::Quota(quota) => take_of_quota(quota, taken, now),
        }
    }

    /// Gives one back.
    pub fn give_back(self, taken: Taken) -> Taken {
        match self {
            Self::Delay(_) => {
                // Nor does anyone wait for it.
                let until = Timestamp::from_micros(0);
                Taken { level: taken.level.saturating_sub(1), until, ..taken }
            }
            Self::Quota(quota) => {
                let back = |moment: Timestamp| {
                    Timestamp::from_micros(moment.micros().saturating_sub(quota.every()))
                };
                Taken { forget: back(taken.forget), until: back(taken.until), ..taken }
            }
        }
    }
}

fn take_of_delay(
    delay: Delay,
    taken: Option<Taken>,
    now: Timestamp,
) -> Result<(Taken, Standing), Duration> {
    let level = taken.map_or(0, |taken| taken.level);
    let until = taken.map_or(now, |taken| taken.until.min(now.plus(delay.longest)));
    // While some are free nobody waits, not even for one that was counted in between by a later clock.
    if until > now && level >= delay.free {
        return Err(until.since(now));
    }
    let level = level.saturating_add(1);
    let (until, forget) = (now.plus(delay.after(level)), now.plus(delay.memory()));
    let standing = Standing { left: delay.free.saturating_sub(level), reset: delay.memory() };
    Ok((Taken { forget, level, until }, standing))
}

fn take_of_quota(
    quota: Quota,
    taken: Option<Taken>,
    now: Timestamp,
) -> Result<(Taken, Standing), Duration> {
    let (every, whole) = (quota.every(), quota.whole());
    let (now_micros, plus) = (now.micros(), |micros: i64| now.micros().saturating_add(micros));
    let tolerance = whole - every;
    let full = taken.map_or(now_micros, |taken| match taken.forget.micros() {
        forget if forget > plus(whole) => plus(tolerance),
        forget => forget.max(now_micros),
    });
    let wait = full - now_micros - tolerance;
    if wait > 0 {
        return Err(span(wait));
    }
    let full = full.saturating_add(every);
    let left = (plus(whole) - full) / every;
    let standing =
        Standing { left: u32::try_from(left).unwrap_or(0), reset: span(full - now_micros) };
    let moments = (Timestamp::from_micros(full), Timestamp::from_micros(full - tolerance));
    Ok((Taken { forget: moments.0, level: 0, until: moments.1 }, standing))
}

fn span(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_000_000_000_000_000);

    #[test]
    fn who_looked_at_the_clock_before_the_last_one_does_not_wait_while_some_are_free() {
        let second = Duration::from_secs(1);
        let rule = Rule::Delay(Delay { first: second, free: 3, longest: second });
        let (taken, _) = rule.take(None, START.plus(Duration::from_micros(1))).unwrap();
        let (taken, _) = rule.take(Some(taken), START).unwrap();
        let (taken, _) = rule.take(Some(taken), START).unwrap();
        assert!(rule.take(Some(taken), START).is_err());
    }

    fn at(millis: u64) -> Timestamp {
        START.plus(Duration::from_millis(millis))
    }

    fn quota(count: u32, period: Duration) -> Rule {
        Rule::Quota(Quota { count: NonZeroU32::new(count).unwrap(), period })
    }

    fn delay(free: u32, longest: u64) -> Rule {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(longest));
        Rule::Delay(Delay { free, first, longest })
    }

    /// Takes as many as there are, and says how many, and how long to wait for more.
    fn take_all(rule: Rule, taken: &mut Option<Taken>, now: Timestamp) -> (u32, Duration) {
        for count in 0.. {
            match rule.take(*taken, now) {
                Ok((after, _)) => *taken = Some(after),
                Err(wait) => return (count, wait),
            }
        }
        unreachable!()
    }

    #[test]
    fn a_quota_is_there_at_once_and_comes_back_evenly() {
        let (rule, mut taken) = (quota(5, Duration::from_secs(10)), None);
        assert_eq!(take_all(rule, &mut taken, at(0)), (5, Duration::from_secs(2)));
        assert_eq!(take_all(rule, &mut taken, at(1_999)), (0, Duration::from_millis(1)));
        assert_eq!(take_all(rule, &mut taken, at(2_000)), (1, Duration::from_secs(2)));
        assert_eq!(take_all(rule, &mut taken, at(60_000)), (5, Duration::from_secs(2)));
    }

    #[test]
    fn a_quota_says_what_is_left_of_it() {
        let rule = quota(3, Duration::from_secs(3));
        let (taken, first) = rule.take(None, at(0)).unwrap();
        assert_eq!(first, Standing { left: 2, reset: Duration::from_secs(1) });
        let (_, second) = rule.take(Some(taken), at(500)).unwrap();
        assert_eq!(second, Standing { left: 1, reset: Duration::from_millis(1_500) });
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        for rule in [quota(3, Duration::from_secs(3)), delay(3, 60)] {
            let mut taken = None;
            take_all(rule, &mut taken, at(0));
            taken = taken.map(|taken| rule.give_back(taken));
            assert_eq!(take_all(rule, &mut taken, at(0)).0, 1, "{rule:?}");
        }
    }

    #[test]
    fn nothing_counts_of_a_delay_that_is_given_back_and_of_a_quota_until_it_is_forgotten() {
        let (delay, quota) = (delay(3, 60), quota(5, Duration::from_secs(10)));
        for (rule, is_nothing) in [(delay, true), (quota, false)] {
            let once = rule.take(None, START).unwrap().0;
            assert!(!once.is_nothing());
            assert_eq!(rule.give_back(once).is_nothing(), is_nothing);
            let twice = rule.take(Some(once), START).unwrap().0;
            assert!(!rule.give_back(twice).is_nothing());
        }
    }

    #[test]
    fn a_wait_ends_with_what_is_given_back() {
        let (rule, mut taken) = (delay(2, 60), None);
        take_all(rule, &mut taken, at(0));
        taken = taken.map(|taken| rule.give_back(taken));
        assert_eq!(take_all(rule, &mut taken, at(0)), (1, Duration::from_secs(1)));
    }

    #[test]
    fn a_delay_grows_to_its_longest_and_ends_each_time() {
        let (rule, mut taken) = (delay(2, 5), None);
        assert_eq!(take_all(rule, &mut taken, at(0)), (2, Duration::from_secs(1)));
        assert_eq!(take_all(rule, &mut taken, at(1_000)), (1, Duration::from_secs(2)));
        assert_eq!(take_all(rule, &mut taken, at(3_000)), (1, Duration::from_secs(4)));
        assert_eq!(take_all(rule, &mut taken, at(7_000)), (1, Duration::from_secs(5)));
        for number in 0..100 {
            let next = at(12_000 + 5_000 * number);
            assert_eq!(take_all(rule, &mut taken, next), (1, Duration::from_secs(5)));
        }
    }

    #[test]
    fn a_delay_is_forgotten_after_a_quiet_time() {
        let (rule, mut taken) = (delay(2, 60), None);
        take_all(rule, &mut taken, at(0));
        assert_eq!(take_all(rule, &mut taken, at(240_000)).0, 2);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let day = at(86_400_000);
        for (rule, count, longest) in
            [(quota(5, Duration::from_secs(10)), 1, 2), (delay(2, 60), 0, 60)]
        {
            let mut taken = None;
            take_all(rule, &mut taken, day);
            let (now, wait) = take_all(rule, &mut taken, at(0));
            assert_eq!(now, count, "{rule:?}");
            assert!(wait <= Duration::from_secs(longest), "{rule:?}: {wait:?}");
        }
    }
}
