//! How long a token holds, by what was seen of it.

use super::super::super::record::{Act, Deed, Moment};
use super::super::{History, Prolongs, REST, Terms, is_unknown};

/// How long after its use a token may be prolonged: by a gateway that was frozen meanwhile, too.
const LATE: Moment = 4_000_000;

/// What is known of a token.
pub(super) struct Life<'a> {
    pub(super) ends: Vec<End>,
    pub(super) issue: &'a Deed,
    /// When it may be refused although it is good.
    pub(super) pauses: Vec<(Moment, Moment)>,
    /// All that was asked by it, in order.
    pub(super) uses: Vec<&'a Deed>,
    /// When it was seen that it is lost.
    pub(super) gone: Option<Moment>,
    /// Until when it holds at least; for ever if that is unknown.
    good_until: Option<Moment>,
    /// Until when it may turn out to be lost.
    lost: Option<Moment>,
    /// When it was seen that it is not lost.
    seen: Option<Moment>,
}

pub(super) struct End {
    pub(super) asked: Moment,
    pub(super) told: Moment,
    pub(super) gateway: usize,
    /// Whether it was acknowledged.
    pub(super) is_sure: bool,
}

impl<'a> Life<'a> {
    pub(super) fn new(issue: &'a Deed) -> Self {
        let (ends, pauses, uses) = (vec![], vec![], vec![]);
        let (gone, good_until, lost, seen) = (None, None, None, None);
        Self { ends, issue, pauses, uses, gone, good_until, lost, seen }
    }

    /// What its uses say of how long it holds.
    pub(super) fn look_at_uses(&mut self, history: &History<'_>, terms: Terms) {
        self.lost = history.may_be_lost(self.issue);
        let is_proof = |deed: &&&Deed| {
            matches!(deed.status, 200 | 204) && self.lost.is_some_and(|until| deed.begin > until)
        };
        self.seen = self.uses.iter().filter(is_proof).map(|deed| deed.end).min();
        // Nothing else may be why it is refused.
        let is_loss = |deed: &&&Deed| {
            let is_decided = self.lost.is_some_and(|until| deed.begin > until);
            let runs_out = deed.end >= self.issue.begin + terms.holds;
            deed.status == 401 && is_decided && !runs_out
        };
        let losses = self.uses.iter().filter(is_loss).map(|deed| deed.end);
        let is_whole = self.ends.is_empty() && self.pauses.is_empty();
        self.gone = losses.min().filter(|_| is_whole);
        self.good_until = (!self.is_operators()).then(|| {
            let first = self.issue.begin + terms.holds;
            terms.prolongs.map_or(first, |prolongs| self.prolonged(history, terms, prolongs))
        });
    }

    /// What operators have holds for hours, and longer.
    fn is_operators(&self) -> bool {
        matches!(self.issue.act, Act::MakeKey { .. } | Act::SignIn { .. })
    }

    /// Until when it holds at least, prolonged by the uses at which nothing was in the way.
    fn prolonged(&self, history: &History<'_>, terms: Terms, prolongs: Prolongs) -> Moment {
        let most = self.issue.begin + prolongs.most;
        let mut until = self.issue.begin + terms.holds;
        for deed in self.uses.iter().filter(|deed| deed.status == 200) {
            let done = deed.end + REST;
            if done < until && history.is_calm(deed.begin, done) {
                let end = deed.begin + terms.holds - prolongs.interval;
                until = until.max(end.min(most));
            }
        }
        until
    }

    /// Whether it has run out by then, whatever came before.
    pub(super) fn is_over(&self, terms: Terms, now: Moment) -> bool {
        let first = self.issue.end + terms.holds;
        let until = terms.prolongs.map_or(first, |prolongs| {
            let may_prolong = |deed: &&&Deed| {
                deed.begin < now && (matches!(deed.status, 200 | 204) || is_unknown(deed))
            };
            let uses = self.uses.iter().filter(may_prolong);
            let last = uses.map(|deed| deed.end + LATE + terms.holds).max();
            first.max(last.unwrap_or(0)).min(self.issue.end + prolongs.most)
        });
        !self.is_operators() && until < now
    }

    pub(super) fn may_run_out(&self, by: Moment) -> bool {
        self.good_until.is_some_and(|until| until <= by)
    }

    /// Whether it may be lost for someone who asks then: not once it was seen.
    pub(super) fn may_be_lost(&self, now: Moment) -> bool {
        self.lost.is_some() && self.seen.is_none_or(|seen| now <= seen)
    }
}
