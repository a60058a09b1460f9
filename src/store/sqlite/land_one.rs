//! Taking one user of a source over, to where somebody may be in their place.

use super::land_step::{ROWS, Steps};
use super::land_tokens::{Before, add_tokens, replace_tokens};
use super::{archive, deleted, ended, rows, users};
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
    if verdict == Verdict::Add && (begun.is_some() || has_many(arrival)) {
        return add_in_steps(to, steps, (arrival, begun), landed);
    }
    to.staging.note_arrival(arrival, verdict.refusal())?;
    landed.count(verdict);
    match (verdict, here) {
        (Verdict::Add, _) => {
            let user = anew(to, row, None)?;
            archive::put_user(to.db, &user)?;
            deleted::forget(to.db, user.id)?;
            add_tokens(to, (&user, &Before::default()), &arrival.tokens, landed)
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
    let begun = match if row.id.is_some() { &of_number } else { &of_name } {
        Some(user) if has_begun(to.db, row, user)? => Some(user.clone()),
        _ => None,
    };
    // Whom a stopped landing has begun is nobody yet, and in nobody's way.
    let is_somebody = |user: &User| begun.as_ref().is_none_or(|begun| begun.id != user.id);
    let (of_number, of_name) = (of_number.filter(is_somebody), of_name.filter(is_somebody));
    let verdict = verdict(row, of_number.as_ref(), of_name.as_ref(), to.order.on_conflict);
    let verdict = verdict.unless_gone(verdict == Verdict::Add && is_gone(to, row)?);
    let here = if row.id.is_some() { of_number } else { of_name };
    Ok(Judged { begun, here, verdict })
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

/// Adds a user who is locked out until all of their tokens are there, in more than one step. Whoever ends
/// their tokens meanwhile, or since a landing was stopped, has ended all of them.
fn add_in_steps(
    to: &Destination<'_>,
    steps: &mut Steps<'_>,
    (arrival, begun): (&Arrival, Option<User>),
    landed: &mut Landed,
) -> Result<(), StoreError> {
    let user = anew(to, &arrival.user, begun.as_ref())?;
    let has_ended = match &begun {
        Some(begun) if to.order.on_conflict != OnConflict::Update => have_ended(to.db, begun)?,
        _ => false,
    };
    let before = landed.clone();
    if has_ended || !write_in_steps(to, steps, (arrival, &user), landed)? {
        let kept_out = u64::try_from(arrival.tokens.len()).unwrap_or(0);
        let tokens_kept_out = before.tokens_kept_out + kept_out;
        *landed = Landed { tokens_ended: landed.tokens_ended, tokens_kept_out, ..before.clone() };
    }
    let verdict = let_in(to.db, &user)?;
    if verdict.refusal().is_some() {
        *landed = before;
    }
    to.staging.note_arrival(arrival, verdict.refusal())?;
    landed.count(verdict);
    Ok(())
}

/// Says whether nobody has ended their tokens meanwhile.
fn write_in_steps(
    to: &Destination<'_>,
    steps: &mut Steps<'_>,
    (arrival, user): (&Arrival, &User),
    landed: &mut Landed,
) -> Result<bool, StoreError> {
    archive::put_user(to.db, &User { is_active: false, ..user.clone() })?;
    rows::execute(to.db, "INSERT OR IGNORE INTO landing_users (id) VALUES (?1)", [user.id])?;
    deleted::forget(to.db, user.id)?;
    // What has begun may have tokens that the source does not have any more.
    let is_same = replace_tokens(to, steps, (user, arrival), landed)?;
    steps.make_room(1)?;
    let sql = "SELECT 1 FROM users WHERE id = ?1 AND epoch = ?2";
    let columns = (user.id, rows::integer(user.epoch));
    Ok(is_same && rows::first(to.db, sql, columns, |_| Ok(()))?.is_some())
}

/// Whether somebody has ended the tokens of a user since a landing that was stopped has begun them. If that
/// landing came after it, it has left tokens that are good.
fn have_ended(db: &Connection, begun: &User) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM tokens WHERE user_id = ?1 AND user_epoch = ?2";
    let columns = (begun.id, rows::integer(begun.epoch));
    Ok(begun.epoch > 0 && rows::first(db, sql, columns, |_| Ok(()))?.is_none())
}

/// Lets a user in whom a landing has kept out, unless somebody has decided of that meanwhile. Says what has
/// become of them.
fn let_in(db: &Connection, user: &User) -> Result<Verdict, StoreError> {
    ended::forget(db, user.id)?;
    let sql = "DELETE FROM landing_users WHERE id = ?1";
    if rows::execute(db, sql, [user.id])? > 0 {
        let sql = "UPDATE users SET is_active = ?2 WHERE id = ?1";
        rows::execute(db, sql, (user.id, user.is_active))?;
    } else if users::find(db, user.id)?.is_none() {
        return Ok(Verdict::Refuse(Refusal::NumberGone));
    }
    Ok(Verdict::Add)
}

fn update(db: &Connection, row: &ArrivingUser, here: &User) -> Result<User, StoreError> {
    let mut after = row.over(here);
    after.epoch += u64::from(ends_tokens(here, &after));
    archive::put_user(db, &after)?;
    Ok(after)
}
