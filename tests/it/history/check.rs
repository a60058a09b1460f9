//! Judges a history. It knows nothing of how a gateway works, only what it promises:
//!
//! - a token names its own user, whatever else goes wrong, and a number is one user's for ever;
//! - a token, an API key or a session that has ended, or run out, is refused: at once by the gateway
//!   that ended it, and elsewhere within a bound;
//! - a token that is good all the while is never 401, and one in use is prolonged;
//! - what was acknowledged is there: accounts, passwords, ends;
//! - of many who want a name one gets it, and a name that nobody has is free;
//! - no more guesses are judged than a limit allows.
//!
//! What a store may lose when another server becomes the primary is what it had not passed on: accounts,
//! tokens, API keys and sessions of that moment, but no end that was acknowledged, nor a new password.
//! What was seen afterwards was not lost, and is there from then on.

mod accounts;
mod limits;
mod names;
mod tokens;

use super::record::{Act, Deed, Line, Moment, Promotion, TokenNumber, Trouble};
use std::collections::BTreeMap;

/// What is promised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// How long after its acknowledged end a token may pass at another gateway.
    pub(super) bound: Moment,
    /// The most guesses of one account.
    pub(super) guesses: usize,
    /// How many more may be judged for each promotion: two primaries count for a moment, each for
    /// itself.
    pub(super) guesses_lost: usize,
    /// How long a token holds.
    pub(super) holds: Moment,
    pub(super) prolongs: Option<Prolongs>,
}

/// How a token is prolonged by its use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prolongs {
    /// The least gain that is worth it.
    pub(super) interval: Moment,
    /// The longest life of one.
    pub(super) most: Moment,
}

/// How long before a promotion something may have been written that no replica has.
pub(super) const TAIL: Moment = 1_000_000;
/// How long after it a gateway may still write to the last primary: each asks several times a second
/// which one it is.
pub(super) const REST: Moment = 2_000_000;

/// All that is wrong with a history.
pub(super) fn check(lines: &[Line], terms: Terms) -> Vec<String> {
    let history = History::of(lines);
    let mut wrong = vec![];
    names::check(&history, &mut wrong);
    limits::check(&history, terms, &mut wrong);
    tokens::check(&history, terms, &mut wrong);
    accounts::check(&history, &mut wrong);
    wrong
}

/// How many in a hundred of the deeds, and of the time, a history may have lost: of those nothing can
/// be told but by what is seen later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Excused {
    pub(super) deeds: u64,
    pub(super) time: u64,
}

pub(super) fn excused(lines: &[Line]) -> Excused {
    let history = History::of(lines);
    let deeds: Vec<_> = history.deeds.iter().filter(|deed| !deed.is_last).collect();
    let all = deeds.iter().map(|deed| deed.end).max().unwrap_or(0);
    let (mut lost, mut seen) = (0, 0);
    let mut losses = history.losses.clone();
    losses.sort_unstable_by_key(|loss| loss.begin);
    for loss in losses {
        let (begin, end) = (loss.begin.max(seen), loss.end.min(all));
        lost += end.saturating_sub(begin);
        seen = seen.max(end);
    }
    let in_doubt = deeds.iter().filter(|deed| history.may_be_lost(deed).is_some()).count();
    let share = |part: u64, whole: u64| 100 * part / whole.max(1);
    let count = |number: usize| u64::try_from(number).unwrap();
    Excused { deeds: share(count(in_doubt), count(deeds.len())), time: share(lost, all) }
}

struct History<'a> {
    deeds: Vec<&'a Deed>,
    /// When there was no answer, or none that tells: in order.
    failures: Vec<Moment>,
    losses: Vec<Loss>,
    troubles: Vec<&'a Trouble>,
}

/// A time of which another primary may not have everything.
#[derive(Clone, Copy)]
struct Loss {
    begin: Moment,
    end: Moment,
}

impl<'a> History<'a> {
    fn of(lines: &'a [Line]) -> Self {
        let (mut deeds, mut promotions, mut troubles) = (vec![], vec![], vec![]);
        for line in lines {
            match line {
                Line::Deed(deed) => deeds.push(deed),
                Line::Promotion(promotion) => promotions.push(promotion),
                Line::Trouble(trouble) => troubles.push(trouble),
            }
        }
        let failed = |deed: &&&Deed| deed.status == 0 || deed.status >= 500;
        let mut failures: Vec<_> = deeds.iter().filter(failed).map(|deed| deed.end).collect();
        failures.sort_unstable();
        let losses = promotions.into_iter().filter_map(|it| Loss::by(it, &troubles));
        let losses = losses.collect();
        Self { deeds, failures, losses, troubles }
    }

    /// Until when what was acknowledged then, and needs no replica, may turn out to be lost; `None` if
    /// it cannot be.
    fn may_be_lost(&self, deed: &Deed) -> Option<Moment> {
        let lost_by = |begin: Moment, end: Moment| {
            let of_it = |loss: &&Loss| loss.begin <= end && loss.end >= begin;
            self.losses.iter().filter(of_it).map(|loss| loss.end).max()
        };
        let mut until = lost_by(deed.begin, deed.end)?;
        // What a promotion left may be lost by the next one, if that comes before all have it.
        while let Some(later) = lost_by(until, until).filter(|later| *later > until) {
            until = later;
        }
        Some(until)
    }

    /// From when on it is decided whether something is done that was not acknowledged.
    fn settles(&self, deed: &Deed) -> Moment {
        let until = deed.end + REST;
        let of_it = |it: &&&Trouble| it.begin <= until && it.end + REST >= deed.begin;
        let troubles = self.troubles.iter().filter(of_it).map(|trouble| trouble.end + REST);
        troubles.chain(self.may_be_lost(deed)).fold(until, Moment::max)
    }

    /// Whether nothing was broken then, nor too slow.
    fn is_calm(&self, begin: Moment, end: Moment) -> bool {
        let next = self.failures.partition_point(|failure| *failure < begin);
        let fails = self.failures.get(next).is_some_and(|failure| *failure <= end);
        let is_lost = self.losses.iter().any(|it| it.begin <= end && it.end >= begin);
        let is_broken = self.troubles.iter().any(|it| it.begin <= end && it.end >= begin);
        !fails && !is_lost && !is_broken
    }

    /// Whether a gateway was killed in between.
    fn has_forgotten(&self, gateway: usize, since: Moment, until: Moment) -> bool {
        let of_it = |it: &&&Trouble| it.killed == Some(gateway);
        self.troubles.iter().filter(of_it).any(|it| it.begin <= until && it.end >= since)
    }

    /// By what each token came to be.
    fn issues(&self) -> BTreeMap<TokenNumber, &'a Deed> {
        self.deeds.iter().filter_map(|deed| Some((deed.issued?, *deed))).collect()
    }

    /// All who wanted a name, in order.
    fn registrations(&self, wanted: &str) -> Vec<&'a Deed> {
        let is_it =
            |deed: &&Deed| matches!(&deed.act, Act::Register { name, .. } if name == wanted);
        self.deeds.iter().copied().filter(is_it).collect()
    }
}

impl Loss {
    /// What a promotion may have lost: what the last primary took shortly before it broke, if it did,
    /// and until nobody asks it any more.
    fn by(promotion: &Promotion, troubles: &[&Trouble]) -> Option<Self> {
        let at = promotion.at;
        let of_it = |it: &&&Trouble| it.begin <= at && at <= it.end + REST && it.is_of_store;
        let troubles: Vec<_> = troubles.iter().filter(of_it).collect();
        if troubles.iter().any(|trouble| trouble.hands_over) {
            return None;
        }
        let begin = troubles.iter().map(|trouble| trouble.begin).fold(at, Moment::min);
        Some(Self { begin: begin.saturating_sub(TAIL), end: at + REST })
    }
}

/// Whether nobody can tell if it was done.
fn is_unknown(deed: &Deed) -> bool {
    deed.status == 0 || deed.status >= 500
}

/// Whether it is one client's account, and no name that many want at once, or guess at.
fn is_ones_own(name: &str) -> bool {
    !name.starts_with("wanted") && !name.starts_with("victim")
}
