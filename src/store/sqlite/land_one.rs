//! Taking one user of a source over, to where somebody may be in their place.

use super::{archive, deleted, old_digests, rows, tokens, users};
use crate::model::token::{KnoxKey, TokenAbout, TokenDigest, TokenRecord};
use crate::model::user::{User, UserId, Username};
use crate::store::StoreError;
use crate::store::staging::{
    Arrival, ArrivingToken, ArrivingUser, Landed, Landing, OnConflict, Refusal, Staging, Verdict,
    ends_tokens, verdict,
};
use rusqlite::{Connection, params};
use std::collections::HashSet;

/// Where it is taken to, and how.
pub(super) struct Destination<'a> {
    pub(super) db: &'a Connection,
    pub(super) order: &'a Landing,
    pub(super) staging: &'a Staging,
}

/// Takes one user over with their tokens.
pub(super) fn land_one(
    to: &Destination<'_>,
    arrival: &Arrival,
    landed: &mut Landed,
) -> Result<(), StoreError> {
    let row = &arrival.user;
    let on_conflict = to.order.on_conflict;
    let (verdict, here) = judge(to, row)?;
    if on_conflict == OnConflict::Fail && verdict.is_conflict() {
        return Err(row.conflict(verdict));
    }
    to.staging.note_arrival(arrival, verdict.refusal())?;
    landed.count(verdict);
    match (verdict, here) {
        (Verdict::Add, _) => {
            let user = add(to, row)?;
            add_tokens(to, &user, &arrival.tokens, landed)
        }
        (Verdict::Update, Some(here)) => {
            let user = update(to.db, row, &here)?;
            landed.renamed += u64::from(user.username != here.username);
            replace_tokens(to, &user, arrival, landed)
        }
        (Verdict::Same, Some(here)) if on_conflict == OnConflict::Update => {
            replace_tokens(to, &here, arrival, landed)
        }
        (Verdict::Same | Verdict::Keep, Some(_)) => {
            landed.tokens_kept_out += u64::try_from(arrival.tokens.len()).unwrap_or(0);
            Ok(())
        }
        (Verdict::Same | Verdict::Keep | Verdict::Update, None) | (Verdict::Refuse(_), _) => Ok(()),
    }
}

/// What becomes of a user, and who is here of them.
fn judge(to: &Destination<'_>, row: &ArrivingUser) -> Result<(Verdict, Option<User>), StoreError> {
    let of_number = match row.id {
        Some(id) => users::find(to.db, UserId(id)),
        None => Ok(None),
    };
    let of_name = users::find_by_name(to.db, &Username::stored(row.username.clone()));
    let (of_number, of_name) = match (of_number, of_name) {
        // Whoever that is, they are not to be overwritten.
        (Err(StoreError::Corrupt { .. }), _) => {
            return Ok((Verdict::Refuse(Refusal::NumberTaken), None));
        }
        (_, Err(StoreError::Corrupt { .. })) => {
            return Ok((Verdict::Refuse(Refusal::NameTaken), None));
        }
        (of_number, of_name) => (of_number?, of_name?),
    };
    let verdict = verdict(row, of_number.as_ref(), of_name.as_ref(), to.order.on_conflict);
    let verdict = verdict.unless_gone(verdict == Verdict::Add && is_gone(to, row)?);
    Ok((verdict, if row.id.is_some() { of_number } else { of_name }))
}

/// Whether who had the number was deleted here, and is not to come back.
fn is_gone(to: &Destination<'_>, row: &ArrivingUser) -> Result<bool, StoreError> {
    let Some(id) = row.id.map(UserId) else { return Ok(false) };
    Ok(!to.order.brings_back.has(id) && deleted::has(to.db, id)?)
}

fn add(to: &Destination<'_>, row: &ArrivingUser) -> Result<User, StoreError> {
    let id = match row.id {
        Some(id) => UserId(id),
        None => UserId(archive::last_number(to.db)?.cast_unsigned() + 1),
    };
    let user = row.anew(id, 0, to.order.at);
    archive::put_user(to.db, &user)?;
    deleted::forget(to.db, id)?;
    Ok(user)
}

fn update(db: &Connection, row: &ArrivingUser, here: &User) -> Result<User, StoreError> {
    let mut after = row.over(here);
    after.epoch += u64::from(ends_tokens(here, &after));
    archive::put_user(db, &after)?;
    Ok(after)
}

/// Has the user have the tokens of the source and no others, if it says anything of tokens.
fn replace_tokens(
    to: &Destination<'_>,
    user: &User,
    arrival: &Arrival,
    landed: &mut Landed,
) -> Result<(), StoreError> {
    let wanted = &arrival.tokens;
    if !arrival.user.says.tokens {
        return Ok(());
    }
    let wanted_digests: HashSet<_> = wanted.iter().map(|token| token.digest).collect();
    let sql = "SELECT digest FROM tokens WHERE user_id = ?1";
    let here = rows::all(to.db, sql, [user.id], |row| Ok(TokenDigest::new(row.get(0)?)))?;
    for digest in here.iter().filter(|digest| !wanted_digests.contains(digest)) {
        rows::execute(to.db, "DELETE FROM tokens WHERE digest = ?1", [digest])?;
        landed.tokens_ended += 1;
    }
    add_tokens(to, user, wanted, landed)
}

fn add_tokens(
    to: &Destination<'_>,
    user: &User,
    wanted: &[ArrivingToken],
    landed: &mut Landed,
) -> Result<(), StoreError> {
    for token in wanted {
        let record = token.record(user, to.order.at);
        let sql = "SELECT * FROM tokens WHERE digest = ?1";
        match rows::first(to.db, sql, [record.digest], rows::token)? {
            Some(other) if other.user != user.id => {
                to.staging.note_token(token.row, Refusal::TokenTaken)?;
                continue;
            }
            Some(here) => {
                rewrite(to.db, &here, &record)?;
                landed.tokens_there += 1;
            }
            None => {
                tokens::insert(to.db, &record, &TokenAbout::default())?;
                landed.tokens_added += 1;
            }
        }
        if let Some(old) = token.old_digest() {
            old_digests::put(to.db, &old)?;
        }
    }
    Ok(())
}

/// What is known of its use stays.
fn rewrite(db: &Connection, here: &TokenRecord, record: &TokenRecord) -> Result<(), StoreError> {
    if here == record {
        return Ok(());
    }
    let sql = "UPDATE tokens SET created = ?2, expires = ?3, user_epoch = ?4, knox_key = ?5
               WHERE digest = ?1";
    let knox_key = record.knox_key.as_ref().map(KnoxKey::as_str);
    let epoch = rows::integer(record.epoch);
    let columns = params![record.digest, record.created, record.expires, epoch, knox_key];
    rows::execute(db, sql, columns).map(drop)
}
