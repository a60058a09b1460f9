//! The second step of signing in. Between the two there is half a session: it opens nothing but the
//! page where the code is typed, and becomes a session under another id.

use super::super::{Auth, AuthError};
use super::session::{SessionId, SessionSettings, Visitor};
use super::totp::Proof;
use crate::model::event::{Actor, EventName};
use crate::model::user::User;
use crate::store::{Item, ItemKind, StoreError};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// How long there is for the second step.
const LASTS: Duration = Duration::from_mins(5);
/// How many codes may be wrong.
const TRIES: u8 = 5;

/// What came of a code.
pub enum SecondStep {
    /// They are in. How many recovery codes are left, if one was used.
    Done(SessionId, Option<usize>),
    /// Too many codes were wrong, it took too long, or something else has happened to the user: they
    /// begin anew.
    Over,
    /// The code is wrong, or has been used.
    Wrong,
}

/// Half a session as it is kept.
#[derive(Deserialize, Serialize)]
struct Half {
    /// The user's when the password was checked.
    epoch: u64,
    /// How many codes have been tried.
    tries: u8,
}

impl Auth {
    /// Begins the time for the second step.
    pub(super) async fn begin_half(&self, user: &User) -> Result<SessionId, AuthError> {
        let id = SessionId::random()?;
        let value = Half { epoch: user.epoch, tries: 0 }.text()?;
        let item = Item {
            expires: Some(self.clock.now().plus(LASTS)),
            key: key(&id),
            kind: ItemKind::Session,
            owner: Some(user.id),
            value,
        };
        self.store.put_item(&item).await?;
        Ok(id)
    }

    /// Whether someone is between the two steps.
    pub async fn awaits_code(&self, id: &SessionId) -> Result<bool, AuthError> {
        let found = self.store.item(ItemKind::Session, &key(id), self.clock.now()).await?;
        Ok(found.is_some())
    }

    /// Checks the code of an authenticator app, or a recovery code, and begins a session if it is
    /// right. It is counted before it is looked at, so that no more are tried at once than may be one
    /// after the other.
    pub async fn finish_sign_in(
        &self,
        half: &SessionId,
        typed: &str,
        visitor: &Visitor,
        settings: SessionSettings,
    ) -> Result<SecondStep, AuthError> {
        let Some((user, tries)) = self.try_half(half).await? else {
            return Ok(SecondStep::Over);
        };
        let Some(proof) = self.check_code(&user, typed, visitor.from).await? else {
            let is_last = tries >= TRIES;
            self.tell_of_wrong_code(&user, is_last, visitor.from);
            if is_last {
                self.store.remove_item(ItemKind::Session, &key(half)).await?;
                return Ok(SecondStep::Over);
            }
            return Ok(SecondStep::Wrong);
        };
        // Of several at once, one goes on.
        if !self.store.remove_item(ItemKind::Session, &key(half)).await? {
            return Ok(SecondStep::Over);
        }
        let id = self.let_in(&user, visitor, settings).await?;
        let by = Actor::Client(visitor.from);
        let event = self.event(EventName::ConsoleSignedIn, by).of(&user);
        let left = match proof {
            Proof::App => None,
            Proof::Recovery { left } => Some(left),
        };
        self.events.record(if left.is_some() { event.with("with a recovery code") } else { event });
        Ok(SecondStep::Done(id, left))
    }

    /// Whose half session it is, and how many codes have been tried with the one that comes. `None`
    /// if there is none any more.
    async fn try_half(&self, id: &SessionId) -> Result<Option<(User, u8)>, AuthError> {
        // As many as may try at once: each round another has got ahead.
        for _ in 0..TRIES {
            let Some(item) = self.store.item(ItemKind::Session, &key(id), self.clock.now()).await?
            else {
                return Ok(None);
            };
            let half = Half::read(&item)?;
            let user = match item.owner {
                Some(owner) => self.store.user(owner).await?,
                None => None,
            };
            let is_good =
                |user: &User| self.may_be_signed_in(user, half.epoch) && half.tries < TRIES;
            let Some(user) = user.filter(is_good) else {
                self.store.remove_item(ItemKind::Session, &key(id)).await?;
                return Ok(None);
            };
            if !self.has_second_factor(user.id).await? {
                self.store.remove_item(ItemKind::Session, &key(id)).await?;
                return Ok(None);
            }
            let tries = half.tries + 1;
            let value = Half { epoch: half.epoch, tries }.text()?;
            let next = Item { value, ..item.clone() };
            if self.store.replace_item(&item.value, &next).await? {
                return Ok(Some((user, tries)));
            }
        }
        Ok(None)
    }

    pub(super) fn tell_of_wrong_code(&self, user: &User, is_last: bool, from: IpAddr) {
        let event = self.event(EventName::SecondFactorFailed, Actor::Client(from)).of(user);
        self.events.record(if is_last { event.with("the last try") } else { event });
    }
}

fn key(id: &SessionId) -> String {
    id.digest("half a session")
}

impl Half {
    fn text(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(StoreError::unavailable)
    }

    fn read(item: &Item) -> Result<Self, StoreError> {
        serde_json::from_str(&item.value)
            .map_err(|error| StoreError::Corrupt { what: "sign-in", problem: error.to_string() })
    }
}
