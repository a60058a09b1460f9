//! Taking a source over into a file in which nobody is, or a few are who have nothing in common with the
//! source, all in one step.
//!
//! Rows go in by the order of their keys, and indexes, sums and what keeps those up to date come after
//! them: so each page is written once.

use super::land_others::{keep_others_out, let_others_in};
use super::{archive, deleted, rows};
use crate::store::StoreError;
use crate::store::staging::{Landed, Landing, NUMBERLESS, OnConflict, Refusal, Staging, Verdict};
use crate::store::whole::Progress;
use rusqlite::{Connection, TransactionBehavior, named_params};

/// How many may be there already, such as the first operators: their rows are indexed anew.
const FEW: u32 = 1_000;

/// `None`, and nothing done, if anybody of the source may be there, or somebody uses the file.
pub(super) fn land_anew(
    db: &mut Connection,
    staging: &Staging,
    order: &Landing,
    progress: Progress<'_>,
) -> Result<Option<Landed>, StoreError> {
    if !are_few(db)? {
        return Ok(None);
    }
    if !keep_others_out(db)? {
        tracing::info!("others use the file: users are taken over a few at a time");
        return Ok(None);
    }
    let landed = land_alone(db, staging, order, progress);
    let_others_in(db)?;
    landed
}

fn land_alone(
    db: &mut Connection,
    staging: &Staging,
    order: &Landing,
    progress: Progress<'_>,
) -> Result<Option<Landed>, StoreError> {
    let place = staging.place().ok_or_else(|| {
        StoreError::Unsuitable("the folder for temporary files has no name in UTF-8".to_owned())
    })?;
    db.execute("ATTACH ?1 AS source", [place])?;
    // Whose the tokens are is known, and to ask anew of each takes as long as all the rest.
    db.execute_batch("PRAGMA foreign_keys = off; PRAGMA cache_size = -32000")?;
    let landed = land_strangers(db, staging, order, progress);
    db.execute_batch("PRAGMA foreign_keys = on; PRAGMA cache_size = -2000; DETACH source")?;
    let landed = landed?;
    if let Some(landed) = &landed
        && landed.tokens_twice > 0
    {
        staging.refuse_tokens_that_are_there_twice()?;
    }
    Ok(landed)
}

fn are_few(db: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM main.users LIMIT 1 OFFSET ?1";
    Ok(rows::first(db, sql, [FEW], |_| Ok(()))?.is_none())
}

/// Whether nobody who is there has a number, a name or a token of the source.
fn are_strangers(db: &Connection) -> Result<bool, StoreError> {
    let is_none = |sql| Ok::<_, StoreError>(rows::first(db, sql, [], |_| Ok(()))?.is_none());
    Ok(is_none(OF_BOTH)?
        && (is_none("SELECT 1 FROM main.tokens LIMIT 1")? || is_none(TOKEN_OF_BOTH)?))
}

fn land_strangers(
    db: &mut Connection,
    staging: &Staging,
    order: &Landing,
    progress: Progress<'_>,
) -> Result<Option<Landed>, StoreError> {
    if !are_strangers(db)? {
        return Ok(None);
    }
    refuse_gone(db, staging, order)?;
    land_all(db, staging, order, progress)
}

/// Takes nobody who was deleted, unless they are to come back.
fn refuse_gone(db: &Connection, staging: &Staging, order: &Landing) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let mut ids = deleted::list(db, after, 1_000)?;
        let Some(last) = ids.last() else { break };
        after = Some(*last);
        ids.retain(|id| !order.brings_back.has(*id));
        staging.refuse_gone(&ids)?;
    }
    match staging.end_refusing_gone()? {
        Some(first) if order.on_conflict == OnConflict::Fail => {
            Err(first.conflict(Verdict::Refuse(Refusal::NumberGone)))
        }
        _ => Ok(()),
    }
}

fn land_all(
    db: &mut Connection,
    staging: &Staging,
    order: &Landing,
    progress: Progress<'_>,
) -> Result<Option<Landed>, StoreError> {
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let secondary = Secondary::drop_of(&step)?;
    let last = archive::last_number(&step)?.max(rows::integer(staging.highest_number()?));
    let mut landed = Landed::default();
    let arriving: i64 =
        step.query_row("SELECT count(*) FROM source.tokens WHERE refusal IS NULL", [], |row| {
            row.get(0)
        })?;
    // Who has no number of the source is in a row after this, and gets one after the last.
    let given = named_params! { ":base": last - NUMBERLESS, ":at": order.at };
    landed.tokens_added = changed(step.execute(TOKENS, given)?);
    landed.tokens_twice = arriving.cast_unsigned().saturating_sub(landed.tokens_added);
    step.execute(OLD_DIGESTS, [])?;
    progress("tokens", landed.tokens_added);
    secondary.make(&step, |name| name == BY_USER)?;
    landed.added = changed(step.execute(USERS, named_params! { ":at": order.at })?);
    landed.added += changed(step.execute(USERS_WITHOUT_NUMBER, given)?);
    progress("users", landed.added);
    secondary.make(&step, |name| name != BY_USER)?;
    // Nobody gets the number either of one who was not taken.
    archive::note_last_number(&step, archive::last_number(&step)?.max(last))?;
    deleted::forget_present(&step)?;
    step.commit()?;
    // It is done: whoever stops it now hears so.
    order.stop.lets_go();
    Ok(Some(landed))
}

fn changed(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

const OF_BOTH: &str = "
    SELECT 1 FROM main.users AS here
    WHERE EXISTS (SELECT 1 FROM source.users WHERE refusal IS NULL AND row = here.id)
       OR EXISTS (SELECT 1 FROM source.users WHERE refusal IS NULL AND username = here.username)
    LIMIT 1";
const TOKEN_OF_BOTH: &str = "
    SELECT 1 FROM source.tokens WHERE refusal IS NULL AND digest IN (SELECT digest FROM main.tokens)
    LIMIT 1";

/// By which the tokens of each user are counted.
const BY_USER: &str = "tokens_by_user";

const TOKENS: &str = "
    INSERT OR IGNORE INTO main.tokens (digest, user_id, created, expires, user_epoch, knox_key)
    SELECT digest, iif(owner > 0, owner, :base + owner), ifnull(created, :at), expires, 0, knox_key
    FROM source.tokens WHERE refusal IS NULL ORDER BY digest, row";

const OLD_DIGESTS: &str = "
    INSERT OR IGNORE INTO main.old_digests (digest, knox_key, scheme, salt)
    SELECT digest, knox_key, scheme, ifnull(salt, x'') FROM source.tokens
    WHERE refusal IS NULL AND scheme IS NOT NULL ORDER BY digest, row";

macro_rules! users {
    ($number:literal, $which:literal) => {
        concat!(
            "INSERT INTO main.users (id, username, email, password, is_active, is_staff, joined,
                                     last_login, epoch, tokens, first_name, last_name,
                                     is_superuser, group_names)
             SELECT ",
            $number,
            ", username, email, password, is_active, is_staff, ifnull(joined, :at), last_login, 0,
               (SELECT count(*) FROM main.tokens WHERE user_id = ",
            $number,
            "), first_name, last_name, is_superuser, group_names
             FROM source.users WHERE refusal IS NULL AND ",
            $which
        )
    };
}

const USERS: &str = users!("row", "row > 0 ORDER BY row");
const USERS_WITHOUT_NUMBER: &str = users!(":base + row", "row < 0 ORDER BY row");

/// The indexes and triggers of users and tokens.
struct Secondary(Vec<(String, String)>);

impl Secondary {
    /// Takes them away.
    fn drop_of(db: &Connection) -> Result<Self, StoreError> {
        let sql = "SELECT name, sql, type FROM main.sqlite_schema
                   WHERE tbl_name IN ('users', 'tokens', 'old_digests') AND sql IS NOT NULL
                     AND type IN ('index', 'trigger')";
        let found = rows::all(db, sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let mut dropped = Vec::new();
        for (name, sql, kind) in found {
            let (name, kind): (String, String) = (name, kind);
            db.execute_batch(&format!("DROP {kind} main.{name}"))?;
            dropped.push((name, sql));
        }
        Ok(Self(dropped))
    }

    /// Makes some of them again, as they were.
    fn make(&self, db: &Connection, is_wanted: impl Fn(&str) -> bool) -> Result<(), StoreError> {
        let wanted = self.0.iter().filter(|(name, _)| is_wanted(name));
        wanted.map(|(_, sql)| sql).try_for_each(|sql| Ok(db.execute_batch(sql)?))
    }
}
