//! Taking a source over into a file.
//!
//! Where there is nobody yet, all of it is one step. Else each step is a few users with their tokens, so
//! that gateways which use the file meanwhile wait for no longer than that; whoever is stopped in between
//! begins again, and finds those who are here already.

use super::land_anew::land_anew;
use super::land_one::{Destination, land_one};
use super::trouble::Trouble;
use super::{archive, file, rows};
use crate::store::StoreError;
use crate::store::staging::{Arrival, Landed, Landing, OnConflict, Staging};
use crate::store::whole::Progress;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::thread;
use std::time::Duration;
use tempfile::NamedTempFile;

/// How many users are taken over in a step.
const CHUNK: usize = 500;
/// How long others have between two steps to write to the file, who else might come too late each time.
const BREATH: Duration = Duration::from_millis(10);
/// How long to wait for others who write to the file.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes a source over, or tells what would come of it.
pub(in crate::store) fn land(
    path: &Path,
    staging: &Staging,
    order: &Landing,
    progress: Progress<'_>,
) -> Result<Landed, StoreError> {
    if order.dry_run {
        let copy = NamedTempFile::with_prefix("authgate-rehearsal-");
        let copy = copy.map_err(StoreError::unavailable)?;
        return land_in(&mut copied(path, copy.path())?, staging, order, progress);
    }
    let mut db = file::open(path)?;
    db.busy_timeout(PATIENCE)?;
    let landed = land_in(&mut db, staging, order, progress)?;
    // It is done. The log may have the whole of it, and would stay as large.
    if let Err(error) = db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "the source is taken over, and the log could not be emptied");
    }
    Ok(landed)
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
    staging.end_landing(landed)
}

/// Takes a source over to where somebody is.
fn land_beside(
    db: &mut Connection,
    staging: &Staging,
    order: &Landing,
    progress: Progress<'_>,
) -> Result<Landed, StoreError> {
    let all = |to: &Connection, arrivals: &[Arrival], landed: &mut Landed| {
        let to = Destination { db: to, order, staging };
        arrivals.iter().try_for_each(|arrival| land_one(&to, arrival, landed))
    };
    let mut landed = Landed::default();
    // First, so that no new user gets the number of one who is still to come.
    let highest = rows::integer(staging.highest_number()?);
    if order.on_conflict == OnConflict::Fail {
        // All of it is one step, for nobody knows beforehand whether there is a conflict.
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        archive::note_last_number(&step, highest)?;
        go_through(staging, progress, &mut landed, |some, landed| all(&step, some, landed))?;
        step.commit()?;
        return Ok(landed);
    }
    archive::note_last_number(db, highest)?;
    go_through(staging, progress, &mut landed, |some, landed| {
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        all(&step, some, landed)?;
        step.commit()?;
        if !order.dry_run {
            thread::sleep(BREATH);
        }
        Ok(())
    })?;
    Ok(landed)
}

/// Everybody once, and those again whose name was another's who may have been renamed since, as long as
/// that helps.
fn go_through(
    staging: &Staging,
    progress: Progress<'_>,
    landed: &mut Landed,
    mut land: impl FnMut(&[Arrival], &mut Landed) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut round = staging.round()?;
    loop {
        let before = landed.renamed;
        let mut arrivals = round.begin()?;
        loop {
            let some = arrivals.next(CHUNK)?;
            if some.is_empty() {
                break;
            }
            land(&some, landed)?;
            progress("users", landed.users());
        }
        drop(arrivals);
        if landed.renamed == before {
            return Ok(());
        }
        round = staging.round_of_namesakes()?;
    }
}
