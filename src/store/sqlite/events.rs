//! What is read and written of events.

use super::rows;
use crate::clock::Timestamp;
use crate::model::event::{Event, EventName, Trail};
use crate::model::user::Username;
use crate::store::events::{Places, Written, tell_unreadable};
use crate::store::{Cursor, EventBounds, EventNews, EventPage, EventQuery, StoreError};
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

/// How many events are looked at for a page.
const LOOK: usize = 50_000;

pub(super) fn list(db: &Connection, query: &EventQuery) -> Result<EventPage, StoreError> {
    // Each event in the order of time, until there are enough. What SQLite can tell quickly it does.
    let sql = "SELECT * FROM events
               WHERE at >= ?1 AND at <= ?2 AND (at, trail, number) < (?2, ?3, ?4)
                     AND (?5 IS NULL OR name = ?5) AND (?6 IS NULL OR username = ?6)
                     AND (?7 IS NULL OR operator = ?7)
               ORDER BY at DESC, trail DESC, number DESC";
    let (at, trail, number) = match &query.after {
        Some(cursor) => place(cursor).unwrap_or_else(|| before(i64::MAX)),
        None => before(query.until.map_or(i64::MAX, Timestamp::micros)),
    };
    let columns = params![
        query.since.map_or(i64::MIN, Timestamp::micros),
        at,
        trail,
        number,
        query.name.map(EventName::as_str),
        query.user.as_ref().map(Username::as_str),
        query.operator.as_ref().map(Username::as_str),
    ];
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(columns)?;
    let (mut events, mut unreadable, mut looked_at) = (Vec::new(), 0, 0);
    let mut last = None;
    let mut next = None;
    while let Some(row) = rows.next()? {
        if events.len() >= query.limit || looked_at >= LOOK {
            next = last;
            break;
        }
        looked_at += 1;
        last = Some(cursor(row)?);
        match written(row)?.read() {
            Some(event) if query.wants(&event) => events.push(event),
            Some(_) => {}
            None => unreadable += 1,
        }
    }
    tell_unreadable(unreadable);
    Ok(EventPage { events, next })
}

/// The place before all events of a moment.
fn before(at: i64) -> (i64, String, i64) {
    (at, String::new(), 0)
}

/// The place of an event in the order of time.
fn cursor(row: &Row<'_>) -> Result<Cursor, StoreError> {
    let (at, trail): (i64, String) = (row.get("at")?, row.get("trail")?);
    let number: i64 = row.get("number")?;
    Ok(Cursor(format!("{at}/{trail}/{number}")))
}

fn place(cursor: &Cursor) -> Option<(i64, String, i64)> {
    let mut parts = cursor.0.split('/');
    let (at, trail, number) = (parts.next()?, parts.next()?, parts.next()?);
    Some((at.parse().ok()?, trail.to_owned(), number.parse().ok()?))
}

/// What was kept since a place: a number in each trail.
pub(super) fn news(
    db: &Connection,
    place: Option<&Cursor>,
    limit: usize,
) -> Result<EventNews, StoreError> {
    let known = Places::read(place, |place| place.parse::<i64>().is_ok());
    let (mut events, mut places) = (Vec::new(), Vec::new());
    for trail in Trail::ALL {
        let last = last_number(db, trail)?;
        let known = known.of(trail).and_then(|number| number.parse::<i64>().ok());
        // A trail that was emptied counts anew.
        let from = known.map_or(last, |number| if number > last { 0 } else { number });
        let sql = "SELECT * FROM events WHERE trail = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = rows::all(db, sql, params![trail.as_str(), from, most], |row| {
            Ok((row.get::<_, i64>("number")?, written(row)?))
        })?;
        places.push((trail, found.last().map_or(from, |(number, _)| *number).to_string()));
        events.extend(found.into_iter().filter_map(|(_, written)| written.read()));
    }
    Ok(EventNews { events, place: Places::cursor(places) })
}

/// All events that can be read, in their order.
pub(super) fn all(db: &Connection) -> Result<Vec<Event>, StoreError> {
    let sql = "SELECT * FROM events ORDER BY at, trail, number";
    let found = rows::all(db, sql, [], written)?;
    Ok(found.into_iter().filter_map(Written::read).collect())
}

fn last_number(db: &Connection, trail: Trail) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(max(number), 0) FROM events WHERE trail = ?1";
    let last = rows::first(db, sql, [trail.as_str()], |row| Ok(row.get(0)?))?;
    Ok(last.unwrap_or(0))
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
