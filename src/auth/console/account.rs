//! What operators do with their own account at the console.

use super::super::change_password::{ChangeError, NewPassword, Swap};
use super::super::login::{Door, Typed};
use super::super::{Auth, AuthError, Seat};
use super::session::{SessionId, SessionSettings, Visitor};
use crate::model::event::Actor;
use crate::model::password::Password;
use crate::model::user::User;
use std::sync::Arc;

impl Auth {
    /// Replaces an operator's own password, if they know the present one. All their sessions and
    /// tokens end; the one who asks goes on under a new id.
    pub async fn change_own_password(
        &self,
        user: &User,
        passwords: NewPassword,
        visitor: &Visitor,
        settings: SessionSettings,
    ) -> Result<SessionId, ChangeError> {
        let swap = Swap { door: Door::Inside, keep: None, user: user.id };
        let changed = self.swap_password(swap, user.username.as_str(), passwords, visitor.from);
        let before = changed.await?;
        let now = self.store.user(before.id).await.map_err(AuthError::from)?;
        // Whatever else ends sessions ends this one, too.
        let now = now.filter(|user| user.epoch == before.epoch + 1);
        let now = now.ok_or(AuthError::InvalidToken)?;
        Ok(self.begin_session(&now, visitor, settings).await?)
    }

    /// Takes an operator's own second factor from them, if they know their password and a code;
    /// says whether they did.
    pub async fn disable_second_factor(
        &self,
        user: &User,
        proof: OwnProof<'_>,
        by: Actor,
    ) -> Result<bool, AuthError> {
        if !self.has_second_factor(user.id).await? || !self.prove(user, proof, &by).await? {
            return Ok(false);
        }
        self.reset_second_factor(user, by).await
    }

    /// Whether one who is signed in knows their password, and a code if they have the second factor:
    /// for what outlives a session, which someone else may have. It counts as a sign-in does.
    pub async fn prove(
        &self,
        user: &User,
        proof: OwnProof<'_>,
        by: &Actor,
    ) -> Result<bool, AuthError> {
        let Some(from) = by.address() else { return Ok(false) };
        let password = Arc::new(proof.password);
        let username = user.username.as_str();
        let guess = Typed { door: Door::Inside, from, password: &password, username };
        let judged = self.count_guess(guess, async |seat: &mut Seat<'_>, found| {
            self.check_password(seat, guess, found).await
        });
        match judged.await {
            Ok(found) if found.id == user.id => {}
            Ok(_) | Err(AuthError::BadCredentials) => return Ok(false),
            Err(error) => return Err(error),
        }
        if !self.has_second_factor(user.id).await? {
            return Ok(true);
        }
        self.proves_second_factor(user, proof.code, by).await
    }
}

/// By what one who is signed in proves that it is them.
pub struct OwnProof<'a> {
    /// A code of their app, or a recovery code; blank if they have none.
    pub code: &'a str,
    /// Their present password.
    pub password: Password,
}
