//! What there is in a file, and how much room it takes.

use super::{file, make, rows};
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::whole::{Room, Stats};
use rusqlite::Connection;
use std::fs;
use std::path::Path;

/// What is counted, and where it is.
const WHAT: [(&str, &str); 7] = [
    ("users", "users"),
    ("tokens", "tokens"),
    ("old digests", "old_digests"),
    ("deleted users", "deleted_users"),
    ("items", "items WHERE kind NOT IN ('backup', 'ended', 'lock')"),
    ("events", "events"),
    ("limits", "limits"),
];

/// What there is.
pub(in crate::store) fn stats(path: &Path, now: Timestamp) -> Result<Stats, StoreError> {
    let (db, version) = file::look(path)?;
    if version < file::SCHEMA {
        return Err(StoreError::Unsuitable(format!(
            "{} has a schema of version {version}, which `authgate serve` brings up to date first",
            path.display()
        )));
    }
    let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let rooms = WHAT.into_iter().map(|(what, place)| {
        let count = number(&db, &format!("SELECT count(*) FROM {place}"))?;
        Ok(Room { bytes: None, count, what: what.to_owned() })
    });
    let tokens = "SELECT count(*) FROM users JOIN tokens ON user_id = id AND user_epoch = epoch
                  WHERE is_active AND (expires IS NULL OR expires > ";
    let good_tokens = number(&db, &format!("{tokens}{})", now.micros()))?;
    let all_tokens = number(&db, "SELECT count(*) FROM tokens")?;
    Ok(Stats {
        rooms: rooms.collect::<Result<_, StoreError>>()?,
        bytes: size(path) + size(&make::log_of(path)),
        summary: format!("SQLite {} at {}", rusqlite::version(), path.display()),
        schema: version.unsigned_abs(),
        active: number(&db, "SELECT count(*) FROM users WHERE is_active")?,
        staff: number(&db, "SELECT count(*) FROM users WHERE is_staff")?,
        users: number(&db, "SELECT count(*) FROM users")?,
        joined: span(&db, "SELECT min(joined), max(joined) FROM users")?,
        good_tokens,
        dead_tokens: all_tokens.saturating_sub(good_tokens),
        issued: span(&db, "SELECT min(created), max(created) FROM tokens")?,
        happened: span(&db, "SELECT min(at), max(at) FROM events")?,
    })
}

fn number(db: &Connection, sql: &str) -> Result<u64, StoreError> {
    let number: i64 = db.query_row(sql, [], |row| row.get(0))?;
    Ok(u64::try_from(number).unwrap_or(0))
}

fn span(db: &Connection, sql: &str) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
    let found = rows::first(db, sql, [], |row| {
        let ends: (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        Ok(ends.0.zip(ends.1))
    })?;
    Ok(found
        .flatten()
        .map(|(first, last)| (Timestamp::from_micros(first), Timestamp::from_micros(last))))
}
