//! Whether others use a file, which decides whether they are waited for.

use super::land::PATIENCE;
use crate::store::StoreError;
use rusqlite::{Connection, ErrorCode};
use std::time::Duration;

/// Has the file for itself, unless somebody has it open, who could not write to it for as long.
pub(super) fn keep_others_out(db: &Connection) -> Result<bool, StoreError> {
    db.busy_timeout(Duration::ZERO)?;
    let step = "PRAGMA main.locking_mode = exclusive; BEGIN IMMEDIATE; COMMIT";
    let tried = db.execute_batch(step);
    db.busy_timeout(PATIENCE)?;
    match tried {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            let_others_in(db)?;
            Ok(false)
        }
        tried => Ok(tried.map(|()| true)?),
    }
}

/// Lets go of the file at the next look at it.
pub(super) fn let_others_in(db: &Connection) -> Result<(), StoreError> {
    let step = "PRAGMA main.locking_mode = normal; SELECT count(*) FROM main.sqlite_schema";
    Ok(db.execute_batch(step)?)
}

/// Whether somebody else has the file open. Whoever opens it in this very moment waits for no more than that.
pub(super) fn are_there_others(db: &Connection) -> Result<bool, StoreError> {
    if !keep_others_out(db)? {
        return Ok(true);
    }
    let_others_in(db).map(|()| false)
}
