//! What readers hand on, many rows at a time.

use super::remarks::Remarks;
use crate::store::staging::{GroupRef, Says, StagedToken, StagedUser};
use std::collections::BTreeMap;
use std::fmt;

/// Rows of a source.
#[derive(Default)]
pub struct Batch {
    /// What of a row is taken otherwise than it is written, or left out.
    pub altered: Vec<Unreadable>,
    /// Groups by number.
    pub groups: Vec<(i64, String)>,
    /// What is neither user nor token: how many there are of what.
    pub others: Vec<(String, u64)>,
    /// What was taken otherwise than it was written, and how often.
    pub remarks: BTreeMap<&'static str, u64>,
    /// Of what the source says anything, once that is known.
    pub says: Option<Says>,
    /// Tokens.
    pub tokens: Vec<StagedToken>,
    /// What cannot be taken.
    pub unreadable: Vec<Unreadable>,
    /// Users.
    pub users: Vec<StagedUser>,
    /// What whoever moves should know of the source, in words.
    pub warnings: Vec<String>,
}

/// A row that cannot be taken, or not all of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable {
    /// Which row it is, from 1.
    pub place: u64,
    /// Whose it is.
    pub of: Of,
    /// What it is of, and which one where that is no secret: `auth.user 5`.
    pub what: String,
    /// Why, and what would be right. Never a value.
    pub why: String,
}

impl Unreadable {
    /// A line of a table, which has no number but its own.
    pub(super) fn line(place: u64, why: String) -> Self {
        Self { of: Of::Another, place, what: "a line".to_owned(), why }
    }
}

/// What a row is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Of {
    /// Of no user of a Django.
    Another,
    /// It is a user of a Django, or may be one, with their number if it has one that can be read.
    User(Option<u64>),
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

/// Gathers rows into batches: of so many rows, and of so many bytes as they take about.
pub(super) struct Rows<'a> {
    batch: Batch,
    bytes: usize,
    count: usize,
    sink: Sink<'a>,
    /// Whether there was a user or a token so far.
    pub(super) tokens: bool,
    pub(super) users: bool,
}

impl<'a> Rows<'a> {
    const AT_ONCE: usize = 2_000;
    const BYTES_AT_ONCE: usize = 1 << 20;

    pub(super) fn into(sink: Sink<'a>) -> Self {
        let (batch, bytes, count) = (Batch::default(), 0, 0);
        Self { batch, bytes, count, sink, tokens: false, users: false }
    }

    pub(super) fn group(&mut self, group: (i64, String)) -> Result<(), Closed> {
        let bytes = group.1.len();
        self.batch.groups.push(group);
        self.added(bytes)
    }

    pub(super) fn user(&mut self, user: StagedUser) -> Result<(), Closed> {
        let StagedUser { email, first_name, groups, last_name, password, username, .. } = &user;
        let texts = [email, first_name, last_name, password, username];
        let of_group = |group: &GroupRef| match group {
            GroupRef::Number(_) => 8,
            GroupRef::Name(name) => name.len(),
        };
        let groups: usize = groups.iter().map(of_group).sum();
        let bytes = groups + texts.iter().map(|text| text.len()).sum::<usize>();
        self.users = true;
        self.batch.users.push(user);
        self.added(bytes)
    }

    pub(super) fn token(&mut self, token: StagedToken) -> Result<(), Closed> {
        let bytes = token.digest.len() + token.salt.len() + token.knox_key.len();
        self.tokens = true;
        self.batch.tokens.push(token);
        self.added(bytes)
    }

    pub(super) fn unreadable(&mut self, row: Unreadable) -> Result<(), Closed> {
        let bytes = row.what.len() + row.why.len();
        self.batch.unreadable.push(row);
        self.added(bytes)
    }

    /// Notes what of a row was taken otherwise than it is written.
    pub(super) fn altered(&mut self, place: u64, what: &str, whys: Vec<String>) {
        let of = |why| Unreadable { of: Of::Another, place, what: what.to_owned(), why };
        self.batch.altered.extend(whys.into_iter().map(of));
    }

    /// Notes what was taken otherwise than it was written.
    pub(super) fn remark(&mut self, remarks: &Remarks) {
        self.batch.remarks.extend(remarks.words().into_iter().filter(|(_, count)| *count > 0));
    }

    /// Notes what whoever moves should know of the source.
    pub(super) fn warn(&mut self, words: impl Into<String>) {
        self.batch.warnings.push(words.into());
    }

    /// Hands on what is left, with what is known at the end.
    pub(super) fn finish(
        mut self,
        says: Says,
        others: impl IntoIterator<Item = (String, u64)>,
    ) -> Result<(), Closed> {
        self.batch.says = Some(says);
        self.batch.others.extend(others);
        self.hand_on()
    }

    fn added(&mut self, bytes: usize) -> Result<(), Closed> {
        self.bytes += bytes;
        self.count += 1;
        if self.count < Self::AT_ONCE && self.bytes < Self::BYTES_AT_ONCE {
            return Ok(());
        }
        self.hand_on()
    }

    fn hand_on(&mut self) -> Result<(), Closed> {
        (self.bytes, self.count) = (0, 0);
        (self.sink)(std::mem::take(&mut self.batch))
    }
}
