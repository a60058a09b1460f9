//! What operators do with their own account at the console.

use super::super::change_password::{ChangeError, NewPassword, Swap};
use super::super::login::Door;
use super::super::{Auth, AuthError};
use super::session::{Session, SessionId, SessionSettings, Visitor};
use crate::model::event::Actor;
use crate::model::user::UserId;
use std::net::IpAddr;

/// A new password of one's own.
pub struct OwnChange {
    /// A code of one's authenticator app, or a recovery code; blank if one has none.
    pub code: String,
    /// Whether one's API keys end with it.
    pub ends_keys: bool,
    /// The present one and the new one.
    pub passwords: NewPassword,
}

/// What came of it once the new one counts.
pub struct OwnChanged {
    /// Whether an API key that was to end may go on: one that was made at the same moment.
    pub keys_may_go_on: bool,
    /// The session in which they go on; `None` if they have to sign in again.
    pub session: Option<SessionId>,
}

impl Auth {
    /// Whether an operator has to type a code when they change their own password: if they have the
    /// second factor. Whoever has to choose another may have signed in with the last code that they had,
    /// and needs none for a while.
    pub async fn wants_code(&self, session: &Session, from: IpAddr) -> Result<bool, AuthError> {
        let is_excused = session.user.must_change && self.proved_lately(session, from).is_some();
        Ok(!is_excused && self.has_second_factor(session.user.id).await?)
    }

    /// Replaces an operator's own password, if they know the present one, and a code if one is wanted:
    /// see [`Auth::wants_code`]. All their sessions and tokens end, and their API keys if they wish; the one who asks goes on under a new id.
    ///
    /// The keys end first: where they cannot, the password stays, and all of it can be tried again.
    pub async fn change_own_password(
        &self,
        session: &Session,
        change: OwnChange,
        visitor: &Visitor,
        settings: SessionSettings,
    ) -> Result<OwnChanged, ChangeError> {
        let OwnChange { code, ends_keys, passwords } = change;
        let wants_code = self.wants_code(session, visitor.from).await?;
        let user = &session.user;
        if wants_code && code.trim().is_empty() {
            return Err(ChangeError::MissingCode);
        }
        let by = Actor::Admin(user.username.clone(), visitor.from);
        let swap = Swap {
            code: wants_code.then_some(code.as_str()),
            door: Door::Inside,
            ends_keys: ends_keys.then_some(&by),
            keep: None,
            user: user.id,
        };
        let changed = self.swap_password(swap, user.username.as_str(), passwords, visitor.from);
        let (before, epoch) = changed.await?;
        // What fails from here on is told as what it is: the new password counts.
        let keys = if ends_keys { self.end_keys(&before, by).await } else { Ok(0) };
        let keys = keys.inspect_err(|error| {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, user = %before.id, "a key made at this moment may go on");
        });
        let session = self.go_on(before.id, epoch, visitor, settings).await.unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, user = %before.id, "no session goes on with the new password");
            None
        });
        Ok(OwnChanged { keys_may_go_on: keys.is_err(), session })
    }

    /// A session for one whose epoch began just now with a new password, unless another has begun since.
    async fn go_on(
        &self,
        user: UserId,
        epoch: u64,
        visitor: &Visitor,
        settings: SessionSettings,
    ) -> Result<Option<SessionId>, AuthError> {
        let now = self.store.user(user).await?;
        let Some(user) = now.filter(|user| user.epoch == epoch) else {
            return Ok(None);
        };
        self.begin_session(&user, visitor, settings, self.clock.now()).await.map(Some)
    }
}
