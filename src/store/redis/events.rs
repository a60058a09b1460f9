//! What happened: a stream for each trail.

use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::event::{Event, Trail};
use crate::store::events::{Places, Written, tell_unreadable};
use crate::store::{Cursor, EventBounds, EventNews, EventPage, EventQuery, StoreError};
use redis::{Cmd, pipe};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

/// How many events are read at once.
const CHUNK: usize = 500;

/// Events as Redis returns them: each with its number in the stream.
type Page = Vec<(String, HashMap<String, String>)>;

impl RedisStore {
    /// Adds events, all of a trail or none. What is added twice, because nobody knows whether the
    /// first time had an effect, is read once.
    pub(super) async fn add_events(
        &self,
        events: &[Event],
        bounds: EventBounds,
    ) -> Result<(), StoreError> {
        for trail in Trail::ALL {
            let mut add = pipe();
            add.atomic();
            for event in events.iter().filter(|event| event.trail() == trail) {
                add.cmd("XADD").arg(keys::events(trail)).arg("*").arg(fields(event)).ignore();
            }
            if !add.is_empty() {
                add.add_command(trim(trail, bounds)).ignore();
                self.link.ask::<()>(Request::Batch(&add)).await?;
            }
        }
        Ok(())
    }

    /// A page of events: the trails, which each are in the order in which events reached Redis, merged
    /// by time.
    pub(super) async fn list_events(&self, query: &EventQuery) -> Result<EventPage, StoreError> {
        let is_good = |text: &str| is_number(text) || text == "+" || text == Walk::OVER;
        let places = Places::read(query.after.as_ref(), is_good);
        let mut walks = Trail::ALL.map(|trail| Walk::from(trail, places.of(trail)));
        let (mut events, mut seen) = (Vec::new(), HashSet::new());
        while events.len() < query.limit {
            for walk in &mut walks {
                self.go_on(walk, query).await?;
            }
            // One that has nothing yet, and more to look at, may have what comes next.
            if walks.iter().any(Walk::is_tired) {
                break;
            }
            let newest = |walk: &&mut Walk| walk.found.front().map(|(_, event)| event.at);
            let Some(walk) = walks.iter_mut().max_by_key(newest) else { break };
            let Some((number, event)) = walk.found.pop_front() else { break };
            walk.place = number;
            if seen.insert(event.clone()) {
                events.push(event);
            }
        }
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        let is_over = walks.iter().all(|walk| walk.is_over && walk.found.is_empty());
        let places = walks.into_iter().map(|walk| (walk.trail, walk.rest()));
        Ok(EventPage { events, next: (!is_over).then(|| Places::cursor(places)) })
    }

    /// Goes on until there is an event that is wanted, the trail is over, or enough was looked at.
    async fn go_on(&self, walk: &mut Walk, query: &EventQuery) -> Result<(), StoreError> {
        while walk.found.is_empty() && !walk.is_over && walk.looked_at < LOOK {
            let mut read = redis::cmd("XREVRANGE");
            read.arg(keys::events(walk.trail)).arg(&walk.end).arg("-").arg("COUNT").arg(CHUNK);
            let page: Page = self.link.ask(Request::Command(&read)).await?;
            walk.take(page, query);
        }
        Ok(())
    }

    /// What was kept since a place: a number in each trail.
    pub(super) async fn news(
        &self,
        place: Option<&Cursor>,
        limit: usize,
    ) -> Result<EventNews, StoreError> {
        let known = Places::read(place, is_number);
        let (mut events, mut places) = (Vec::new(), Vec::new());
        for trail in Trail::ALL {
            let key = keys::events(trail);
            let Some(from) = known.of(trail) else {
                let mut read = redis::cmd("XREVRANGE");
                read.arg(key).arg("+").arg("-").arg("COUNT").arg(1);
                let last: Page = self.link.ask(Request::Command(&read)).await?;
                let last = last.into_iter().next().map(|(number, _)| number);
                places.push((trail, last.unwrap_or_else(|| "0-0".to_owned())));
                continue;
            };
            let mut read = redis::cmd("XRANGE");
            read.arg(key).arg(format!("({from}")).arg("+").arg("COUNT").arg(limit);
            let page: Page = self.link.ask(Request::Command(&read)).await?;
            let last = page.last().map_or_else(|| from.to_owned(), |(number, _)| number.clone());
            places.push((trail, last));
            let read = |(_, fields)| written(fields).and_then(Written::read);
            events.extend(page.into_iter().filter_map(read));
        }
        Ok(EventNews { events, place: Places::cursor(places) })
    }

    pub(super) async fn drop_events(&self, bounds: EventBounds) -> Result<(), StoreError> {
        for trail in Trail::ALL {
            self.link.ask::<()>(Request::Command(&trim(trail, bounds))).await?;
            while self.drop_aged(trail, bounds).await? {}
        }
        Ok(())
    }

    /// Drops some of the oldest events of a trail. Whether there may be more to drop.
    async fn drop_aged(&self, trail: Trail, bounds: EventBounds) -> Result<bool, StoreError> {
        let key = keys::events(trail);
        let mut read = redis::cmd("XRANGE");
        read.arg(&key).arg("-").arg("+").arg("COUNT").arg(CHUNK);
        let page: Page = self.link.ask(Request::Command(&read)).await?;
        let is_aged = |fields: &HashMap<String, String>| {
            let at = fields.get("at").and_then(|at| at.parse::<i64>().ok());
            at.is_none_or(|at| at < bounds.since.micros())
        };
        let count = page.len();
        let aged = page.into_iter().filter(|(_, fields)| is_aged(fields));
        let aged: Vec<_> = aged.map(|(number, _)| number).collect();
        if !aged.is_empty() {
            self.link
                .ask::<()>(Request::Command(Cmd::new().arg("XDEL").arg(key).arg(&aged)))
                .await?;
        }
        Ok(aged.len() == count && count == CHUNK)
    }
}

/// How many events of a trail are looked at for a page.
const LOOK: usize = 10_000;

/// The way back through a trail.
struct Walk {
    /// Where it goes on, as Redis has it.
    end: String,
    /// What was found and not taken yet.
    found: VecDeque<(String, Event)>,
    is_over: bool,
    looked_at: usize,
    /// What was taken last.
    place: String,
    trail: Trail,
}

impl Walk {
    /// Where nothing is left.
    const OVER: &str = "over";

    fn from(trail: Trail, place: Option<&str>) -> Self {
        let place = place.unwrap_or("+").to_owned();
        let end = if place == "+" { place.clone() } else { format!("({place}") };
        let is_over = place == Self::OVER;
        Self { end, found: VecDeque::new(), is_over, looked_at: 0, place, trail }
    }

    fn take(&mut self, page: Page, query: &EventQuery) {
        self.looked_at += page.len();
        let Some((oldest, _)) = page.last() else {
            self.is_over = true;
            return;
        };
        self.is_over = page.len() < CHUNK || query.since.is_some_and(|since| is_old(oldest, since));
        self.end = format!("({oldest}");
        let mut unreadable = 0;
        for (number, fields) in page {
            match written(fields).and_then(Written::read) {
                Some(event) if query.wants(&event) => self.found.push_back((number, event)),
                Some(_) => {}
                None => unreadable += 1,
            }
        }
        tell_unreadable(unreadable);
    }

    fn is_tired(&self) -> bool {
        self.found.is_empty() && !self.is_over
    }

    /// Where the next page begins.
    fn rest(self) -> String {
        match (self.found.is_empty(), self.is_over) {
            (false, _) => self.place,
            (true, true) => Self::OVER.to_owned(),
            (true, false) => self.end.trim_start_matches('(').to_owned(),
        }
    }
}

/// Whether a number in a stream is far from any event since a moment: what waited for Redis may be
/// older than its number, but never much younger.
fn is_old(number: &str, since: Timestamp) -> bool {
    /// By how much clocks may differ.
    const SLACK: Duration = Duration::from_hours(1);
    let millis = number.split('-').next().and_then(|millis| millis.parse::<i64>().ok());
    millis.is_some_and(|millis| {
        Timestamp::from_micros(millis.saturating_mul(1_000)).plus(SLACK) < since
    })
}

/// Whether it is a number in a stream: nobody else may say what Redis is asked.
fn is_number(text: &str) -> bool {
    let is_plain = |text: &str| text.parse::<u64>().is_ok();
    text.split_once('-').is_some_and(|(millis, next)| is_plain(millis) && is_plain(next))
}

/// Drops the oldest of a trail beyond what it may have.
fn trim(trail: Trail, bounds: EventBounds) -> Cmd {
    let mut trim = redis::cmd("XTRIM");
    trim.arg(keys::events(trail)).arg("MAXLEN").arg("=").arg(bounds.most);
    trim
}

pub(super) fn fields(event: &Event) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("at", event.at.micros().to_string()),
        ("name", event.name.to_string()),
        ("actor", event.actor.kind().to_owned()),
    ];
    fields.extend(event.actor.address().map(|address| ("address", address.to_string())));
    fields.extend(event.actor.operator().map(|name| ("operator", name.to_string())));
    if let Some((id, name)) = &event.user {
        fields.extend([("user_id", id.to_string()), ("user", name.to_string())]);
    }
    fields.extend(event.detail.clone().map(|detail| ("detail", detail)));
    fields
}

fn written(mut fields: HashMap<String, String>) -> Option<Written> {
    let user = match (fields.remove("user_id"), fields.remove("user")) {
        (Some(id), Some(name)) => Some((id.parse().ok()?, name)),
        (None, None) => None,
        _ => return None,
    };
    Some(Written {
        actor: fields.remove("actor")?,
        address: fields.remove("address"),
        at: fields.remove("at")?.parse().ok()?,
        detail: fields.remove("detail"),
        name: fields.remove("name")?,
        operator: fields.remove("operator"),
        user,
    })
}
