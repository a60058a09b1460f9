//! How much there is of a source, and what is told where there is no room for it.

use super::Staging;
use super::read::count;
use crate::model::token::TokenDigest;
use crate::store::{OutageKind, StoreError};
use std::io;

/// What helps where there is no room.
const ADVICE: &str = "TMPDIR=FOLDER in the environment names another folder";

impl Staging {
    /// How many users and tokens there are of which nothing is known against it.
    pub(in crate::store) fn arriving(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT (SELECT count(*) FROM users WHERE refusal IS NULL),
                          (SELECT count(*) FROM tokens WHERE refusal IS NULL)";
        Ok(self.db.query_row(sql, [], |row| Ok((count(row, 0)?, count(row, 1)?)))?)
    }

    /// About so many of the users, evenly spread: their numbers and names.
    pub(in crate::store) fn some_users(
        &self,
        most: u64,
    ) -> Result<Vec<(Option<u64>, String)>, StoreError> {
        let each = (self.arriving()?.0 / most).max(1).cast_signed();
        let sql = "SELECT row, username FROM (
                       SELECT row, username, row_number() OVER () AS number
                       FROM users WHERE refusal IS NULL) WHERE number % ?1 = 0";
        self.all(sql, [each], |row| Ok((u64::try_from(row.get::<_, i64>(0)?).ok(), row.get(1)?)))
    }

    /// The same of tokens: their digests.
    pub(in crate::store) fn some_tokens(&self, most: u64) -> Result<Vec<TokenDigest>, StoreError> {
        let each = (self.arriving()?.1 / most).max(1).cast_signed();
        let sql = "SELECT digest FROM (
                       SELECT digest, row_number() OVER () AS number
                       FROM tokens WHERE refusal IS NULL) WHERE number % ?1 = 0";
        self.all(sql, [each], |row| Ok(TokenDigest::new(row.get(0)?)))
    }

    /// The bytes that it takes.
    pub(in crate::store) fn bytes(&self) -> u64 {
        self.file.file().metadata().map_or(0, |found| found.len())
    }

    /// What is told of a fault while so much of the source is read, of so much, if that is known.
    pub fn told(&self, error: StoreError, read: Option<(u64, u64)>) -> StoreError {
        told(error, self.bytes(), read)
    }
}

/// What is told of a fault: where there is no room, how much there is, how much it takes and what helps.
pub(super) fn told(error: StoreError, bytes: u64, read: Option<(u64, u64)>) -> StoreError {
    if !is_full(&error) {
        return error;
    }
    let part = read.filter(|(done, whole)| *done > 0 && done < whole);
    let takes = part.map_or_else(
        || "it takes about as much as the source".to_owned(),
        |(done, whole)| {
            let all = u128::from(bytes) * u128::from(whole) / u128::from(done);
            format!("it takes some {} MiB", all.div_ceil(1 << 20))
        },
    );
    StoreError::Unsuitable(format!(
        "there is no room for what is read of the source, which is kept in {} until it is taken over: {} MiB \
         are there, and {takes}. {ADVICE}",
        folder(),
        bytes.div_ceil(1 << 20),
    ))
}

/// Why a file cannot be made there.
pub(in crate::store) fn cannot_make(what: &str, error: &io::Error) -> StoreError {
    let folder = folder();
    // The path of the file that was to be made says no more than its folder.
    let why = error.get_ref().map_or_else(|| error.to_string(), ToString::to_string);
    StoreError::Unsuitable(format!("cannot keep {what} in {folder}: {why}. {ADVICE}"))
}

/// Whether a disk is full.
pub(in crate::store) fn is_full(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable(outage) => outage.kind == OutageKind::Unwritable("disk"),
        StoreError::Corrupt { .. } | StoreError::Unsuitable(_) => false,
    }
}

/// Where temporary files are.
pub(in crate::store) fn folder() -> String {
    tempfile::env::temp_dir().display().to_string()
}
