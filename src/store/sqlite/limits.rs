//! What is read and written of limits.

use super::rows;
use crate::clock::Timestamp;
use crate::model::limit::{Charge, Familiar, Standing, Taken};
use crate::model::user::UserId;
use crate::store::{Counted, FAMILIAR_NETWORKS, StoreError};
use rusqlite::{Connection, Row, params};
use std::time::Duration;

/// How many rows are deleted at a time: a few milliseconds of the writer's time.
const SWEEP_BATCH: u32 = 1_000;

pub(super) fn take(
    db: &Connection,
    charges: &[Charge],
    now: Timestamp,
) -> Result<Counted, StoreError> {
    let mut last = Standing { left: 0, reset: Duration::ZERO };
    let mut written = Vec::with_capacity(charges.len());
    for charge in charges {
        let key = charge.key.to_string();
        match charge.rule.take(find(db, &key)?, now) {
            Ok((taken, standing)) => {
                written.push((key, taken));
                last = standing;
            }
            Err(wait) => return Ok(Counted::Refused { charge: charge.clone(), wait }),
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
    let Familiar { network, user } = familiar;
    let sql = "INSERT INTO familiar (user_id, network, forget) VALUES (?1, ?2, ?3)
               ON CONFLICT (user_id, network) DO UPDATE SET forget = max(forget, excluded.forget)";
    rows::execute(db, sql, params![user, network.to_string(), until])?;
    let sql = "DELETE FROM familiar WHERE user_id = ?1 AND network IN (
                   SELECT network FROM familiar WHERE user_id = ?1
                   ORDER BY forget DESC LIMIT -1 OFFSET ?2)";
    rows::execute(db, sql, params![user, FAMILIAR_NETWORKS]).map(drop)
}

/// Writes down from where a user has logged in, and until when that is remembered, as another store has it.
pub(super) fn put_familiar(
    db: &Connection,
    user: UserId,
    familiar: &[(String, Timestamp)],
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO familiar (user_id, network, forget) VALUES (?1, ?2, ?3)";
    familiar.iter().try_for_each(|(network, until)| {
        rows::execute(db, sql, params![user, network, until]).map(drop)
    })
}

pub(super) fn familiar_until(
    db: &Connection,
    familiar: Familiar,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let Familiar { network, user } = familiar;
    let sql = "SELECT forget FROM familiar WHERE user_id = ?1 AND network = ?2 AND forget > ?3";
    let columns = params![user, network.to_string(), now];
    rows::first(db, sql, columns, |row| Ok(Timestamp::from_micros(row.get("forget")?)))
}

pub(super) fn forget_familiar(db: &Connection, user: UserId) -> Result<(), StoreError> {
    rows::execute(db, "DELETE FROM familiar WHERE user_id = ?1", [user]).map(drop)
}

/// Deletes some of what is forgotten by `now`, and says how much.
pub(super) fn sweep(db: &Connection, now: Timestamp) -> Result<usize, StoreError> {
    let sql = "DELETE FROM limits WHERE key IN (
                   SELECT key FROM limits WHERE forget <= ?1 LIMIT ?2)";
    let limits = rows::execute(db, sql, params![now, SWEEP_BATCH])?;
    let sql = "DELETE FROM familiar WHERE (user_id, network) IN (
                   SELECT user_id, network FROM familiar WHERE forget <= ?1 LIMIT ?2)";
    Ok(limits + rows::execute(db, sql, params![now, SWEEP_BATCH])?)
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
