//! What is read and written of what is counted over time.

use super::rows;
use crate::clock::Timestamp;
use crate::store::{Count, Series, StoreError};
use rusqlite::{Connection, Row};
use std::time::Duration;

/// How long counts are kept: a day, and what is needed to begin it at any minute.
const KEPT: Duration = Duration::from_hours(25);

pub(super) fn add(db: &Connection, counts: &[Count]) -> Result<(), StoreError> {
    let sql = "INSERT INTO counts (minute, series, number) VALUES (?1, ?2, ?3)
               ON CONFLICT (minute, series) DO UPDATE SET number = number + excluded.number";
    for Count { minute, number, series } in counts {
        rows::execute(db, sql, (minute, series.as_str(), rows::integer(*number)))?;
    }
    let Some(newest) = counts.iter().map(|count| count.minute).max() else { return Ok(()) };
    rows::execute(db, "DELETE FROM counts WHERE minute < ?1", [newest.minus(KEPT)]).map(drop)
}

pub(super) fn list(db: &Connection, since: Timestamp) -> Result<Vec<Count>, StoreError> {
    let sql = "SELECT * FROM counts WHERE minute >= ?1 ORDER BY minute, series";
    Ok(rows::all(db, sql, [since], read)?.into_iter().flatten().collect())
}

/// `None` if another version counts something that this one does not know.
fn read(row: &Row<'_>) -> Result<Option<Count>, StoreError> {
    let series: String = row.get("series")?;
    let minute = Timestamp::from_micros(row.get("minute")?);
    let number = rows::count(row, "number")?;
    Ok(Series::read(&series).map(|series| Count { minute, number, series }))
}
