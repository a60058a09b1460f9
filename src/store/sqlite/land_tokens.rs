//! Writing the tokens of one user of a source.

use super::land_one::Destination;
use super::land_step::{ROWS, Steps};
use super::{ended, old_digests, rows, tokens, users};
use crate::model::token::{KnoxKey, TokenAbout, TokenDigest, TokenRecord};
use crate::model::user::User;
use crate::store::StoreError;
use crate::store::staging::{Arrival, ArrivingToken, Landed, OnConflict, Refusal};
use rusqlite::{Connection, params};
use std::collections::HashSet;

/// How many rows are written between two looks at the time, where there are very many.
const PART: usize = 200;

/// Has the user have the tokens of the source and no others, if it says anything of tokens. Where those are
/// very many it takes more than one step. Says whether the user was the same all the time: otherwise it
/// goes no further, for somebody has ended their tokens meanwhile, or deleted them.
pub(super) fn replace_tokens(
    to: &Destination<'_>,
    steps: &mut Steps<'_>,
    (user, arrival): (&User, &Arrival),
    landed: &mut Landed,
) -> Result<bool, StoreError> {
    let wanted = &arrival.tokens;
    if !arrival.user.says.tokens {
        return Ok(true);
    }
    let wanted_digests: HashSet<_> = wanted.iter().map(|token| token.digest).collect();
    let sql = "SELECT digest FROM tokens WHERE user_id = ?1";
    let mut gone = rows::all(to.db, sql, [user.id], |row| Ok(TokenDigest::new(row.get(0)?)))?;
    gone.retain(|digest| !wanted_digests.contains(digest));
    let is_short = gone.len() + wanted.len() <= ROWS;
    let mut goes_on = |rows: usize| -> Result<bool, StoreError> {
        if is_short {
            return Ok(true);
        }
        steps.make_room(rows)?;
        Ok(users::find(to.db, user.id)?.is_some_and(|now| now.epoch == user.epoch))
    };
    for digests in gone.chunks(PART) {
        if !goes_on(digests.len())? {
            return Ok(false);
        }
        for digest in digests {
            rows::execute(to.db, "DELETE FROM tokens WHERE digest = ?1", [digest])?;
            landed.tokens_ended += 1;
        }
    }
    for (index, some) in wanted.chunks(PART).enumerate() {
        if !goes_on(some.len())? {
            let left = wanted.len().saturating_sub(index * PART);
            landed.tokens_kept_out += u64::try_from(left).unwrap_or(0);
            return Ok(false);
        }
        add_tokens(to, user, some, landed)?;
    }
    Ok(true)
}

/// Adds tokens, but for those whose digest is another's, or that were ended since their user was begun.
pub(super) fn add_tokens(
    to: &Destination<'_>,
    user: &User,
    wanted: &[ArrivingToken],
    landed: &mut Landed,
) -> Result<(), StoreError> {
    // An update has everybody have what the source says.
    let spares_ended = to.order.on_conflict != OnConflict::Update;
    for token in wanted {
        let record = token.record(user, to.order.at);
        let sql = "SELECT * FROM tokens WHERE digest = ?1";
        match rows::first(to.db, sql, [record.digest], rows::token)? {
            Some(other) if other.user != user.id => {
                to.staging.note_token(token.row, Refusal::TokenTaken)?;
                continue;
            }
            Some(here) if is_as(to.db, &here, &record, token)? => landed.tokens_there += 1,
            Some(_) => {
                rewrite(to.db, &record)?;
                landed.tokens_updated += 1;
            }
            None if spares_ended && ended::has(to.db, &record.digest)? => {
                landed.tokens_kept_out += 1;
                continue;
            }
            None => {
                tokens::insert(to.db, &record, &TokenAbout::default())?;
                landed.tokens_added += 1;
            }
        }
        match token.old_digest() {
            Some(old) => old_digests::put(to.db, &old)?,
            None => old_digests::forget(to.db, token.digest)?,
        }
    }
    Ok(())
}

/// Whether a token is here as the source says, by what it is found included.
fn is_as(
    db: &Connection,
    here: &TokenRecord,
    record: &TokenRecord,
    token: &ArrivingToken,
) -> Result<bool, StoreError> {
    let record = TokenRecord { former: here.former.clone(), ..record.clone() };
    Ok(*here == record && old_digests::of(db, token.digest)? == token.old_digest())
}

/// What is known of its use stays.
fn rewrite(db: &Connection, record: &TokenRecord) -> Result<(), StoreError> {
    let sql = "UPDATE tokens SET created = ?2, expires = ?3, user_epoch = ?4, knox_key = ?5
               WHERE digest = ?1";
    let knox_key = record.knox_key.as_ref().map(KnoxKey::as_str);
    let epoch = rows::integer(record.epoch);
    let columns = params![record.digest, record.created, record.expires, epoch, knox_key];
    rows::execute(db, sql, columns).map(drop)
}
