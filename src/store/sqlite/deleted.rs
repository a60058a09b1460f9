//! The numbers of users who were deleted here.

use super::rows;
use crate::model::user::UserId;
use crate::store::StoreError;
use rusqlite::{Connection, params};

/// Notes that a user was deleted.
pub(super) fn note(db: &Connection, id: UserId) -> Result<(), StoreError> {
    rows::execute(db, "INSERT OR IGNORE INTO deleted_users (id) VALUES (?1)", [id]).map(drop)
}

/// Has a user be no deleted one any more.
pub(super) fn forget(db: &Connection, id: UserId) -> Result<(), StoreError> {
    rows::execute(db, "DELETE FROM deleted_users WHERE id = ?1", [id]).map(drop)
}

/// Whether the number is of somebody who was deleted.
pub(super) fn has(db: &Connection, id: UserId) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM deleted_users WHERE id = ?1";
    Ok(rows::first(db, sql, [id], |_| Ok(()))?.is_some())
}

/// At most so many of them after a number.
pub(super) fn list(
    db: &Connection,
    after: Option<UserId>,
    most: u32,
) -> Result<Vec<UserId>, StoreError> {
    let sql = "SELECT id FROM main.deleted_users WHERE id > ?1 ORDER BY id LIMIT ?2";
    rows::all(db, sql, params![after.unwrap_or(UserId(0)), most], |row| {
        Ok(UserId(row.get::<_, i64>(0)?.cast_unsigned()))
    })
}

/// Lets go of those who are there.
pub(super) fn forget_present(db: &Connection) -> Result<(), StoreError> {
    let sql = "DELETE FROM main.deleted_users WHERE id IN (SELECT id FROM main.users)";
    rows::execute(db, sql, []).map(drop)
}
