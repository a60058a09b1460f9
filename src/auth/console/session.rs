//! Who is signed in at the console.

use super::super::issue::random_bytes;
use super::super::operators::is_operator;
use super::super::{Auth, AuthError};
use super::unless_full;
use crate::clock::Timestamp;
use crate::model::event::{Actor, EventName};
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

/// Whoever sits at a browser.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// What the browser calls itself: hostile text.
    agent: String,
    /// The address of the client.
    pub from: IpAddr,
}

/// Someone who is signed in.
pub struct Session {
    /// When they signed in.
    pub began: Timestamp,
    /// From where they signed in.
    pub from: IpAddr,
    /// When they last proved who they are: when they signed in, or since.
    pub proved: Timestamp,
    /// Who they are.
    pub user: User,
}

/// A session as it is kept.
#[derive(Deserialize, Serialize)]
pub(super) struct Kept {
    #[serde(default)]
    pub agent: String,
    pub began: i64,
    /// The user's at that time: whatever ends their tokens ends their sessions.
    pub epoch: u64,
    pub from: IpAddr,
    /// Of one that an older version began it is not known.
    #[serde(default)]
    proved: i64,
    pub seen: i64,
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
        self.digest("form")
    }

    /// What its page's script must show to follow events: a script of an app on the same origin has
    /// the cookie sent, but does not know this.
    pub fn live_key(&self) -> String {
        self.digest("live")
    }

    pub(super) fn key(&self) -> String {
        self.digest("session")
    }

    /// What it is found by in this use, and in no other.
    pub(super) fn digest(&self, purpose: &str) -> String {
        hex::encode(Sha256::digest(format!("{purpose} {}", *self.0)))
    }
}

impl Visitor {
    /// Whoever is at this address, with a browser that calls itself so.
    pub fn new(from: IpAddr, agent: &str) -> Self {
        const MOST: usize = 160;
        let is_plain = |char: &char| !char.is_control();
        Self { agent: agent.chars().filter(is_plain).take(MOST).collect(), from }
    }
}

impl Auth {
    /// Begins a session of one who last proved then who they are.
    pub(super) async fn begin_session(
        &self,
        user: &User,
        visitor: &Visitor,
        settings: SessionSettings,
        proved: Timestamp,
    ) -> Result<SessionId, AuthError> {
        let id = SessionId::random()?;
        let now = self.clock.now().micros();
        let (Visitor { agent, from }, proved) = (visitor.clone(), proved.micros());
        let kept = Kept { agent, began: now, epoch: user.epoch, from, proved, seen: now };
        self.store.put_item(&kept.item(id.key(), user.id, settings)?).await?;
        Ok(id)
    }

    /// Who is signed in by this; `None` if nobody is, or not any more.
    pub async fn session(
        &self,
        id: &SessionId,
        settings: SessionSettings,
    ) -> Result<Option<Session>, AuthError> {
        let now = self.clock.now();
        let found = self.session_item(id, now).await?;
        let Some((item, owner)) = found.and_then(|item| item.owner.map(|owner| (item, owner)))
        else {
            return Ok(None);
        };
        let mut kept = Kept::read(&item)?;
        let user = self.store.user(owner).await?;
        let is_good = |user: &User| self.may_be_signed_in(user, kept.epoch);
        let Some(user) = user.filter(is_good).filter(|_| kept.ends(settings) > now) else {
            unless_full(self.store.remove_item(ItemKind::Session, &id.key()).await);
            return Ok(None);
        };
        if now.since(Timestamp::from_micros(kept.seen)) >= settings.note_every() {
            kept.seen = now.micros();
            // In place of what was read: a session that was ended meanwhile stays so.
            let seen = kept.item(id.key(), user.id, settings)?;
            unless_full(self.store.replace_item(&item.value, &seen).await);
        }
        Ok(Some(kept.of(user)))
    }

    /// Notes that whoever has a session has just proved who they are. Where that cannot be noted they
    /// are asked again.
    pub(super) async fn note_proof(&self, id: &SessionId) {
        const ROUNDS: usize = 3;
        let now = self.clock.now();
        let note = async || {
            let Some(item) = self.store.item(ItemKind::Session, &id.key(), now).await? else {
                return Ok(true);
            };
            let kept = Kept { proved: now.micros(), ..Kept::read(&item)? };
            let next = Item { value: kept.text()?, ..item.clone() };
            self.store.replace_item(&item.value, &next).await
        };
        for _ in 0..ROUNDS {
            // Unless another request has noted something meanwhile.
            if !matches!(note().await, Ok(false)) {
                break;
            }
        }
    }

    /// Ends a session, at its owner's wish.
    pub async fn sign_out(&self, id: &SessionId, by: Actor) -> Result<(), AuthError> {
        let now = self.clock.now();
        let found = self.store.item(ItemKind::Session, &id.key(), now).await;
        // Whatever else cannot be told: from now on it is refused.
        let has_ended = self.end_session(id).await?;
        let user = match found?.and_then(|item| item.owner) {
            Some(owner) => self.store.user(owner).await?,
            None => None,
        };
        if has_ended && let Some(user) = user {
            self.events.record(self.event(EventName::ConsoleSignedOut, by).of(&user));
        }
        Ok(())
    }

    /// Who is signed in by this, for whoever only looks: it is not noted as in use, and does not end
    /// later for it.
    pub async fn signed_in_by(
        &self,
        id: &SessionId,
        settings: SessionSettings,
    ) -> Result<Option<Session>, AuthError> {
        let now = self.clock.now();
        let found = self.session_item(id, now).await?;
        let Some((item, owner)) = found.and_then(|item| item.owner.map(|owner| (item, owner)))
        else {
            return Ok(None);
        };
        let kept = Kept::read(&item)?;
        let user = self.store.user(owner).await?;
        let is_good =
            |user: &User| self.may_be_signed_in(user, kept.epoch) && kept.ends(settings) > now;
        Ok(user.filter(is_good).map(|user| kept.of(user)))
    }

    /// Ends a session; says whether there was one.
    pub async fn end_session(&self, id: &SessionId) -> Result<bool, AuthError> {
        Ok(self.end_item(ItemKind::Session, &id.key()).await?)
    }

    /// A session as it is kept, unless it has ended.
    async fn session_item(
        &self,
        id: &SessionId,
        now: Timestamp,
    ) -> Result<Option<Item>, StoreError> {
        let key = id.key();
        if self.has_ended_item(ItemKind::Session, &key) {
            return Ok(None);
        }
        self.store.item(ItemKind::Session, &key, now).await
    }

    /// Whether a user may be signed in by what was said at an epoch of theirs.
    pub(super) fn may_be_signed_in(&self, user: &User, epoch: u64) -> bool {
        is_operator(user) && user.epoch == epoch && !self.has_ended(user.id, epoch)
    }
}

impl SessionSettings {
    /// How rarely it is written down that a session is in use.
    fn note_every(self) -> Duration {
        const USUAL: Duration = Duration::from_mins(1);
        USUAL.min(self.idle / 8)
    }
}

impl Kept {
    /// When it ends, if nothing more is heard of it.
    fn ends(&self, settings: SessionSettings) -> Timestamp {
        let at = |micros, span| Timestamp::from_micros(micros).plus(span);
        at(self.seen, settings.idle).min(at(self.began, settings.lifetime))
    }

    /// As whose session it counts.
    fn of(&self, user: User) -> Session {
        let [began, proved] = [self.began, self.proved].map(Timestamp::from_micros);
        Session { began, from: self.from, proved, user }
    }

    fn item(
        &self,
        key: String,
        user: UserId,
        settings: SessionSettings,
    ) -> Result<Item, StoreError> {
        Ok(Item {
            expires: Some(self.ends(settings)),
            key,
            kind: ItemKind::Session,
            owner: Some(user),
            value: self.text()?,
        })
    }

    fn text(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(StoreError::unavailable)
    }

    pub(super) fn read(item: &Item) -> Result<Self, StoreError> {
        serde_json::from_str(&item.value)
            .map_err(|error| StoreError::Corrupt { what: "session", problem: error.to_string() })
    }
}
