//! What is read and written of events.

use super::rows;
use crate::clock::Timestamp;
use crate::model::event::{Event, EventName, Trail};
use crate::model::user::Username;
use crate::store::events::{Written, tell_unreadable};
use crate::store::{EventBounds, EventQuery, StoreError};
use rusqlite::{Connection, Row, params};

/// How many events of a kind are deleted at a time: a few milliseconds of the writer's time.
const SWEEP_BATCH: i64 = 1_000;

pub(super) fn keep(
    db: &Connection,
    events: &[Event],
    bounds: EventBounds,
) -> Result<(), StoreError> {
    for event in events {
        insert(db, event)?;
    }
    trim(db, bounds.most).map(drop)
}

/// Adds an event, unless it is there: a writer who does not know whether it was kept asks again.
fn insert(db: &Connection, event: &Event) -> Result<(), StoreError> {
    let sql = "INSERT INTO events
               SELECT ?1, (SELECT coalesce(max(number), 0) + 1 FROM events WHERE trail = ?1),
                      ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
               WHERE NOT EXISTS (
                   SELECT 1 FROM events
                   WHERE at = ?2 AND name = ?3 AND actor = ?4 AND address IS ?5
                         AND user_id IS ?6 AND username IS ?7 AND detail IS ?8 AND operator IS ?9)";
    let (user, username) = event.user.as_ref().map(|(id, name)| (*id, name.as_str())).unzip();
    let columns = params![
        event.trail().as_str(),
        event.at,
        event.name.as_str(),
        event.actor.kind(),
        event.actor.address().map(|address| address.to_string()),
        user,
        username,
        event.detail,
        event.actor.operator().map(Username::as_str),
    ];
    rows::execute(db, sql, columns).map(drop)
}

pub(super) fn list(db: &Connection, query: &EventQuery) -> Result<Vec<Event>, StoreError> {
    // Each event in the order of time, until there are enough.
    let sql = "SELECT * FROM events
               WHERE at >= ?1 AND (?2 IS NULL OR name = ?2) AND (?3 IS NULL OR username = ?3)
               ORDER BY at DESC, trail DESC, number DESC LIMIT ?4";
    let columns = params![
        query.since.map_or(i64::MIN, Timestamp::micros),
        query.name.map(EventName::as_str),
        query.user.as_ref().map(Username::as_str),
        i64::try_from(query.limit).unwrap_or(i64::MAX),
    ];
    let found = rows::all(db, sql, columns, written)?;
    let count = found.len();
    let events: Vec<_> = found.into_iter().filter_map(Written::read).collect();
    tell_unreadable(count - events.len());
    Ok(events)
}

fn written(row: &Row<'_>) -> Result<Written, StoreError> {
    let user: Option<i64> = row.get("user_id")?;
    let user = user.and_then(|id| u64::try_from(id).ok());
    Ok(Written {
        actor: row.get("actor")?,
        address: row.get("address")?,
        at: row.get("at")?,
        detail: row.get("detail")?,
        name: row.get("name")?,
        operator: row.get("operator")?,
        user: user.zip(row.get("username")?),
    })
}

/// Deletes some of what is beyond the bounds, and says how many events.
pub(super) fn sweep_some(db: &Connection, bounds: EventBounds) -> Result<usize, StoreError> {
    let sql = "DELETE FROM events WHERE (trail, number) IN (
                   SELECT trail, number FROM events WHERE at < ?1 ORDER BY at LIMIT ?2)";
    Ok(rows::execute(db, sql, params![bounds.since, SWEEP_BATCH])? + trim(db, bounds.most)?)
}

/// Deletes some of the oldest events of trails that have too many.
fn trim(db: &Connection, most: u64) -> Result<usize, StoreError> {
    let sql = "DELETE FROM events WHERE trail = ?1
               AND number <= (SELECT max(number) FROM events WHERE trail = ?1) - ?2
               AND number < (SELECT min(number) FROM events WHERE trail = ?1) + ?3";
    let mut deleted = 0;
    for trail in Trail::ALL {
        let columns = params![trail.as_str(), rows::integer(most), SWEEP_BATCH];
        deleted += rows::execute(db, sql, columns)?;
    }
    Ok(deleted)
}
