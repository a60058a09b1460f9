//! Events as JSON, a line each, a page of them at a time: however many there are, no more than one page
//! is in memory.

use super::super::Failure;
use crate::auth::Auth;
use crate::model::event::Event;
use crate::store::EventQuery;
use std::fmt::Write as _;
use std::io::Write;

/// How many are read at once.
const PAGE: usize = 500;

/// Prints those that were asked for, the newest first, and at most so many.
pub(super) async fn print(
    accounts: &Auth,
    mut query: EventQuery,
    most: usize,
) -> Result<(), Failure> {
    let mut left = most;
    while left > 0 {
        query.limit = PAGE.min(left);
        let page = accounts.find_events(&query).await?;
        left = left.saturating_sub(page.events.len());
        write(&page.events)?;
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    Ok(())
}

/// Writes events, a line each, and at once.
pub(super) fn write(events: &[Event]) -> Result<(), Failure> {
    let mut lines = String::new();
    for event in events {
        // To a text it never fails.
        let _ = writeln!(lines, "{}", event.to_json());
    }
    let mut out = std::io::stdout().lock();
    let written = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
    written.map_err(Failure::system("cannot write to standard output"))
}
