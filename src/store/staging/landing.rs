//! How a source is to be taken over, and what came of it.

use super::Refusal;
use crate::clock::Timestamp;
use crate::store::stop::Stop;
use std::collections::BTreeMap;

/// How a source is to be taken over.
#[derive(Clone)]
pub struct Landing {
    /// The moment.
    pub at: Timestamp,
    /// Whether nothing is written, and only told what would be.
    pub dry_run: bool,
    /// What becomes of users who are here already, or in whose place others are.
    pub on_conflict: OnConflict,
    /// Tells it to stop.
    pub stop: Stop,
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
    /// Tokens that were added.
    pub tokens_added: u64,
    /// Tokens that were there already.
    pub tokens_there: u64,
    /// Tokens that were here, and are not in the source: they have ended.
    pub tokens_ended: u64,
    /// Tokens of users who stay as they are, which were not added.
    pub tokens_kept_out: u64,
    /// Tokens that were not taken.
    pub tokens_refused: BTreeMap<Refusal, u64>,
}
