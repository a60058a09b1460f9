//! Events as they are kept, by all gateways and command lines.

use super::super::{Failure, output};
use super::{as_row, lines};
use crate::auth::{Auth, EventFollower};
use crate::model::event::Event;
use crate::store::EventQuery;
use std::io::Write;
use std::time::Duration;
use tokio::time::sleep;

/// Prints those that are wanted as they come, until the process is stopped.
pub(super) async fn run(accounts: &Auth, wanted: EventQuery, jsonl: bool) -> Result<(), Failure> {
    const BEAT: Duration = Duration::from_secs(1);
    let mut follower = EventFollower::new(wanted, None);
    // What cannot be asked at all is told; an outage later is waited for.
    follower.news(accounts).await?;
    err!("following; Ctrl-C ends it");
    let mut is_away = false;
    loop {
        sleep(BEAT).await;
        match follower.news(accounts).await {
            Ok(events) if jsonl => lines::write(&events)?,
            Ok(events) => print(&events)?,
            Err(error) => {
                if !is_away {
                    err!("waiting for the store: {}", output::with_causes(&error));
                }
                is_away = true;
                continue;
            }
        }
        is_away = false;
    }
}

/// A line each, whose columns are those of the table.
fn print(events: &[Event]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let lines = events.iter().map(|event| {
        let [at, name, user, from, by, detail] = as_row(event).map(|cell| output::plain(&cell));
        format!("{at}  {name:<24}  {user:<20}  {from:<15}  {by}  {detail}")
    });
    let mut lines = lines.map(|line| line.trim_end().to_owned() + "\n");
    let written = lines.try_for_each(|line| out.write_all(line.as_bytes()));
    written.and_then(|()| out.flush()).map_err(Failure::system("cannot write to standard output"))
}
