//! What is read and written of items.

use super::rows;
use crate::clock::Timestamp;
use crate::model::user::UserId;
use crate::store::{Item, ItemKind, StoreError};
use rusqlite::{Connection, Row, params};

pub(super) fn put(db: &Connection, item: &Item) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO items (kind, key, owner, value, expires)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    rows::execute(db, sql, params![item.kind, item.key, item.owner, item.value, item.expires])
        .map(drop)
}

pub(super) fn add(db: &Connection, item: &Item, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "INSERT INTO items (kind, key, owner, value, expires) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (kind, key) DO UPDATE
               SET owner = excluded.owner, value = excluded.value, expires = excluded.expires
               WHERE items.expires <= ?6";
    let columns = params![item.kind, item.key, item.owner, item.value, item.expires, now];
    Ok(rows::execute(db, sql, columns)? > 0)
}

pub(super) fn replace(db: &Connection, value: &str, item: &Item) -> Result<bool, StoreError> {
    let sql = "UPDATE items SET owner = ?3, value = ?4, expires = ?5
               WHERE kind = ?1 AND key = ?2 AND value = ?6";
    let columns = params![item.kind, item.key, item.owner, item.value, item.expires, value];
    Ok(rows::execute(db, sql, columns)? > 0)
}

pub(super) fn find(
    db: &Connection,
    kind: ItemKind,
    key: &str,
    now: Timestamp,
) -> Result<Option<Item>, StoreError> {
    let sql = "SELECT * FROM items
               WHERE kind = ?1 AND key = ?2 AND (expires IS NULL OR expires > ?3)";
    rows::first(db, sql, params![kind, key, now], |row| read(row, kind))
}

/// Of those that cannot be read there is the key, or what stands in its place.
pub(super) fn list(
    db: &Connection,
    kind: ItemKind,
    now: Timestamp,
) -> Result<Vec<Result<Item, Vec<u8>>>, StoreError> {
    let sql = "SELECT * FROM items
               WHERE kind = ?1 AND (expires IS NULL OR expires > ?2) ORDER BY key";
    rows::all(db, sql, params![kind, now], |row| match read(row, kind) {
        Err(StoreError::Corrupt { .. }) => {
            Ok(Err(row.get_ref("key")?.as_bytes().unwrap_or_default().to_owned()))
        }
        item => Ok(Ok(item?)),
    })
}

pub(super) fn remove(db: &Connection, kind: ItemKind, key: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM items WHERE kind = ?1 AND key = ?2";
    Ok(rows::execute(db, sql, params![kind, key])? > 0)
}

pub(super) fn sweep(db: &Connection, now: Timestamp) -> Result<usize, StoreError> {
    rows::execute(db, "DELETE FROM items WHERE expires <= ?1", [now])
}

/// The kinds and keys of items that do not have what the parts of `auth` look for that keep them. What an
/// API key may do and when it was used is theirs to read.
pub(super) const UNREADABLE: &str = "SELECT kind, substr(hex(key), 1, 16) FROM items WHERE CASE
    WHEN kind NOT IN ('api_key', 'network', 'session', 'totp') THEN FALSE
    WHEN NOT json_valid(value) THEN TRUE
    WHEN kind = 'api_key' THEN owner IS NULL OR expires IS NULL
        OR json_type(value, '$.created') IS NOT 'integer'
        OR json_type(value, '$.name') IS NOT 'text' OR json_type(value, '$.rights') IS NULL
    WHEN kind = 'network' THEN ifnull(value ->> 'treatment', '') NOT IN ('allow', 'deny')
        OR json_type(value, '$.at') IS NOT 'integer'
        OR json_type(value, '$.by') IS NOT 'text' OR json_type(value, '$.note') IS NOT 'text'
    WHEN kind = 'session' THEN json_type(value, '$.began') IS NOT 'integer'
        OR json_type(value, '$.epoch') IS NOT 'integer'
        OR json_type(value, '$.seen') IS NOT 'integer' OR json_type(value, '$.from') IS NOT 'text'
    ELSE owner IS NULL OR json_type(value, '$.codes') IS NOT 'array'
        OR json_type(value, '$.last') IS NOT 'integer'
        OR json_type(value, '$.secret') IS NOT 'text' END";

fn read(row: &Row<'_>, kind: ItemKind) -> Result<Item, StoreError> {
    let key = |row: &Row<'_>| row.get::<_, String>("key").unwrap_or_default();
    read_of(row, kind).map_err(|error| error.of(kind.as_str(), key(row)))
}

fn read_of(row: &Row<'_>, kind: ItemKind) -> Result<Item, StoreError> {
    let owner: Option<i64> = row.get("owner")?;
    Ok(Item {
        expires: row.get::<_, Option<i64>>("expires")?.map(Timestamp::from_micros),
        key: row.get("key")?,
        kind,
        owner: owner.and_then(|id| u64::try_from(id).ok()).map(UserId),
        value: row.get("value")?,
    })
}
