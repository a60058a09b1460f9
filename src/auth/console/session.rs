//! Who is signed in at the console.

use super::super::issue::random_bytes;
use super::super::{Auth, AuthError};
use crate::clock::Timestamp;
use crate::model::user::{User, UserId};
use crate::store::{Item, ItemKind, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::time::Duration;
use zeroize::Zeroizing;

/// What a browser shows to be known again. Never printed: it has no Debug.
#[derive(Clone)]
pub struct SessionId(Zeroizing<String>);

/// How long sessions hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SessionSettings {
    /// Without a request.
    pub idle: Duration,
    /// In all.
    pub lifetime: Duration,
}

/// Someone who is signed in.
pub struct Session {
    /// When they signed in.
    pub began: Timestamp,
    /// From where they signed in.
    pub from: IpAddr,
    /// Who they are.
    pub user: User,
}

/// A session as it is kept.
#[derive(Deserialize, Serialize)]
struct Kept {
    began: i64,
    /// The user's at that time: whatever ends their tokens ends their sessions.
    epoch: u64,
    from: IpAddr,
    seen: i64,
}

impl SessionId {
    /// A new one, which nobody can foresee.
    pub fn random() -> Result<Self, AuthError> {
        Ok(Self(Zeroizing::new(hex::encode(random_bytes::<32>()?))))
    }

    /// The one that a browser shows; `None` if it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let is_sane = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_sane.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Its text, for the browser alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the forms of its pages must contain: nobody can tell it who does not know the id.
    pub fn form_key(&self) -> String {
        hex::encode(Sha256::digest(format!("form {}", *self.0)))
    }

    fn key(&self) -> String {
        hex::encode(Sha256::digest(format!("session {}", *self.0)))
    }
}

impl Auth {
    /// Begins a session.
    pub(super) async fn begin_session(
        &self,
        user: &User,
        from: IpAddr,
        settings: SessionSettings,
    ) -> Result<SessionId, AuthError> {
        let id = SessionId::random()?;
        let now = self.clock.now();
        let kept = Kept { began: now.micros(), epoch: user.epoch, from, seen: now.micros() };
        self.store.put_item(&kept.item(&id, user.id, settings)?).await?;
        Ok(id)
    }

    /// Who is signed in by this; `None` if nobody is, or not any more.
    pub async fn session(
        &self,
        id: &SessionId,
        settings: SessionSettings,
    ) -> Result<Option<Session>, AuthError> {
        /// How rarely it is written down that a session is in use.
        const NOTE_EVERY: Duration = Duration::from_mins(1);
        let now = self.clock.now();
        let found = self.store.item(ItemKind::Session, &id.key(), now).await?;
        let Some((item, owner)) = found.and_then(|item| item.owner.map(|owner| (item, owner)))
        else {
            return Ok(None);
        };
        let mut kept = Kept::read(&item)?;
        let user = self.store.user(owner).await?;
        let is_good = |user: &User| user.is_active && user.is_staff && user.epoch == kept.epoch;
        let Some(user) = user.filter(is_good) else {
            self.store.remove_item(ItemKind::Session, &id.key()).await?;
            return Ok(None);
        };
        if now.since(Timestamp::from_micros(kept.seen)) >= NOTE_EVERY {
            kept.seen = now.micros();
            // In place of what was read: a session that was ended meanwhile stays so.
            let seen = kept.item(id, user.id, settings)?;
            self.store.replace_item(&item.value, &seen).await?;
        }
        let began = Timestamp::from_micros(kept.began);
        Ok(Some(Session { began, from: kept.from, user }))
    }

    /// Ends a session.
    pub async fn end_session(&self, id: &SessionId) -> Result<(), AuthError> {
        self.store.remove_item(ItemKind::Session, &id.key()).await?;
        Ok(())
    }

    /// Whether a session holds, for whoever only looks: it is not noted as in use, and does not end
    /// later for it.
    pub async fn session_holds(&self, id: &SessionId) -> Result<bool, AuthError> {
        let found = self.store.item(ItemKind::Session, &id.key(), self.clock.now()).await?;
        let Some((item, owner)) = found.and_then(|item| item.owner.map(|owner| (item, owner)))
        else {
            return Ok(false);
        };
        let epoch = Kept::read(&item)?.epoch;
        let user = self.store.user(owner).await?;
        Ok(user.is_some_and(|user| user.is_active && user.is_staff && user.epoch == epoch))
    }
}

impl Kept {
    fn item(
        &self,
        id: &SessionId,
        user: UserId,
        settings: SessionSettings,
    ) -> Result<Item, StoreError> {
        let at = |micros, span| Timestamp::from_micros(micros).plus(span);
        let (idle, whole) = (at(self.seen, settings.idle), at(self.began, settings.lifetime));
        Ok(Item {
            expires: Some(idle.min(whole)),
            key: id.key(),
            kind: ItemKind::Session,
            owner: Some(user),
            value: serde_json::to_string(self).map_err(StoreError::unavailable)?,
        })
    }

    fn read(item: &Item) -> Result<Self, StoreError> {
        serde_json::from_str(&item.value)
            .map_err(|error| StoreError::Corrupt { what: "session", problem: error.to_string() })
    }
}
