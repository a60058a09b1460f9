//! Name and password → session, or the wish for a code.

use super::super::login::{Door, LoginAttempt, ROUNDS, Typed};
use super::super::{Auth, AuthError, Seat};
use super::session::{SessionId, SessionSettings, Visitor};
use crate::model::event::EventName;
use crate::model::user::{User, UserChange};
use std::sync::Arc;

/// What came of an attempt to sign in.
pub enum SignIn {
    /// They are in.
    Done(SessionId, Box<User>),
    /// They have an authenticator app, whose code is wanted next. The id is that of no session.
    NeedsCode(SessionId),
}

impl Auth {
    /// Checks the name and the password of one of the staff, and begins a session if they match and
    /// nothing else is wanted.
    ///
    /// Whoever cannot sign in gets one answer, and costs one hash: a name that nobody has, a wrong
    /// password, a user who is not staff, and one who is locked out.
    pub async fn sign_in(
        &self,
        attempt: LoginAttempt,
        visitor: &Visitor,
        settings: SessionSettings,
    ) -> Result<SignIn, AuthError> {
        let LoginAttempt { password, username, .. } = attempt;
        let password = Arc::new(password);
        let from = visitor.from;
        let guess = Typed { door: Door::Console, from, password: &password, username: &username };
        let judged = self.count_guess(guess, async |seat: &mut Seat<'_>, mut found| {
            for _ in 0..ROUNDS {
                let user = self.check_password(seat, guess, found).await?;
                if !self.settle(&user).await? {
                    return Ok(user);
                }
                found = self.find(&username).await?;
            }
            Err(AuthError::Busy)
        });
        let user = judged.await?;
        if self.has_second_factor(user.id).await? {
            return Ok(SignIn::NeedsCode(self.begin_half(&user).await?));
        }
        let id = self.let_in(&user, visitor, settings).await?;
        self.tell_of(EventName::ConsoleSignedIn, &user, from);
        Ok(SignIn::Done(id, Box::new(user)))
    }

    /// Lets someone in who has shown all that is asked for: from now on they are known where they are.
    pub(super) async fn let_in(
        &self,
        user: &User,
        visitor: &Visitor,
        settings: SessionSettings,
    ) -> Result<SessionId, AuthError> {
        self.limits.acquaint(user.id, visitor.from).await;
        let now = self.clock.now();
        if let Err(error) = self.store.change_user(user.id, UserChange::LoggedIn(now)).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, user = %user.id, "the last login of an operator is not noted");
        }
        self.begin_session(user, visitor, settings, now).await
    }
}
