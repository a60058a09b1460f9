//! Writing the tokens of one user of a source.

use super::land_one::Destination;
use super::land_step::{ROWS, Steps};
use super::{ended, old_digests, rows, tokens, users};
use crate::model::token::{KnoxKey, OldDigest, TokenAbout, TokenDigest, TokenRecord};
use crate::model::user::User;
use crate::store::StoreError;
use crate::store::staging::{Arrival, ArrivingToken, Landed, OnConflict, Refusal};
use rusqlite::{Connection, params};
use std::collections::{HashMap, HashSet};

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
    let before = Before::of(to, user, wanted)?;
    let gone = &before.gone;
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
            landed.tokens_ended += u64::from(!before.ours.contains_key(digest));
        }
    }
    for (index, some) in wanted.chunks(PART).enumerate() {
        if !goes_on(some.len())? {
            let left = wanted.len().saturating_sub(index * PART);
            landed.tokens_kept_out += u64::try_from(left).unwrap_or(0);
            return Ok(false);
        }
        add_tokens(to, (user, &before), some, landed)?;
    }
    Ok(true)
}

/// What a user has of tokens before they get those of a source.
#[derive(Default)]
pub(super) struct Before {
    /// What the source does not have of it, or has by another digest.
    gone: Vec<TokenDigest>,
    /// The tokens that are good.
    had: HashSet<TokenDigest>,
    /// Those that have got another digest since, by that which the source has.
    ours: HashMap<TokenDigest, TokenRecord>,
}

impl Before {
    fn of(to: &Destination<'_>, user: &User, wanted: &[ArrivingToken]) -> Result<Self, StoreError> {
        let source: HashSet<_> = wanted.iter().map(|token| token.digest).collect();
        let old = wanted.iter().filter_map(ArrivingToken::old_digest);
        let old: HashSet<_> = old.map(|old| old.digest).collect();
        let mut before = Self::default();
        let sql = "SELECT * FROM tokens WHERE user_id = ?1";
        let here = rows::all(to.db, sql, [user.id], |row| {
            let digest = TokenDigest::new(row.get("digest")?);
            // What cannot be read goes, or is told where it is written anew.
            let Ok(token) = rows::token(row) else { return Ok(digest) };
            // What is not good is swept away at any time, and that is no logout.
            if token.epoch == user.epoch && !token.has_expired(to.order.at) {
                before.had.insert(digest);
            }
            let former = token.former.as_ref().map(|former| former.digest);
            let former = former.filter(|former| old.contains(former) && !source.contains(&digest));
            before.ours.extend(former.zip(Some(token)));
            Ok(digest)
        })?;
        let ours: HashSet<_> = before.ours.values().map(|token| token.digest).collect();
        let stays = |digest: &TokenDigest| source.contains(digest) || ours.contains(digest);
        let goes = |digest: &TokenDigest| before.ours.contains_key(digest) || !stays(digest);
        before.gone = here.into_iter().filter(goes).collect();
        Ok(before)
    }
}

/// Adds tokens, but for those whose digest is another's, or that were ended since their user was begun, or
/// were good before and are gone: somebody has logged them out since, or they have another digest.
pub(super) fn add_tokens(
    to: &Destination<'_>,
    (user, before): (&User, &Before),
    wanted: &[ArrivingToken],
    landed: &mut Landed,
) -> Result<(), StoreError> {
    // An update has everybody have what the source says.
    let spares_ended = to.order.on_conflict != OnConflict::Update;
    for token in wanted {
        let (record, old) = token.kept(user, to.order.at, before.ours.get(&token.digest));
        let sql = "SELECT * FROM tokens WHERE digest = ?1";
        match rows::first(to.db, sql, [record.digest], rows::token)? {
            Some(other) if other.user != user.id => {
                to.staging.note_token(token.row, Refusal::TokenTaken)?;
                continue;
            }
            Some(here) if is_as(to.db, &here, &record, old.as_ref())? => landed.tokens_there += 1,
            Some(_) => {
                rewrite(to.db, &record)?;
                landed.tokens_updated += 1;
            }
            None if before.had.contains(&record.digest)
                || (spares_ended && ended::has(to.db, &record.digest)?) =>
            {
                landed.tokens_kept_out += 1;
                continue;
            }
            None => {
                tokens::insert(to.db, &record, &TokenAbout::default())?;
                landed.tokens_added += 1;
            }
        }
        match old {
            Some(old) => old_digests::put(to.db, &old)?,
            None => old_digests::forget(to.db, record.digest)?,
        }
    }
    Ok(())
}

/// Whether a token is here as the source says, by what it is found included.
fn is_as(
    db: &Connection,
    here: &TokenRecord,
    record: &TokenRecord,
    old: Option<&OldDigest>,
) -> Result<bool, StoreError> {
    let record = TokenRecord { former: here.former.clone(), ..record.clone() };
    Ok(*here == record && old_digests::of(db, record.digest)?.as_ref() == old)
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
