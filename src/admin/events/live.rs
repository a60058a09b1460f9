//! `/events/live/`: events as they are kept, by all gateways and the command line, as server-sent
//! events. A browser that was cut off goes on where it was.

use super::super::asked::is_same;
use super::super::leave::Leave;
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::search::Search;
use super::watchers::Room;
use crate::auth::EventFollower;
use crate::gateway::{ConsoleAnswer, CutOff};
use crate::model::event::Event;
use crate::store::{Cursor, StoreError};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Response, header};
use std::fmt::Write;
use std::time::Duration;
use tokio::time::sleep;

/// One who follows events.
struct Watch {
    /// How many times it was looked for news.
    beats: u32,
    /// How many times in a row nobody could tell whether they may follow still.
    doubts: u32,
    follower: EventFollower,
    /// What is not told before it is clear that they may follow still.
    held: String,
    leave: Leave,
    room: Room,
}

/// Whether they may follow still.
enum Look {
    Holds,
    Ended,
    Unknown,
}

/// `/events/live/`
pub(super) fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let key = site.id.live_key();
    // Only the page knows it: a script of an app on the same origin has the cookie sent as well.
    let shown = site.asked().query.get("key").unwrap_or_default();
    if !is_same(shown.as_bytes(), key.as_bytes()) {
        return Err(Refusal::NotAPage);
    }
    let search = Search::read(&site.asked().query);
    let watchers = &site.entrance().console.watchers;
    let room = watchers.room(site.session.user.id, key).ok_or(Refusal::Busy)?;
    let last = site.asked().headers.get("last-event-id").and_then(|place| place.to_str().ok());
    let last = last.filter(|place| !place.is_empty()).map(|place| Cursor(place.to_owned()));
    let place = last.or_else(|| search.after.clone());
    let follower = EventFollower::new(search.unpaged().query(0), place);
    let leave = site.leave();
    let watch = Watch { beats: 0, doubts: 0, follower, held: String::new(), leave, room };
    let mut head = Response::new(());
    let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
    head.headers_mut().insert(header::CONTENT_TYPE, kind);
    // Proxies that gather answers are asked not to.
    head.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(ConsoleAnswer::Live(head, stream::unfold(Some(watch), next).boxed()))
}

async fn next(watch: Option<Watch>) -> Option<(Result<Bytes, CutOff>, Option<Watch>)> {
    let mut watch = watch?;
    let (piece, goes_on) = watch.beat().await?;
    Some((Ok(Bytes::from(piece)), goes_on.then_some(watch)))
}

impl Watch {
    /// What is told next, and whether more follows. `None` is an end without a word, after which the
    /// browser comes again.
    async fn beat(&mut self) -> Option<(String, bool)> {
        /// How often it is looked for news.
        const BEAT: Duration = Duration::from_secs(1);
        /// For how many looks in a row nobody need know whether they may follow still.
        const PATIENCE: u32 = 3;
        let end = |why: &str| Some((format!("event: end\ndata: {why}\n\n"), false));
        // At once at the beginning, so that the browser knows that it is connected.
        let head = if self.beats == 0 { "retry: 2000\n" } else { "" };
        if self.beats > 0 {
            tokio::select! {
                () = self.room.displaced() => return end("displaced"),
                () = sleep(BEAT) => {}
            }
        }
        let told = match self.look().await {
            Look::Holds => {
                self.doubts = 0;
                std::mem::take(&mut self.held)
            }
            Look::Ended => return end("no leave"),
            Look::Unknown if self.doubts + 1 >= PATIENCE => return None,
            // The store may come back: the place stays.
            Look::Unknown => {
                self.doubts += 1;
                ": the store cannot tell\n\n".to_owned()
            }
        };
        self.beats = self.beats.wrapping_add(1).max(1);
        let told = if told.is_empty() { ": nothing new\n\n" } else { &told };
        Some((head.to_owned() + told, true))
    }

    /// Reads what is new, and looks whether it may be told: after it was read, since it may have
    /// happened after the session ended. Where nothing is new it is looked now and then.
    async fn look(&mut self) -> Look {
        /// After how many beats it is looked again.
        const LOOK: u32 = 3;
        let Ok(is_told) = self.read().await else { return Look::Unknown };
        if !is_told && self.doubts == 0 && !self.beats.is_multiple_of(LOOK) {
            return Look::Holds;
        }
        match self.leave.holds().await {
            Ok(true) => Look::Holds,
            Ok(false) => Look::Ended,
            Err(_) => Look::Unknown,
        }
    }

    /// Reads what is new, and says whether there are events.
    async fn read(&mut self) -> Result<bool, StoreError> {
        let is_first = self.follower.place().is_none();
        let events = self.follower.news(&self.leave.auth).await?;
        if events.is_empty() && !is_first {
            return Ok(false);
        }
        // Those that come together have one place: who is cut off among them gets them again, and
        // knows them by their keys.
        for event in &events {
            let _ = write!(self.held, "data: {}\n\n", told(event));
        }
        if let Some(Cursor(place)) = self.follower.place() {
            let _ = write!(self.held, "id: {place}\n\n");
        }
        Ok(!events.is_empty())
    }
}

/// An event as the page's script gets it: JSON is one line, whatever the event holds.
fn told(event: &Event) -> String {
    let mut told = super::row::told(event);
    if let Some(fields) = told.as_object_mut() {
        let words = super::words(event.name);
        let actor = super::search::actor_words(event.actor.kind());
        fields.insert("key".to_owned(), super::row::key(event).into());
        fields.insert("words".to_owned(), words.into());
        fields.insert("by".to_owned(), actor.into());
        fields.insert("tone".to_owned(), super::row::tone(event.name).unwrap_or_default().into());
    }
    told.to_string()
}
