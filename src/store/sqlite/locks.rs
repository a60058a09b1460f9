//! What only one may do at a time: items of a kind of their own.

use super::rows;
use crate::clock::Timestamp;
use crate::store::{Lock, StoreError};
use rusqlite::{Connection, params};

pub(super) fn take(db: &Connection, lock: &Lock, now: Timestamp) -> Result<bool, StoreError> {
    let until = now.plus(lock.lasts);
    // The clock has been set back since, or there is no end.
    let cap = "UPDATE items SET expires = ?2
               WHERE kind = 'lock' AND key = ?1 AND (expires IS NULL OR expires > ?2)";
    rows::execute(db, cap, params![lock.name, until])?;
    let sql = "INSERT INTO items (kind, key, value, expires) VALUES ('lock', ?1, ?2, ?3)
               ON CONFLICT (kind, key) DO UPDATE
               SET value = excluded.value, expires = excluded.expires
               WHERE items.expires <= ?4";
    Ok(rows::execute(db, sql, params![lock.name, lock.holder, until, now])? > 0)
}

pub(super) fn release(db: &Connection, lock: &Lock) -> Result<(), StoreError> {
    let sql = "DELETE FROM items WHERE kind = 'lock' AND key = ?1 AND value = ?2";
    rows::execute(db, sql, params![lock.name, lock.holder]).map(drop)
}
