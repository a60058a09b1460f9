//! Taking one user of a source over, to where somebody may be in their place.

use super::land_step::{ROWS, Steps};
use super::land_tokens::{add_tokens, replace_tokens};
use super::{archive, deleted, rows, users};
use crate::model::user::{User, UserId, Username};
use crate::store::StoreError;
use crate::store::staging::{
    Arrival, ArrivingUser, Landed, Landing, OnConflict, Refusal, Staging, Verdict, ends_tokens,
    verdict,
};
use rusqlite::Connection;

/// Where it is taken to, and how.
pub(super) struct Destination<'a> {
    pub(super) db: &'a Connection,
    pub(super) order: &'a Landing,
    pub(super) staging: &'a Staging,
}

/// What becomes of a user of a source.
struct Judged {
    /// Whom a landing that was stopped has written of them, without all of their tokens.
    begun: Option<User>,
    /// Who is here of them.
    here: Option<User>,
    verdict: Verdict,
}

/// Fails if a user conflicts with who is here.
pub(super) fn refuse_conflict(to: &Destination<'_>, arrival: &Arrival) -> Result<(), StoreError> {
    let Judged { verdict, .. } = judge(to, &arrival.user)?;
    if verdict.is_conflict() { Err(arrival.user.conflict(verdict)) } else { Ok(()) }
}

/// Takes one user over with their tokens: in one step, unless those are very many.
pub(super) fn land_one(
    to: &Destination<'_>,
    steps: &mut Steps<'_>,
    arrival: &Arrival,
    landed: &mut Landed,
) -> Result<(), StoreError> {
    let row = &arrival.user;
    let on_conflict = to.order.on_conflict;
    steps.make_room(if has_many(arrival) { 1 } else { 1 + arrival.tokens.len() })?;
    let Judged { begun, here, verdict } = judge(to, row)?;
    if on_conflict == OnConflict::Fail && verdict.is_conflict() {
        return Err(row.late_conflict(verdict));
    }
    to.staging.note_arrival(arrival, verdict.refusal())?;
    landed.count(verdict);
    match (verdict, here) {
        (Verdict::Add, _) if begun.is_some() || has_many(arrival) => {
            add_in_steps(to, steps, (arrival, begun), landed)
        }
        (Verdict::Add, _) => {
            let user = anew(to, row, None)?;
            archive::put_user(to.db, &user)?;
            deleted::forget(to.db, user.id)?;
            add_tokens(to, &user, &arrival.tokens, landed)
        }
        (Verdict::Update, Some(here)) => {
            let user = update(to.db, row, &here)?;
            landed.renamed += u64::from(user.username != here.username);
            replace_tokens(to, steps, (&user, arrival), landed).map(drop)
        }
        (Verdict::Same, Some(here)) if on_conflict == OnConflict::Update => {
            replace_tokens(to, steps, (&here, arrival), landed).map(drop)
        }
        (Verdict::Same | Verdict::Keep, Some(_)) => {
            landed.tokens_kept_out += u64::try_from(arrival.tokens.len()).unwrap_or(0);
            Ok(())
        }
        (Verdict::Same | Verdict::Keep | Verdict::Update, None) | (Verdict::Refuse(_), _) => Ok(()),
    }
}

fn has_many(arrival: &Arrival) -> bool {
    arrival.tokens.len() >= ROWS
}

/// What becomes of a user.
fn judge(to: &Destination<'_>, row: &ArrivingUser) -> Result<Judged, StoreError> {
    let refused = |refusal| Judged { begun: None, here: None, verdict: Verdict::Refuse(refusal) };
    let of_number = match row.id {
        Some(id) => users::find(to.db, UserId(id)),
        None => Ok(None),
    };
    let of_name = users::find_by_name(to.db, &Username::stored(row.username.clone()));
    let (of_number, of_name) = match (of_number, of_name) {
        // Whoever that is, they are not to be overwritten.
        (Err(StoreError::Corrupt { .. }), _) => return Ok(refused(Refusal::NumberTaken)),
        (_, Err(StoreError::Corrupt { .. })) => return Ok(refused(Refusal::NameTaken)),
        (of_number, of_name) => (of_number?, of_name?),
    };
    let verdict = verdict(row, of_number.as_ref(), of_name.as_ref(), to.order.on_conflict);
    let verdict = verdict.unless_gone(verdict == Verdict::Add && is_gone(to, row)?);
    let here = if row.id.is_some() { of_number } else { of_name };
    match here {
        Some(begun) if has_begun(to.db, row, &begun)? => {
            Ok(Judged { begun: Some(begun), here: None, verdict: Verdict::Add })
        }
        here => Ok(Judged { begun: None, here, verdict }),
    }
}

/// Whether who had the number was deleted here, and is not to come back.
fn is_gone(to: &Destination<'_>, row: &ArrivingUser) -> Result<bool, StoreError> {
    let Some(id) = row.id.map(UserId) else { return Ok(false) };
    Ok(!to.order.brings_back.has(id) && deleted::has(to.db, id)?)
}

/// Whether this is what a landing that was stopped has written of a row. Whom somebody has let in since is
/// somebody.
fn has_begun(db: &Connection, row: &ArrivingUser, user: &User) -> Result<bool, StoreError> {
    let is_of_row = row.joined == Some(user.joined)
        || (user.username.as_str() == row.username && user.password.expose() == row.password);
    if user.is_active || !is_of_row {
        return Ok(false);
    }
    let sql = "SELECT 1 FROM landing_users WHERE id = ?1";
    Ok(rows::first(db, sql, [user.id], |_| Ok(()))?.is_some())
}

/// The user as they are to be added, in place of what has begun of them.
fn anew(
    to: &Destination<'_>,
    row: &ArrivingUser,
    begun: Option<&User>,
) -> Result<User, StoreError> {
    let (id, epoch) = match (begun, row.id) {
        (Some(begun), _) => (begun.id, begun.epoch),
        (None, Some(id)) => (UserId(id), 0),
        (None, None) => (UserId(archive::last_number(to.db)?.cast_unsigned() + 1), 0),
    };
    Ok(row.anew(id, epoch, to.order.at))
}

/// Adds a user who is locked out until all of their tokens are there, in more than one step.
fn add_in_steps(
    to: &Destination<'_>,
    steps: &mut Steps<'_>,
    (arrival, begun): (&Arrival, Option<User>),
    landed: &mut Landed,
) -> Result<(), StoreError> {
    let user = anew(to, &arrival.user, begun.as_ref())?;
    archive::put_user(to.db, &User { is_active: false, ..user.clone() })?;
    rows::execute(to.db, "INSERT OR IGNORE INTO landing_users (id) VALUES (?1)", [user.id])?;
    deleted::forget(to.db, user.id)?;
    // What has begun may have tokens that the source does not have any more.
    let is_untouched = replace_tokens(to, steps, (&user, arrival), landed)?;
    steps.make_room(1)?;
    if is_untouched {
        let sql = "UPDATE users SET is_active = ?2 WHERE id = ?1 AND epoch = ?3";
        rows::execute(to.db, sql, (user.id, user.is_active, rows::integer(user.epoch)))?;
    }
    rows::execute(to.db, "DELETE FROM landing_users WHERE id = ?1", [user.id]).map(drop)
}

fn update(db: &Connection, row: &ArrivingUser, here: &User) -> Result<User, StoreError> {
    let mut after = row.over(here);
    after.epoch += u64::from(ends_tokens(here, &after));
    archive::put_user(db, &after)?;
    Ok(after)
}
