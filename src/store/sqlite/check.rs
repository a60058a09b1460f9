//! What is looked at before a file is served from: damage must not look like an answer.

use super::trouble::Trouble;
use super::{file, verify};
use crate::store::StoreError;
use std::fs;
use std::path::Path;

/// How many bytes a file may have to be gone through at each start, rows beside indexes: a second on an
/// old machine.
const WHOLE_UP_TO: u64 = 64 << 20;
/// How many for a look at its pages and rows alone, which takes a fifth of that.
const QUICK_UP_TO: u64 = 512 << 20;

/// Refuses a file that is damaged, as far as that can be seen in the time that a start may take.
pub(super) fn check(path: &Path) -> Result<(), StoreError> {
    let Ok(found) = fs::metadata(path) else { return Ok(()) };
    if found.len() == 0 {
        // Whoever opens it says what is wrong with it.
        return Ok(());
    }
    let (db, _) = file::look(path)?;
    if found.len() > QUICK_UP_TO {
        tracing::info!(
            bytes = found.len(),
            "the store is too large to be gone through at a start; `authgate store verify` does so"
        );
        return Ok(());
    }
    let is_small = found.len() <= WHOLE_UP_TO;
    let damage = if is_small { verify::damage(&db) } else { verify::quick_damage(&db) };
    let damage = damage.map_err(|error| Trouble::Sqlite(error).at(path))?;
    let first = damage.into_iter().next();
    first.map_or(Ok(()), |first| Err(Trouble::Damaged(first).at(path)))
}
