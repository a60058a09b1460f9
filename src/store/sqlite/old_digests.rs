//! How the digests of some tokens were made, where another program made them.

use super::rows;
use crate::model::token::{DigestScheme, KnoxKey, OldDigest, TokenDigest};
use crate::store::StoreError;
use rusqlite::{Connection, Row, params};

/// Those of tokens that begin like this.
pub(super) fn find(db: &Connection, key: &KnoxKey) -> Result<Vec<OldDigest>, StoreError> {
    let sql = "SELECT * FROM old_digests WHERE knox_key = ?1";
    rows::all(db, sql, [key.as_str()], read)
}

/// What is kept beside a token.
pub(super) fn of(db: &Connection, digest: TokenDigest) -> Result<Option<OldDigest>, StoreError> {
    rows::first(db, "SELECT * FROM old_digests WHERE digest = ?1", [digest], read)
}

/// Keeps nothing beside a token.
pub(super) fn forget(db: &Connection, digest: TokenDigest) -> Result<(), StoreError> {
    rows::execute(db, "DELETE FROM old_digests WHERE digest = ?1", [digest]).map(drop)
}

/// Whether there are any.
pub(super) fn any(db: &Connection) -> Result<bool, StoreError> {
    let found = rows::first(db, "SELECT 1 FROM old_digests LIMIT 1", [], |_| Ok(()))?;
    Ok(found.is_some())
}

/// Keeps one beside its token, in place of what was kept of that.
pub(super) fn put(db: &Connection, old: &OldDigest) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO old_digests (digest, knox_key, scheme, salt)
               VALUES (?1, ?2, ?3, ?4)";
    let columns = params![old.digest, old.knox_key.as_str(), old.scheme.to_string(), old.salt];
    rows::execute(db, sql, columns).map(drop)
}

/// Reads one from the columns of `old_digests`.
pub(super) fn read(row: &Row<'_>) -> Result<OldDigest, StoreError> {
    let digest = TokenDigest::new(row.get("digest")?);
    let text: String = row.get("scheme")?;
    let scheme: Option<DigestScheme> = text.parse().ok();
    let key: String = row.get("knox_key")?;
    let (Some(scheme), Some(knox_key)) = (scheme, KnoxKey::parse(&key)) else {
        let problem = "its scheme or its beginning makes no sense".to_owned();
        return Err(StoreError::Corrupt { what: "old digest", problem });
    };
    Ok(OldDigest { digest, knox_key, salt: row.get("salt")?, scheme })
}

/// The heads of the digests of which this program cannot tell how they were made: nobody is let in by them.
pub(super) fn unreadable(db: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare("SELECT * FROM old_digests ORDER BY digest")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match read(row) {
            Ok(_) => {}
            Err(StoreError::Corrupt { .. }) => {
                let digest: Vec<u8> = row.get("digest")?;
                found.push(hex::encode(digest.get(..8).unwrap_or_default()));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
