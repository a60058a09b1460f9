//! Events as every store keeps them.

use crate::clock::Timestamp;
use crate::model::event::{Actor, Event, EventName};
use crate::model::user::{UserId, Username};

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
    /// At most so many, the newest.
    pub limit: usize,
    /// Only these.
    pub name: Option<EventName>,
    /// Only those from this moment on.
    pub since: Option<Timestamp>,
    /// Only those of this user's account, which need not be there any more.
    pub user: Option<Username>,
}

impl EventQuery {
    /// Whether an event is wanted.
    pub(super) fn wants(&self, event: &Event) -> bool {
        self.name.is_none_or(|name| event.name == name)
            && self.since.is_none_or(|since| event.at >= since)
            && self.user.as_ref().is_none_or(|user| {
                event.user.as_ref().is_some_and(|(_, username)| username == user)
            })
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
