//! `/events/live/`: events as they are kept, by all gateways and the command line, as server-sent
//! events. A browser that was cut off goes on where it was.

use super::super::asked::is_same;
use super::super::leave::Leave;
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::search::Search;
use crate::gateway::{ConsoleAnswer, CutOff};
use crate::model::event::Event;
use crate::store::{Cursor, EventQuery, StoreError};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Response, header};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// Those who follow events, by their sessions; each asks the store once a second.
#[derive(Clone, Default)]
pub(in super::super) struct Watchers(Arc<Mutex<HashMap<String, usize>>>);

/// The place of one who follows events, which others may have once it is dropped.
struct Room {
    session: String,
    watchers: Watchers,
}

impl Watchers {
    /// The most at once.
    const MOST: usize = 32;
    /// The most of one session.
    const MOST_OF_ONE: usize = 4;

    /// Room for one more of this session, if there is any.
    fn room(&self, session: String) -> Option<Room> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = counts.values().sum();
        let own = counts.get(&session).copied().unwrap_or_default();
        if all >= Self::MOST || own >= Self::MOST_OF_ONE {
            return None;
        }
        counts.insert(session.clone(), own + 1);
        drop(counts);
        Some(Room { session, watchers: self.clone() })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut counts = self.watchers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(std::mem::take(&mut self.session)) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// One who follows events.
struct Watch {
    /// How many times it was looked for news.
    beats: u32,
    leave: Leave,
    place: Option<Cursor>,
    query: EventQuery,
    _room: Room,
    /// What was told last. Redis may have an event twice.
    told: VecDeque<Event>,
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
    let room = site.entrance().console.watchers.room(key).ok_or(Refusal::Busy)?;
    let last = site.asked().headers.get("last-event-id").and_then(|place| place.to_str().ok());
    let last = last.filter(|place| !place.is_empty()).map(|place| Cursor(place.to_owned()));
    let watch = Watch {
        beats: 0,
        leave: site.leave(),
        place: last.or_else(|| search.after.clone()),
        query: search.unpaged().query(0),
        _room: room,
        told: VecDeque::new(),
    };
    let mut head = Response::new(());
    let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
    head.headers_mut().insert(header::CONTENT_TYPE, kind);
    // Proxies that gather answers are asked not to.
    head.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(ConsoleAnswer::Live(head, stream::unfold(Some(watch), next).boxed()))
}

async fn next(watch: Option<Watch>) -> Option<(Result<Bytes, CutOff>, Option<Watch>)> {
    /// How often it is looked for news.
    const BEAT: Duration = Duration::from_secs(1);
    /// After how many of them it is looked whether they may follow still.
    const LOOK: u32 = 3;
    let mut watch = watch?;
    // At once at the beginning, so that the browser knows that it is connected.
    let mut piece = if watch.beats == 0 {
        "retry: 2000\n".to_owned()
    } else {
        sleep(BEAT).await;
        String::new()
    };
    if watch.beats.is_multiple_of(LOOK) && matches!(watch.leave.holds().await, Ok(false)) {
        return Some((Ok(Bytes::from_static(b"event: end\ndata: no leave\n\n")), None));
    }
    watch.beats = watch.beats.wrapping_add(1).max(1);
    match watch.news().await {
        Ok(news) => piece.push_str(&news),
        // It may come back: the place stays.
        Err(_) => piece.push_str(": the store does not answer\n\n"),
    }
    Some((Ok(Bytes::from(piece)), Some(watch)))
}

impl Watch {
    /// What is new, or that nothing is.
    async fn news(&mut self) -> Result<String, StoreError> {
        const REMEMBERED: usize = 512;
        let is_first = self.place.is_none();
        let news = self.leave.auth.news_of_events(self.place.as_ref()).await?;
        let Cursor(place) = &news.place;
        let mut text = String::new();
        if is_first {
            let _ = write!(text, "id: {place}\n: follows\n\n");
        }
        for event in news.events {
            if !self.query.wants(&event) || self.told.contains(&event) {
                continue;
            }
            let told = told(&event);
            // Those that come together have one place: who is cut off among them gets them again, and
            // knows them by their keys.
            let _ = write!(text, "data: {told}\n\n");
            self.told.push_back(event);
            if self.told.len() > REMEMBERED {
                self.told.pop_front();
            }
        }
        if text.is_empty() {
            text.push_str(": nothing new\n\n");
        } else {
            let _ = write!(text, "id: {place}\n\n");
        }
        self.place = Some(news.place);
        Ok(text)
    }
}

/// An event as the page's script gets it: JSON is one line, whatever the event holds.
fn told(event: &Event) -> String {
    let mut told = super::told(event);
    if let Some(fields) = told.as_object_mut() {
        let words = super::words(event.name);
        let actor = super::search::actor_words(event.actor.kind());
        fields.insert("key".to_owned(), super::key(event).into());
        fields.insert("words".to_owned(), words.into());
        fields.insert("by".to_owned(), actor.into());
        fields.insert("tone".to_owned(), super::tone(event.name).unwrap_or_default().into());
    }
    told.to_string()
}
