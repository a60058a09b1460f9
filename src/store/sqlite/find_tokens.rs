//! The tokens of all users, and what is noted of their use.

use super::rows;
use crate::clock::Timestamp;
use crate::model::token::TokenDigest;
use crate::store::{Census, Cursor, StoreError, TokenPage, TokenUse};
use rusqlite::{Connection, Row, named_params, params};

/// How many tokens are looked at before a page ends short.
const WALKED: i64 = 20_000;

pub(super) fn page(
    db: &Connection,
    after: Option<&Cursor>,
    limit: usize,
    now: Timestamp,
) -> Result<TokenPage, StoreError> {
    // A longer digest than all: the place before the first.
    let beginning = || (i64::MAX, vec![u8::MAX; 65]);
    let (place, digest) = after.and_then(read).unwrap_or_else(beginning);
    let (mut tokens, mut last, mut seen) = (Vec::new(), None, 0);
    // First those of the same moment: of both together SQLite would look at all of them.
    for way in [
        "ifnull(used, created) = :place AND digest < :digest ORDER BY digest DESC",
        "ifnull(used, created) < :place ORDER BY ifnull(used, created) DESC, digest DESC",
    ] {
        let sql = format!(
            "SELECT tokens.*, username, ifnull(used, created) AS place,
                    user_epoch = epoch AND (expires IS NULL OR expires > :now) AS is_good
             FROM tokens CROSS JOIN users ON users.id = user_id WHERE {way}"
        );
        let mut statement = db.prepare_cached(&sql)?;
        let places = named_params! { ":digest": digest, ":now": now, ":place": place };
        rows::bind(&mut statement, places)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            seen += 1;
            let is_good = row.get("is_good")?;
            if is_good && tokens.len() >= limit {
                return Ok(TokenPage { next: last, tokens });
            }
            if is_good {
                tokens.push(rows::listed_token(row)?);
                last = Some(cursor(row)?);
            }
            if seen == WALKED {
                return Ok(TokenPage { next: Some(cursor(row)?), tokens });
            }
        }
    }
    Ok(TokenPage { next: None, tokens })
}

fn cursor(row: &Row<'_>) -> Result<Cursor, StoreError> {
    let digest: [u8; 64] = row.get("digest")?;
    // No more of the digest than the token's id shows: places stand in answers and addresses. What
    // comes after the whole comes after its head, too.
    let head = TokenDigest::new(digest).head();
    Ok(Cursor::at(format_args!("{head:016x}"), row.get::<_, i64>("place")?))
}

fn read(cursor: &Cursor) -> Option<(i64, Vec<u8>)> {
    let (digest, place) = cursor.read()?;
    Some((place.parse().ok()?, hex::decode(digest).ok()?))
}

pub(super) fn note_uses(db: &Connection, uses: &[TokenUse]) -> Result<(), StoreError> {
    let sql = "UPDATE tokens SET used = ?2, used_from = ?3
               WHERE digest = ?1 AND ifnull(used, 0) <= ?2";
    for TokenUse { at, digest, from, .. } in uses {
        rows::execute(db, sql, params![digest, at, from.to_string()])?;
    }
    Ok(())
}

pub(super) fn census(db: &Connection, now: Timestamp) -> Result<Census, StoreError> {
    // All tokens, but for those of users who are locked out and those that have run out.
    let sql = "SELECT (SELECT count(*) FROM users) AS users,
                      (SELECT count(*) FROM users WHERE is_staff = 1) AS staff,
                      (SELECT count(*) FROM users WHERE is_active = 0) AS inactive,
                      (SELECT ifnull(sum(tokens), 0) FROM users)
                      - (SELECT ifnull(sum(tokens), 0) FROM users WHERE is_active = 0)
                      - (SELECT count(*) FROM tokens CROSS JOIN users ON users.id = user_id
                         WHERE expires <= ?1 AND is_active = 1) AS tokens";
    let read = |row: &Row<'_>| {
        Ok(Census {
            at: now,
            inactive: rows::count(row, "inactive")?,
            staff: rows::count(row, "staff")?,
            tokens: rows::count(row, "tokens")?,
            users: rows::count(row, "users")?,
        })
    };
    let none = Census { at: now, inactive: 0, staff: 0, tokens: 0, users: 0 };
    Ok(rows::first(db, sql, [now], read)?.unwrap_or(none))
}
