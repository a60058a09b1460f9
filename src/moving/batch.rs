//! What readers hand on, many rows at a time.

use crate::store::staging::{StagedToken, StagedUser};
use std::fmt;

/// Rows of a source.
#[derive(Default)]
pub struct Batch {
    /// Groups by number.
    pub groups: Vec<(i64, String)>,
    /// Tokens.
    pub tokens: Vec<StagedToken>,
    /// What is neither user nor token: how many there are of what.
    pub others: Vec<(String, u64)>,
    /// What cannot be taken.
    pub unreadable: Vec<Unreadable>,
    /// Users.
    pub users: Vec<StagedUser>,
}

impl Batch {
    fn len(&self) -> usize {
        let Self { groups, tokens, others, unreadable, users } = self;
        groups.len() + tokens.len() + others.len() + unreadable.len() + users.len()
    }
}

/// A row that cannot be taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable {
    /// Which row it is, from 1.
    pub place: u64,
    /// What it is of, and which one where that is no secret: `auth.user 5`.
    pub what: String,
    /// Why, and what would be right. Never a value.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.place, self.what, self.why)
    }
}

/// Nobody takes rows any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("stopped")]
pub struct Closed;

/// Takes what is read.
pub type Sink<'a> = &'a mut dyn FnMut(Batch) -> Result<(), Closed>;

/// Gathers rows into batches.
pub(super) struct Rows<'a> {
    batch: Batch,
    sink: Sink<'a>,
}

impl<'a> Rows<'a> {
    const AT_ONCE: usize = 2_000;

    pub(super) fn into(sink: Sink<'a>) -> Self {
        Self { batch: Batch::default(), sink }
    }

    /// Adds something, and hands on what there is if that is enough.
    pub(super) fn add(&mut self, add: impl FnOnce(&mut Batch)) -> Result<(), Closed> {
        add(&mut self.batch);
        if self.batch.len() < Self::AT_ONCE { Ok(()) } else { self.finish() }
    }

    /// Hands on what is left.
    pub(super) fn finish(&mut self) -> Result<(), Closed> {
        (self.sink)(std::mem::take(&mut self.batch))
    }
}
