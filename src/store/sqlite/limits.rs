//! What is read and written of limits.

use super::rows;
use crate::clock::Timestamp;
use crate::model::limit::{Charge, Familiar, Standing, Taken};
use crate::store::{Counted, StoreError};
use rusqlite::{Connection, Row, params};
use std::time::Duration;

pub(super) fn take(
    db: &Connection,
    charges: &[Charge],
    now: Timestamp,
) -> Result<Counted, StoreError> {
    let mut last = Standing { left: 0, reset: Duration::ZERO };
    let mut written = Vec::with_capacity(charges.len());
    for (by, charge) in charges.iter().enumerate() {
        let key = charge.key.to_string();
        match charge.rule.take(find(db, &key)?, now) {
            Ok((taken, standing)) => {
                written.push((key, taken));
                last = standing;
            }
            Err(wait) => return Ok(Counted::Refused { by, wait }),
        }
    }
    for (key, taken) in written {
        put(db, &key, taken)?;
    }
    Ok(Counted::Done(last))
}

pub(super) fn give_back(db: &Connection, charges: &[Charge]) -> Result<(), StoreError> {
    for charge in charges {
        let key = charge.key.to_string();
        if let Some(taken) = find(db, &key)? {
            put(db, &key, charge.rule.give_back(taken))?;
        }
    }
    Ok(())
}

pub(super) fn list(db: &Connection, now: Timestamp) -> Result<Vec<(String, Taken)>, StoreError> {
    let sql = "SELECT * FROM limits WHERE forget > ?1 ORDER BY key";
    rows::all(db, sql, [now], |row| Ok((row.get("key")?, taken(row)?)))
}

pub(super) fn clear(db: &Connection, keys: &[String]) -> Result<u64, StoreError> {
    let mut cleared = 0;
    for key in keys {
        cleared += rows::execute(db, "DELETE FROM limits WHERE key = ?1", [key])?;
    }
    Ok(u64::try_from(cleared).unwrap_or(u64::MAX))
}

pub(super) fn make_familiar(
    db: &Connection,
    familiar: Familiar,
    until: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO familiar (key, forget) VALUES (?1, ?2)
               ON CONFLICT (key) DO UPDATE SET forget = max(forget, excluded.forget)";
    rows::execute(db, sql, params![familiar.to_string(), until]).map(drop)
}

pub(super) fn familiar_until(
    db: &Connection,
    familiar: Familiar,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT forget FROM familiar WHERE key = ?1 AND forget > ?2";
    rows::first(db, sql, params![familiar.to_string(), now], |row| {
        Ok(Timestamp::from_micros(row.get("forget")?))
    })
}

/// Deletes what is forgotten by `now`.
pub(super) fn sweep(db: &Connection, now: Timestamp) -> Result<(), StoreError> {
    rows::execute(db, "DELETE FROM limits WHERE forget <= ?1", [now])?;
    rows::execute(db, "DELETE FROM familiar WHERE forget <= ?1", [now]).map(drop)
}

fn find(db: &Connection, key: &str) -> Result<Option<Taken>, StoreError> {
    rows::first(db, "SELECT * FROM limits WHERE key = ?1", [key], taken)
}

fn put(db: &Connection, key: &str, taken: Taken) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO limits (key, level, until, forget) VALUES (?1, ?2, ?3, ?4)";
    rows::execute(db, sql, params![key, taken.level, taken.until, taken.forget]).map(drop)
}

fn taken(row: &Row<'_>) -> Result<Taken, StoreError> {
    Ok(Taken {
        forget: Timestamp::from_micros(row.get("forget")?),
        level: row.get("level")?,
        until: Timestamp::from_micros(row.get("until")?),
    })
}
