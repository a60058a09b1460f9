//! How a source is to be taken over, and what came of it.

use super::read::{count, refusal, user};
use super::{ArrivingUser, Refusal, Staging, Verdict};
use crate::clock::Timestamp;
use crate::model::user::UserId;
use crate::store::StoreError;
use crate::store::stop::Stop;
use std::collections::{BTreeMap, BTreeSet};

/// How a source is to be taken over.
#[derive(Clone)]
pub struct Landing {
    /// The moment.
    pub at: Timestamp,
    /// Who comes back of those who were deleted here.
    pub brings_back: BringBack,
    /// Whether nothing is written, and only told what would be.
    pub dry_run: bool,
    /// What becomes of users who are here already, or in whose place others are.
    pub on_conflict: OnConflict,
    /// Tells it to stop.
    pub stop: Stop,
}

/// Who comes back of those who were deleted here. All others are not taken.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum BringBack {
    /// All of them.
    All,
    /// None of them.
    #[default]
    Nobody,
    /// Those of these numbers.
    These(BTreeSet<UserId>),
}

impl BringBack {
    pub(in crate::store) fn has(&self, id: UserId) -> bool {
        match self {
            Self::All => true,
            Self::Nobody => false,
            Self::These(ids) => ids.contains(&id),
        }
    }
}

/// What becomes of users who are here already, or in whose place others are. Nobody's number and nobody's
/// name is ever given to another.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnConflict {
    /// Nothing at all is written if somebody is here and not as the source says, or another is in their
    /// place.
    Fail,
    /// Whoever is here stays as they are, with their tokens.
    #[default]
    Skip,
    /// Whoever is here becomes as the source says, and their tokens become those of the source.
    Update,
}

/// What came of it, or would.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Landed {
    /// Users who were added.
    pub added: u64,
    /// Users who were here, and are as the source says now.
    pub updated: u64,
    /// Users who were here as the source says.
    pub unchanged: u64,
    /// Users who were here not as the source says, and stay as they are.
    pub kept: u64,
    /// Users who were not taken.
    pub refused: BTreeMap<Refusal, u64>,
    /// Users who were here under another name.
    pub renamed: u64,
    /// Tokens that were added.
    pub tokens_added: u64,
    /// Tokens that were there already.
    pub tokens_there: u64,
    /// Tokens that were there otherwise than the source says, and are as it says now.
    pub tokens_updated: u64,
    /// Tokens that were here, and are not in the source: they have ended.
    pub tokens_ended: u64,
    /// Tokens of users who stay as they are, which were not added.
    pub tokens_kept_out: u64,
    /// Tokens of which the source has another with the same digest. They are among those not taken; told
    /// only where all is taken over in one step, into a file in which nobody is.
    pub tokens_twice: u64,
    /// Tokens that were not taken.
    pub tokens_refused: BTreeMap<Refusal, u64>,
}

impl Landed {
    /// Users of whom it is decided.
    pub(in crate::store) fn users(&self) -> u64 {
        let refused: u64 = self.refused.values().sum();
        self.added + self.updated + self.unchanged + self.kept + refused
    }

    /// Adds what came of a part.
    pub(in crate::store) fn add(&mut self, part: &Self) {
        self.added += part.added;
        self.updated += part.updated;
        self.unchanged += part.unchanged;
        self.kept += part.kept;
        self.renamed += part.renamed;
        self.tokens_added += part.tokens_added;
        self.tokens_there += part.tokens_there;
        self.tokens_updated += part.tokens_updated;
        self.tokens_ended += part.tokens_ended;
        self.tokens_kept_out += part.tokens_kept_out;
        for (refusal, number) in &part.refused {
            *self.refused.entry(*refusal).or_default() += number;
        }
    }

    pub(in crate::store) fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Add => self.added += 1,
            Verdict::Keep => self.kept += 1,
            Verdict::Refuse(refusal) => *self.refused.entry(refusal).or_default() += 1,
            Verdict::Same => self.unchanged += 1,
            Verdict::Update => self.updated += 1,
        }
    }
}

impl Staging {
    /// Notes of some numbers that who had them was deleted.
    pub(in crate::store) fn refuse_gone(&self, ids: &[UserId]) -> Result<(), StoreError> {
        let sql = "UPDATE users SET refusal = 'number_gone' WHERE row = ?1 AND refusal IS NULL";
        let mut refuse = self.db.prepare_cached(sql)?;
        for id in ids {
            refuse.execute([id])?;
        }
        Ok(())
    }

    /// Takes no tokens of theirs either. Says who the first of them is.
    pub(in crate::store) fn end_refusing_gone(&self) -> Result<Option<ArrivingUser>, StoreError> {
        let sql = "SELECT * FROM users WHERE refusal = 'number_gone' ORDER BY row LIMIT 1";
        let found = self.all(sql, [], |row| user(row, self.says.get()))?;
        if !found.is_empty() {
            self.refuse_tokens_of_refused()?;
        }
        Ok(found.into_iter().next())
    }

    /// Completes what came of a landing by what was noted of users and tokens meanwhile.
    pub(in crate::store) fn end_landing(&self, mut landed: Landed) -> Result<Landed, StoreError> {
        self.refuse_tokens_of_refused()?;
        landed.refused = self.refusals("users")?;
        landed.tokens_refused = self.refusals("tokens")?;
        Ok(landed)
    }

    fn refuse_tokens_of_refused(&self) -> Result<(), StoreError> {
        let sql = "UPDATE tokens SET refusal = 'owner_refused' WHERE refusal IS NULL
                   AND owner IN (SELECT row FROM users WHERE refusal IS NOT NULL)";
        Ok(self.db.execute(sql, []).map(drop)?)
    }

    /// Notes of which tokens the source has the same before.
    pub(in crate::store) fn refuse_tokens_that_are_there_twice(&self) -> Result<(), StoreError> {
        let sql = "UPDATE tokens SET refusal = 'token_taken' WHERE row IN (
                       SELECT row FROM (
                           SELECT row, digest = lag(digest) OVER (ORDER BY digest, row) AS again
                           FROM tokens WHERE refusal IS NULL)
                       WHERE again)";
        Ok(self.db.execute(sql, []).map(drop)?)
    }

    fn refusals(&self, of: &str) -> Result<BTreeMap<Refusal, u64>, StoreError> {
        let sql = format!(
            "SELECT refusal, count(*) FROM {of} WHERE refusal IS NOT NULL GROUP BY refusal"
        );
        let found = self.all(&sql, [], |row| Ok((refusal(row, 0)?, count(row, 1)?)))?;
        Ok(found.into_iter().filter_map(|(refusal, number)| Some((refusal?, number))).collect())
    }
}
