//! Tokens that were ended of users whom an import has begun, and that it is not to bring back.

use super::rows;
use crate::model::token::TokenDigest;
use crate::model::user::UserId;
use crate::store::StoreError;
use rusqlite::Connection;

/// Notes that a token ends, if its user has been begun.
pub(super) fn note(db: &Connection, digest: &TokenDigest) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO items (kind, key, owner, value)
               SELECT 'ended', hex(digest), user_id, ''
               FROM tokens JOIN landing_users ON id = user_id WHERE digest = ?1";
    rows::execute(db, sql, [digest]).map(drop)
}

/// Whether that is noted of a token.
pub(super) fn has(db: &Connection, digest: &TokenDigest) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM items WHERE kind = 'ended' AND key = hex(?1)";
    Ok(rows::first(db, sql, [digest], |_| Ok(()))?.is_some())
}

/// Forgets it of all tokens of a user: they are somebody now.
pub(super) fn forget(db: &Connection, user: UserId) -> Result<(), StoreError> {
    rows::execute(db, "DELETE FROM items WHERE kind = 'ended' AND owner = ?1", [user]).map(drop)
}
