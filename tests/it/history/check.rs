//! Judges a history. It knows nothing of how a gateway works, only what it promises:
//!
//! - a token names its own user, whatever else goes wrong, and a number is one user's for ever;
//! - a token that has ended, or run out, is refused: at once by the gateway that ended it, and
//!   elsewhere within a bound;
//! - a token that is good all the while is never 401;
//! - what was acknowledged is there: accounts, passwords, ends;
//! - of many who want a name one gets it, and a name that nobody has is free;
//! - no more guesses are judged than a limit allows.
//!
//! What a store may lose in a failover is what it had not passed on: accounts, passwords and tokens of
//! that moment, but no end that was acknowledged.

mod accounts;
mod tokens;

use super::record::{Act, Deed, Line, Moment, Trouble, Who};
use std::collections::{BTreeMap, BTreeSet};

/// What is promised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// How long after its acknowledged end a token may pass at another gateway.
    pub(super) bound: Moment,
    /// The most guesses of one account.
    pub(super) guesses: usize,
    /// How long a token holds.
    pub(super) holds: Moment,
    /// How many more may be judged for each failover: two primaries count for a moment, each for itself.
    pub(super) guesses_lost: usize,
}

/// How long after an end that was not acknowledged a token may have been given out at another gateway,
/// and yet end with it: their clocks may differ.
const SKEW: Moment = 2_000_000;
/// How long before a failover something may have been written that no replica has.
const TAIL: Moment = 1_000_000;
/// How long after it what is no primary any more may still take something.
const REST: Moment = 2_000_000;

/// All that is wrong with a history.
pub(super) fn check(lines: &[Line], terms: Terms) -> Vec<String> {
    let history = History::of(lines);
    let mut wrong = vec![];
    names(&history, &mut wrong);
    statuses(&history, terms, &mut wrong);
    guesses(&history, terms, &mut wrong);
    tokens::check(&history, terms, &mut wrong);
    accounts::check(&history, &mut wrong);
    wrong
}

struct History<'a> {
    deeds: Vec<&'a Deed>,
    troubles: Vec<&'a Trouble>,
}

impl<'a> History<'a> {
    fn of(lines: &'a [Line]) -> Self {
        let (mut deeds, mut troubles) = (vec![], vec![]);
        for line in lines {
            match line {
                Line::Deed(deed) => deeds.push(deed),
                Line::Trouble(trouble) => troubles.push(trouble),
            }
        }
        Self { deeds, troubles }
    }

    /// Whether what was acknowledged then, and needs no replica, may be lost.
    fn may_be_lost(&self, begin: Moment, end: Moment) -> bool {
        self.troubles
            .iter()
            .filter(|it| it.may_lose)
            .any(|trouble| begin <= trouble.end + REST && end + TAIL >= trouble.begin)
    }

    /// Whether a gateway was killed in between.
    fn has_forgotten(&self, gateway: usize, since: Moment, until: Moment) -> bool {
        let of_it = |it: &&&Trouble| it.killed == Some(gateway);
        self.troubles.iter().filter(of_it).any(|it| it.begin <= until && it.end >= since)
    }

    /// When a name was registered for good, in order.
    fn registrations(&self, name: &str) -> impl Iterator<Item = &&'a Deed> {
        self.deeds.iter().filter(move |deed| {
            let is_it = matches!(&deed.act, Act::Register { name: it, .. } if it == name);
            is_it && deed.status == 200
        })
    }
}

/// No number is given to two users, nor a name.
fn names(history: &History<'_>, wrong: &mut Vec<String>) {
    let (mut names, mut ids) = (BTreeMap::new(), BTreeMap::new());
    for Who { id, name } in history.deeds.iter().filter_map(|deed| deed.who.as_ref()) {
        if *id == 0 {
            continue;
        }
        names.entry(*id).or_insert_with(BTreeSet::new).insert(name);
        ids.entry(name).or_insert_with(BTreeSet::new).insert(*id);
    }
    let several = names.iter().filter(|(_, names)| names.len() > 1);
    wrong.extend(several.map(|(id, names)| format!("the number {id} is of {names:?}")));
    for (name, ids) in ids.iter().filter(|(_, ids)| ids.len() > 1) {
        let all: Vec<_> = history.registrations(name).collect();
        let lost = all.iter().filter(|deed| history.may_be_lost(deed.begin, deed.end)).count();
        if lost + 1 < ids.len() {
            wrong.push(format!("the name {name} is of {ids:?}: {all:?}"));
        }
    }
}

fn statuses(history: &History<'_>, terms: Terms, wrong: &mut Vec<String>) {
    // A request that its token's end comes upon is cut off.
    let is_cut_off = |deed: &Deed| {
        let mut issues = history.deeds.iter().filter(|it| it.issued.is_some());
        let issue =
            issues.find(|it| matches!(deed.act, Act::Use { token } if it.issued == Some(token)));
        deed.status == 0 && issue.is_some_and(|it| it.begin + terms.holds <= deed.end)
    };
    for deed in &history.deeds {
        let expected: &[u16] = match deed.act {
            Act::ChangePassword { .. } => &[204, 400, 401],
            // A right password, but the user has changed meanwhile.
            Act::Login { .. } | Act::Register { .. } => &[200, 400],
            Act::Guess { .. } => &[400, 429],
            Act::Logout { .. } | Act::LogoutAll { .. } => &[204, 401],
            Act::Use { .. } => &[200, 401],
        };
        let is_told = deed.is_last || ![0, 500, 503].contains(&deed.status);
        if is_told && !expected.contains(&deed.status) && !is_cut_off(deed) {
            wrong.push(format!("an answer that is none: {deed:?}"));
        }
        if deed.status == 500 {
            wrong.push(format!("a panic: {deed:?}"));
        }
    }
}

fn guesses(history: &History<'_>, terms: Terms, wrong: &mut Vec<String>) {
    let mut judged = BTreeMap::new();
    for deed in &history.deeds {
        if let (Act::Guess { name }, 400) = (&deed.act, deed.status) {
            *judged.entry(name).or_insert(0) += 1;
        }
    }
    let failovers = history.troubles.iter().filter(|trouble| trouble.may_lose).count();
    let most = terms.guesses + terms.guesses_lost * failovers;
    let over = judged.iter().filter(|(_, count)| **count > most);
    wrong.extend(over.map(|(name, count)| format!("{count} guesses of {name}, of {most} at most")));
}
