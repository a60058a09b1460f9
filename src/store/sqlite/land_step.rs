//! Short steps in a file that gateways use: whoever else writes to it waits for no longer than one of them,
//! and has as long for themselves afterwards. Where nobody else has it open nobody is waited for.

use super::land_others::are_there_others;
use crate::store::StoreError;
use rusqlite::Connection;
use std::thread;
use std::time::{Duration, Instant};

/// How many rows a step has at most.
pub(super) const ROWS: usize = 1_000;
/// After which time it is ended, whatever it has.
const LONGEST: Duration = Duration::from_millis(50);

/// Writes in short steps.
pub(super) struct Steps<'a> {
    /// Where it is written.
    pub(super) db: &'a Connection,
    begun: Option<Instant>,
    /// Whether others have their turn between two of them.
    rests: bool,
    rows: usize,
}

impl<'a> Steps<'a> {
    pub(super) fn new(db: &'a Connection, rests: bool) -> Self {
        Self { db, begun: None, rests, rows: 0 }
    }

    /// Has so many rows written in one step: in the one that is under way, if there is room in it.
    pub(super) fn make_room(&mut self, rows: usize) -> Result<(), StoreError> {
        let is_full = self.begun.is_some_and(|begun| begun.elapsed() >= LONGEST);
        if is_full || (self.rows > 0 && self.rows + rows > ROWS) {
            self.end()?;
        }
        if self.begun.is_none() {
            self.db.execute_batch("BEGIN IMMEDIATE")?;
            self.begun = Some(Instant::now());
        }
        self.rows += rows;
        Ok(())
    }

    /// Ends the step that is under way: what was written is there.
    pub(super) fn end(&mut self) -> Result<(), StoreError> {
        let Some(begun) = self.begun else { return Ok(()) };
        self.db.execute_batch("COMMIT")?;
        (self.begun, self.rows) = (None, 0);
        let took = begun.elapsed();
        if self.rests && are_there_others(self.db)? {
            thread::sleep(took);
        }
        Ok(())
    }
}

/// What was not ended is not done.
impl Drop for Steps<'_> {
    fn drop(&mut self) {
        if self.begun.is_some()
            && let Err(error) = self.db.execute_batch("ROLLBACK")
        {
            tracing::debug!(%error, "a step that failed was taken back by SQLite itself");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::file;

    /// How long it takes to end a step that has taken so long.
    fn rest_after(db: &Connection, took: Duration) -> Duration {
        let mut steps = Steps::new(db, true);
        steps.make_room(1).unwrap();
        db.execute_batch("DELETE FROM counts").unwrap();
        thread::sleep(took);
        let ends = Instant::now();
        steps.end().unwrap();
        ends.elapsed()
    }

    #[test]
    fn whoever_has_the_file_for_themselves_does_not_rest_between_steps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authgate.db");
        let db = file::open(&path).unwrap();
        let took = Duration::from_millis(400);
        assert!(rest_after(&db, took) < took / 2);
        let other = file::open(&path).unwrap();
        let read = || other.query_row("SELECT count(*) FROM users", [], |row| row.get(0));
        assert_eq!(read(), Ok(0));
        assert!(rest_after(&db, took) >= took);
        // They can go on, whatever was tried.
        assert_eq!(read(), Ok(0));
        other.execute_batch("DELETE FROM counts").unwrap();
        drop(other);
        assert!(rest_after(&db, took) < took / 2);
    }
}
