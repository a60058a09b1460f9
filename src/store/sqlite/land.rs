//! Taking a source over into a file.
//!
//! Where there is nobody yet, and nobody else uses the file, all of it is one step. Else each step is short,
//! so that gateways which use the file meanwhile wait for no longer than that; whoever is stopped in between
//! begins again, and finds those who are here already.

use super::land_anew::land_anew;
use super::land_one::{Destination, land_one, refuse_conflict};
use super::land_step::Steps;
use super::trouble::Trouble;
use super::{archive, file, rows};
use crate::store::staging::{Arrival, Landed, Landing, OnConflict, REHEARSAL, Staging, room};
use crate::store::whole::Progress;
use crate::store::{StoreError, Temporary};
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How many users are read at once.
const CHUNK: usize = 200;
/// How long to wait for others who write to the file.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Takes a source over, or tells what would come of it.
pub(in crate::store) fn land(
    path: &Path,
    staging: &Staging,
    order: &Landing,
    progress: Progress<'_>,
) -> Result<Landed, StoreError> {
    if order.dry_run {
        let rehearsed = rehearse(path, staging, order, progress);
        return rehearsed.map_err(|error| without_room(error, &room::folder(), path, staging));
    }
    let place = path.display().to_string();
    let (db, landed) = land_for_good(path, staging, order, progress)
        .map_err(|error| without_room(error, &place, path, staging))?;
    if let Err(error) = empty_log(&db) {
        tracing::warn!(%error, "the source is taken over, and the log could not be emptied");
    }
    Ok(landed)
}

/// The log may have the whole of it, and would stay as large. Others are not kept waiting for that.
fn empty_log(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(Duration::ZERO)?;
    db.execute_batch("PRAGMA wal_checkpoint(PASSIVE); PRAGMA wal_checkpoint(TRUNCATE)")
}

fn land_for_good(
    path: &Path,
    staging: &Staging,
    order: &Landing,
    progress: Progress<'_>,
) -> Result<(Connection, Landed), StoreError> {
    let mut db = file::open(path)?;
    db.busy_timeout(PATIENCE)?;
    let landed = land_in(&mut db, staging, order, progress)?;
    Ok((db, landed))
}

fn rehearse(
    path: &Path,
    staging: &Staging,
    order: &Landing,
    progress: Progress<'_>,
) -> Result<Landed, StoreError> {
    let copy = Temporary::new(REHEARSAL);
    let copy = copy.map_err(|error| room::cannot_make("the copy of a dry run", &error))?;
    land_in(&mut copied(path, copy.path())?, staging, order, progress)
}

/// What is told where a disk is full: that of the store, or of what is sorted on the way.
fn without_room(error: StoreError, place: &str, path: &Path, staging: &Staging) -> StoreError {
    if !room::is_full(&error) {
        return error;
    }
    // Rows take as much there as here, and the log as much again; what is sorted is less.
    let here = fs::metadata(path).map_or(0, |found| found.len());
    let takes = (here + 3 * staging.bytes()).div_ceil(1 << 20);
    StoreError::Unsuitable(format!(
        "there is no room for it at {place}, or in {} for what is sorted on the way: it takes up to {takes} MiB. \
         Users who were taken over are here; make room, or name another folder by TMPDIR=FOLDER, and do the \
         same again",
        room::folder()
    ))
}

/// Where it is tried first: nothing that is told was not done, and nothing of it stays.
fn copied(path: &Path, to: &Path) -> Result<Connection, StoreError> {
    if path.exists() {
        let (db, _) = file::look(path)?;
        let copy = db.execute("VACUUM INTO ?1", [to.to_string_lossy()]);
        copy.map_err(|error| Trouble::Sqlite(error).reading(path))?;
    }
    let made = || {
        let mut db = file::connect(to)?;
        db.execute_batch("PRAGMA journal_mode = off; PRAGMA synchronous = off")?;
        file::install(&mut db)?;
        Ok(db)
    };
    made().map_err(|trouble: Trouble| trouble.at(to))
}

fn land_in(
    db: &mut Connection,
    staging: &Staging,
    order: &Landing,
    progress: Progress<'_>,
) -> Result<Landed, StoreError> {
    for connection in [&staging.db, &*db] {
        order.stop.holds_for(connection)?;
    }
    staging.begin_landing(order.at)?;
    let landed = match land_anew(db, staging, order, progress)? {
        Some(landed) => landed,
        None => land_beside(db, staging, order, progress)?,
    };
    // It is done, and whoever stops it now hears that it is.
    order.stop.lets_go();
    progress("users", landed.users());
    staging.end_landing(landed)
}

/// Takes a source over to where somebody is.
fn land_beside(
    db: &Connection,
    staging: &Staging,
    order: &Landing,
    progress: Progress<'_>,
) -> Result<Landed, StoreError> {
    let to = Destination { db, order, staging };
    if order.on_conflict == OnConflict::Fail {
        // Before anything is written, and without keeping anybody from writing.
        go_through(staging, &mut Landed::default(), |some, _| {
            some.iter().try_for_each(|arrival| refuse_conflict(&to, arrival))
        })?;
    }
    let mut landed = Landed::default();
    let mut steps = Steps::new(db, !order.dry_run);
    // First, so that no new user gets the number of one who is still to come.
    archive::note_last_number(db, rows::integer(staging.highest_number()?))?;
    go_through(staging, &mut landed, |some, landed| {
        some.iter().try_for_each(|arrival| land_one(&to, &mut steps, arrival, landed))?;
        steps.end()?;
        progress("users", landed.users());
        Ok(())
    })?;
    Ok(landed)
}

/// Everybody once, and those again whose name was another's who may have been renamed since, as long as
/// that helps.
fn go_through(
    staging: &Staging,
    landed: &mut Landed,
    mut land: impl FnMut(&[Arrival], &mut Landed) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut round = staging.round()?;
    loop {
        let before = landed.renamed;
        let mut arrivals = round.begin()?;
        let mut some = arrivals.next(CHUNK)?;
        while !some.is_empty() {
            // Nothing is left to be read once the last of them are written.
            let next = arrivals.next(CHUNK)?;
            land(&some, landed)?;
            some = next;
        }
        drop(arrivals);
        if landed.renamed == before {
            return Ok(());
        }
        round = staging.round_of_namesakes()?;
    }
}
