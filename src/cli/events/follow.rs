//! Events as they are kept, by all gateways and command lines.

use super::super::{Failure, output};
use super::{as_row, lines};
use crate::auth::Auth;
use crate::model::event::Event;
use crate::store::{Cursor, EventQuery};
use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;
use tokio::time::sleep;

/// One who follows events.
#[derive(Default)]
struct Follower {
    place: Option<Cursor>,
    /// What was told last. Redis may have an event twice.
    told: VecDeque<Event>,
}

/// Prints those that are wanted as they come, until the process is stopped.
pub(super) async fn run(accounts: &Auth, wanted: &EventQuery, jsonl: bool) -> Result<(), Failure> {
    const BEAT: Duration = Duration::from_secs(1);
    let mut follower = Follower::default();
    // What cannot be asked at all is told; an outage later is waited for.
    follower.news(accounts, wanted).await?;
    eprintln!("following; Ctrl-C ends it");
    let mut is_away = false;
    loop {
        sleep(BEAT).await;
        match follower.news(accounts, wanted).await {
            Ok(events) if jsonl => lines::write(&events)?,
            Ok(events) => print(&events)?,
            Err(error) => {
                if !is_away {
                    eprintln!("waiting for the store: {}", output::with_causes(&error));
                }
                is_away = true;
                continue;
            }
        }
        is_away = false;
    }
}

impl Follower {
    async fn news(&mut self, accounts: &Auth, wanted: &EventQuery) -> Result<Vec<Event>, Failure> {
        const REMEMBERED: usize = 512;
        let mut news = accounts.news_of_events(self.place.as_ref()).await?;
        self.place = Some(news.place);
        news.events.retain(|event| wanted.wants(event) && !self.told.contains(event));
        self.told.extend(news.events.iter().cloned());
        self.told.drain(..self.told.len().saturating_sub(REMEMBERED));
        Ok(news.events)
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
