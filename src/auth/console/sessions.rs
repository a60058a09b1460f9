//! The sessions of one user, to be looked at and ended.

use super::super::{Auth, AuthError};
use super::proof::Proved;
use super::session::{Kept, SessionId};
use crate::clock::Timestamp;
use crate::model::event::{Actor, EventName};
use crate::model::user::User;
use crate::store::{Item, ItemKind};
use std::net::IpAddr;

/// A session in the list of one's own.
pub struct SessionView {
    /// What the browser called itself: hostile text.
    pub agent: String,
    /// When it began.
    pub began: Timestamp,
    /// From where.
    pub from: IpAddr,
    /// What it is called in commands. It opens nothing.
    pub id: String,
    /// Whether it is the one that asks.
    pub is_this: bool,
    /// When it was last used, to the minute or so.
    pub seen: Timestamp,
}

impl Auth {
    /// A user's sessions, the newest first. `this` is the one that asks, if one does.
    pub async fn sessions_of(
        &self,
        user: &User,
        this: Option<&SessionId>,
    ) -> Result<Vec<SessionView>, AuthError> {
        let mut views = Vec::new();
        let this = this.map(SessionId::key);
        for item in self.session_items(user).await? {
            let Ok(kept) = Kept::read(&item) else {
                self.unreadable.tell(item.kind, &item.key);
                continue;
            };
            if kept.epoch == user.epoch {
                views.push(SessionView {
                    agent: kept.agent,
                    began: Timestamp::from_micros(kept.began),
                    from: kept.from,
                    id: called(&item.key).to_owned(),
                    is_this: Some(&item.key) == this.as_ref(),
                    seen: Timestamp::from_micros(kept.seen),
                });
            }
        }
        views.sort_by_key(|view| std::cmp::Reverse((view.is_this, view.began)));
        Ok(views)
    }

    /// Ends all of a user's sessions but one, and says how many. Those who have only typed their
    /// password so far begin anew, too.
    pub async fn end_other_sessions(
        &self,
        user: &User,
        this: &SessionId,
        by: Proved,
    ) -> Result<usize, AuthError> {
        // Whoever has an old session alone would never let its owner stay in.
        let by = by.lets_in(false)?;
        self.end_sessions_but(user, called(&this.key()), by).await
    }

    /// Ends all of a user's sessions but the one that is called so, and says how many.
    pub async fn end_sessions_but(
        &self,
        user: &User,
        keep: &str,
        by: Actor,
    ) -> Result<usize, AuthError> {
        let mut ended = 0;
        for item in self.session_items(user).await? {
            if called(&item.key) != keep && self.end_item(item.kind, &item.key).await? {
                ended += 1;
            }
        }
        let event = self.event(EventName::SessionsEnded, by).of(user);
        self.events.record(event.with(ended));
        Ok(ended)
    }

    async fn session_items(&self, user: &User) -> Result<Vec<Item>, AuthError> {
        let mut items = self.store.items(ItemKind::Session, self.clock.now()).await?;
        items.retain(|item| {
            item.owner == Some(user.id) && !self.has_ended_item(item.kind, &item.key)
        });
        Ok(items)
    }
}

/// What a session is called: enough of its key to tell it from others, and too little to find it by.
fn called(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}
