//! What is read and written of tokens.

use super::{ended, rows, users};
use crate::clock::Timestamp;
use crate::model::token::{KnoxKey, TokenAbout, TokenDigest, TokenRecord};
use crate::model::user::{User, UserId};
use crate::store::sound::sound;
use crate::store::{Change, Issue, ListedToken, NewToken, OnLimit, StoreError, TokenLimit};
use rusqlite::{Connection, params};

/// How many useless tokens are deleted at a time: a few milliseconds of the writer's time.
const SWEEP_BATCH: u32 = 1_000;

pub(super) fn issue(
    db: &Connection,
    new: &NewToken,
    changes: &mut Vec<Change>,
) -> Result<Issue, StoreError> {
    let record = &new.record;
    // Nobody logs in who may not; what they have from before is carried along.
    let is_as_seen = |user: &User| (user.is_active || !new.is_login) && user.epoch == record.epoch;
    if !users::find(db, record.user)?.as_ref().is_some_and(is_as_seen) {
        return Ok(Issue::UserChanged);
    }
    if let Some(limit) = new.limit
        && !make_room(db, record, limit, changes)?
    {
        return Ok(Issue::LimitReached);
    }
    changes.push(Change::Token(record.digest.key()));
    insert(db, record, &new.about)?;
    if new.is_login {
        let sql = "UPDATE users SET last_login = ?2 WHERE id = ?1";
        rows::execute(db, sql, params![record.user, record.created])?;
    }
    Ok(Issue::Done)
}

/// Whether one more token keeps to the limit, after the oldest have made room if they are to.
fn make_room(
    db: &Connection,
    new: &TokenRecord,
    limit: TokenLimit,
    changes: &mut Vec<Change>,
) -> Result<bool, StoreError> {
    let live = list(db, new.user, new.created)?;
    let most = usize::try_from(limit.most).unwrap_or(usize::MAX);
    let excess = (live.len() + 1).saturating_sub(most);
    match limit.on_limit {
        _ if excess == 0 => Ok(true),
        OnLimit::Refuse => Ok(false),
        OnLimit::EvictOldest if most == 0 => Ok(false),
        OnLimit::EvictOldest => {
            for oldest in live.iter().take(excess) {
                revoke(db, &oldest.record.digest, changes)?;
            }
            Ok(true)
        }
    }
}

/// Adds a token, in place of the same token if that was added before, as by an import run twice.
pub(super) fn insert(
    db: &Connection,
    record: &TokenRecord,
    about: &TokenAbout,
) -> Result<(), StoreError> {
    // Not by a replacement, which fires no trigger for what it deletes.
    rows::execute(db, "DELETE FROM tokens WHERE digest = ?1", [record.digest])?;
    let sql = "INSERT INTO tokens (digest, user_id, created, expires, user_epoch, address,
                                   issued_by, name, user_agent, used, used_from, knox_key,
                                   former)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    let (used, used_from) = about.last_used.unzip();
    let columns = params![
        record.digest,
        record.user,
        record.created,
        record.expires,
        rows::integer(record.epoch),
        about.address.map(|address| address.to_string()),
        about.issued_by,
        about.name,
        about.user_agent,
        used,
        used_from.map(|address| address.to_string()),
        record.knox_key.as_ref().map(KnoxKey::as_str),
        former(record),
    ];
    rows::execute(db, sql, columns).map(drop)
}

/// What a token was found by before, as it is kept.
fn former(record: &TokenRecord) -> Option<Vec<u8>> {
    record.former.as_ref().and_then(|former| former.former_bytes(record.knox_key.as_ref()))
}

/// Gives a token another digest, if it is good by the old one; says whether it is good by the new one. What
/// else is known of it stays.
pub(super) fn exchange(
    db: &Connection,
    old: &TokenDigest,
    new: &TokenRecord,
    changes: &mut Vec<Change>,
) -> Result<bool, StoreError> {
    changes.extend([old, &new.digest].map(|digest| Change::Token(digest.key())));
    let is_good = |digest: &TokenDigest| -> Result<bool, StoreError> {
        let found = find(db, digest)?;
        Ok(found.is_some_and(|(token, user)| {
            user.is_active && user.id == new.user && token.epoch == user.epoch
        }))
    };
    let (is_done, may_be) = (is_good(&new.digest)?, is_good(old)?);
    if may_be && !is_done {
        rows::execute(db, "DELETE FROM tokens WHERE digest = ?1", [new.digest])?;
        rows::execute(db, "DELETE FROM old_digests WHERE digest = ?1", [old])?;
        let sql = "UPDATE tokens SET digest = ?2, knox_key = ?3, former = ?4 WHERE digest = ?1";
        let key = new.knox_key.as_ref().map(KnoxKey::as_str);
        rows::execute(db, sql, params![old, new.digest, key, former(new)])?;
    } else if may_be {
        rows::execute(db, "DELETE FROM tokens WHERE digest = ?1", [old])?;
    }
    Ok(is_done || may_be)
}

pub(super) fn find(
    db: &Connection,
    digest: &TokenDigest,
) -> Result<Option<(TokenRecord, User)>, StoreError> {
    let sql = "SELECT * FROM tokens JOIN users ON users.id = user_id WHERE digest = ?1";
    rows::first(db, sql, [digest], |row| Ok((rows::token(row)?, sound(rows::user(row)?)?)))
}

pub(super) fn list(
    db: &Connection,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<ListedToken>, StoreError> {
    let sql =
        "SELECT tokens.*, username FROM users JOIN tokens ON user_id = id AND user_epoch = epoch
               WHERE id = ?1 AND (expires IS NULL OR expires > ?2)
               ORDER BY created, digest";
    rows::all(db, sql, params![user, now], rows::listed_token)
}

pub(super) fn extend(
    db: &Connection,
    digest: &TokenDigest,
    expires: Timestamp,
) -> Result<bool, StoreError> {
    // max() is NULL, which is forever, where the present end is.
    let sql = "UPDATE tokens SET expires = max(expires, ?2) WHERE digest = ?1";
    Ok(rows::execute(db, sql, params![digest, expires])? > 0)
}

pub(super) fn revoke(
    db: &Connection,
    digest: &TokenDigest,
    changes: &mut Vec<Change>,
) -> Result<bool, StoreError> {
    changes.push(Change::Token(digest.key()));
    ended::note(db, digest)?;
    Ok(rows::execute(db, "DELETE FROM tokens WHERE digest = ?1", [digest])? > 0)
}

pub(super) fn revoke_all(db: &Connection, user: UserId, ended: u64) -> Result<bool, StoreError> {
    let sql = "UPDATE users SET epoch = max(epoch, ?2) + 1 WHERE id = ?1";
    let is_known = rows::execute(db, sql, params![user, rows::integer(ended)])? > 0;
    rows::execute(db, "DELETE FROM tokens WHERE user_id = ?1", [user])?;
    Ok(is_known)
}

/// Some tokens that are of no more use by `now`. Those of a user who is locked out are kept to their
/// end, so that their clients can be told why they are refused.
pub(super) fn find_useless(
    db: &Connection,
    now: Timestamp,
) -> Result<Vec<TokenDigest>, StoreError> {
    let sql = "SELECT digest FROM tokens WHERE expires <= ?1
               UNION ALL
               SELECT digest FROM users JOIN tokens ON user_id = id AND user_epoch < epoch
               WHERE is_active
               LIMIT ?2";
    rows::all(db, sql, params![now, SWEEP_BATCH], |row| Ok(TokenDigest::new(row.get("digest")?)))
}

/// Deletes those of the tokens that are of no use still: one may have been extended meanwhile.
pub(super) fn delete_useless(
    db: &Connection,
    digests: &[TokenDigest],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM tokens WHERE digest = ?1 AND (
                   expires <= ?2
                   OR user_epoch < (SELECT epoch FROM users WHERE id = user_id AND is_active))";
    let mut deleted = 0;
    for digest in digests {
        deleted += rows::execute(db, sql, params![digest, now])?;
    }
    Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
}

/// The heads of the digests of tokens of which nobody can tell what they were found by before, although it
/// is kept.
pub(super) fn with_unreadable_former(db: &Connection) -> Result<Vec<String>, StoreError> {
    let sql =
        "SELECT digest, knox_key, former FROM tokens WHERE former IS NOT NULL ORDER BY digest";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if rows::former(row)?.is_none() {
            let digest: Vec<u8> = row.get("digest")?;
            found.push(hex::encode(digest.get(..8).unwrap_or_default()));
        }
    }
    Ok(found)
}
