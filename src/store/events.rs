//! Events as every store keeps them.

use super::Cursor;
use crate::clock::Timestamp;
use crate::model::event::{Actor, Event, EventName, Trail};
use crate::model::user::{UserId, Username};
use ipnet::IpNet;

/// How many events are kept, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EventBounds {
    /// The most events of a trail.
    pub most: u64,
    /// What was before this moment is let go.
    pub since: Timestamp,
}

/// Which events are wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventQuery {
    /// Only those of this kind of actor, by its name in logs.
    pub actor: Option<&'static str>,
    /// Only those from an address in this network.
    pub address: Option<IpNet>,
    /// Those that follow this place, towards the oldest.
    pub after: Option<Cursor>,
    /// At most so many, the newest.
    pub limit: usize,
    /// Only these.
    pub name: Option<EventName>,
    /// Only what this operator did.
    pub operator: Option<Username>,
    /// Only those from this moment on.
    pub since: Option<Timestamp>,
    /// Only those whose detail holds this, whatever the case of its letters.
    pub text: Option<String>,
    /// Only those before this moment.
    pub until: Option<Timestamp>,
    /// Only those of this user's account, which need not be there any more.
    pub user: Option<Username>,
}

/// Some of the events that were asked for, the newest first.
pub struct EventPage {
    /// The events.
    pub events: Vec<Event>,
    /// Where the next page begins, if there may be one. A page may have fewer events than it could, or
    /// none, and yet another after it: a store does not look at too many in one go.
    pub next: Option<Cursor>,
}

/// What has been kept since a place, in the order of each trail.
pub struct EventNews {
    /// The events.
    pub events: Vec<Event>,
    /// Where the next ones begin.
    pub place: Cursor,
}

impl EventQuery {
    /// The newest of all events.
    pub const fn newest(limit: usize) -> Self {
        Self {
            actor: None,
            address: None,
            after: None,
            limit,
            name: None,
            operator: None,
            since: None,
            text: None,
            until: None,
            user: None,
        }
    }

    /// Whether an event is wanted.
    pub fn wants(&self, event: &Event) -> bool {
        let user = event.user.as_ref().map(|(_, name)| name);
        self.name.is_none_or(|name| event.name == name)
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
            && self.actor.is_none_or(|actor| event.actor.kind() == actor)
            && is_or_any(self.user.as_ref(), user)
            && is_or_any(self.operator.as_ref(), event.actor.operator())
            && self.has_address(event)
            && self.has_text(event)
    }

    fn has_address(&self, event: &Event) -> bool {
        let address = event.actor.address();
        let within = |network: IpNet| address.is_some_and(|address| network.contains(&address));
        self.address.is_none_or(within)
    }

    fn has_text(&self, event: &Event) -> bool {
        let detail = || event.detail.as_deref().unwrap_or_default().to_lowercase();
        self.text.as_ref().is_none_or(|text| detail().contains(&text.to_lowercase()))
    }
}

fn is_or_any(wanted: Option<&Username>, name: Option<&Username>) -> bool {
    wanted.is_none_or(|wanted| name == Some(wanted))
}

/// A place in each trail, in the words of a store.
pub(super) struct Places(Vec<(Trail, String)>);

impl Places {
    /// Reads what [`Places::cursor`] wrote. A trail that it does not tell of, or not in words that
    /// are `good`, has no place.
    pub(super) fn read(cursor: Option<&Cursor>, good: impl Fn(&str) -> bool) -> Self {
        let text = cursor.map_or("", |cursor| cursor.0.as_str());
        let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        let places = pairs.filter(|(_, place)| good(place)).filter_map(|(name, place)| {
            let trail = Trail::ALL.into_iter().find(|trail| trail.as_str() == name)?;
            Some((trail, place.to_owned()))
        });
        Self(places.collect())
    }

    pub(super) fn of(&self, trail: Trail) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == trail).map(|(_, place)| place.as_str())
    }

    pub(super) fn cursor(places: impl IntoIterator<Item = (Trail, String)>) -> Cursor {
        let pairs = places.into_iter().map(|(trail, place)| format!("{}={place}", trail.as_str()));
        Cursor(pairs.collect::<Vec<_>>().join(","))
    }
}

/// An event as it was written down.
pub(super) struct Written {
    pub(super) actor: String,
    pub(super) address: Option<String>,
    pub(super) at: i64,
    pub(super) detail: Option<String>,
    pub(super) name: String,
    /// The name of the operator who did it.
    pub(super) operator: Option<String>,
    pub(super) user: Option<(u64, String)>,
}

impl Written {
    /// Reads it. `None` if it means nothing to this version: one bad event, or the first of a newer
    /// version, must not hide all others.
    pub(super) fn read(self) -> Option<Event> {
        let Self { actor, address, at, detail, name, operator, user } = self;
        let user = user.map(|(id, name)| (UserId(id), Username::stored(name)));
        let actor = Actor::read(&actor, address.as_deref(), operator.as_deref())?;
        let at = Timestamp::from_micros(at);
        Some(Event { actor, at, detail, name: name.parse().ok()?, user })
    }
}

/// Tells the operator of events that are there and cannot be shown.
pub(super) fn tell_unreadable(count: usize) {
    if count > 0 {
        tracing::warn!(count, "some events cannot be read by this version");
    }
}
