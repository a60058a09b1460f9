//! The first operator, made by whoever has the link that the gateway's log shows.

use super::super::issue::random_bytes;
use super::super::operators::LOOK_FOR;
use super::super::register::{NewRights, RegisterError, Registration};
use super::super::{Auth, AuthError, Lane, ManageError};
use super::session::{SessionId, SessionSettings, Visitor};
use crate::model::event::{Actor, EventName};
use crate::model::user::User;
use crate::store::{Item, ItemKind, StoreError};
use sha2::{Digest, Sha256};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a link holds.
const LASTS: Duration = Duration::from_mins(15);

/// What a link says, to be good once. Never printed: it has no Debug.
pub struct SetupCode(Zeroizing<String>);

impl SetupCode {
    /// The one that a link has; `None` if it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let is_sane = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_sane.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Its text, for the link and its page alone.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn key(&self) -> String {
        hex::encode(Sha256::digest(format!("setup {}", *self.0)))
    }
}

impl Auth {
    /// A code by which the first operator can be made, if there is none. It is the only way to it, and
    /// each start of a gateway makes one of its own.
    pub async fn offer_setup(&self) -> Result<Option<SetupCode>, AuthError> {
        let begun = self.clock.instant();
        // Nobody waits for it.
        if self.store.has_operator(None).await? {
            return Ok(None);
        }
        if self.clock.instant().saturating_duration_since(begun) > LOOK_FOR / 2 {
            // Whoever opens a link waits until all users are looked at again.
            tracing::error!(
                "nobody may sign in at the console, and there are too many users for a link to it; \
                 `authgate user create NAME --staff` makes the first operator"
            );
            return Ok(None);
        }
        if self.is_setup_closed().await? {
            tracing::error!(
                "nobody may sign in at the console, and as the store was emptied nobody gets a link to \
                 it; `authgate user create NAME --staff` makes the first operator"
            );
            return Ok(None);
        }
        let code = SetupCode(Zeroizing::new(hex::encode(random_bytes::<32>()?)));
        let item = Item {
            expires: Some(self.clock.now().plus(LASTS)),
            key: code.key(),
            kind: ItemKind::Setup,
            owner: None,
            value: "{}".to_owned(),
        };
        self.store.put_item(&item).await?;
        Ok(Some(code))
    }

    /// Whether the first operator can be made by this code now.
    pub async fn setup_is_open(&self, code: &SetupCode) -> Result<bool, AuthError> {
        Ok(self.is_offered(code).await?
            && !self.is_setup_closed().await?
            && !self.has_operator(None).await?)
    }

    async fn is_offered(&self, code: &SetupCode) -> Result<bool, AuthError> {
        let found = self.store.item(ItemKind::Setup, &code.key(), self.clock.now()).await?;
        Ok(found.is_some())
    }

    /// Makes the first operator and signs them in. All codes are void then. What is refused for the
    /// sake of the name or the password can be tried again.
    pub async fn set_up(
        &self,
        code: &SetupCode,
        registration: Registration,
        visitor: &Visitor,
        settings: SessionSettings,
    ) -> Result<SessionId, SetupError> {
        if !self.is_offered(code).await? {
            return Err(SetupError::Closed);
        }
        let lock = self.lock_operators().await?;
        let made = async {
            // Whoever was first has closed it.
            if !self.setup_is_open(code).await? || !lock.is_usable(self) {
                return Err(SetupError::Closed);
            }
            let seat = self.passwords.reserve(Lane::Operator, None)?;
            let rights = NewRights { is_staff: true, must_change: false };
            let user = self.create(registration, rights, seat).await?;
            self.close_setup().await;
            Ok(user)
        };
        let made = made.await;
        lock.release(self).await;
        let user: User = made?;
        let event = self.event(EventName::UserCreated, Actor::Client(visitor.from)).of(&user);
        self.events.record(event.with("staff, by the link in the log"));
        let id = self.let_in(&user, visitor, settings).await.map_err(SetupError::NotSignedIn)?;
        self.tell_of(EventName::ConsoleSignedIn, &user, visitor.from);
        Ok(id)
    }

    /// Lets go of all codes. Should one stay, it opens nothing: there is an operator now.
    async fn close_setup(&self) {
        let closed: Result<(), StoreError> = async {
            for item in self.store.items(ItemKind::Setup, self.clock.now()).await? {
                self.store.remove_item(ItemKind::Setup, &item.key).await?;
            }
            Ok(())
        }
        .await;
        if let Err(error) = closed {
            tracing::debug!(error = &error as &dyn std::error::Error, "codes for setting up stay");
        }
    }
}

/// Why there is no first operator yet.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The code has been used or has run out, or there is an operator already.
    #[error("the link has been used or has run out")]
    Closed,
    /// Someone else is at it at this moment, or the store could not tell.
    #[error(transparent)]
    Manage(#[from] ManageError),
    /// The operator is made, but not signed in.
    #[error("the operator is made, but not signed in: {0}")]
    NotSignedIn(#[source] AuthError),
    /// The name or the password will not do.
    #[error(transparent)]
    Register(#[from] RegisterError),
}

impl From<AuthError> for SetupError {
    fn from(error: AuthError) -> Self {
        Self::Manage(error.into())
    }
}
