//! Name and password → session.

use super::super::login::{LoginAttempt, Typed};
use super::super::{Auth, AuthError, Seat};
use super::session::{SessionId, SessionSettings};
use crate::model::event::EventName;
use crate::model::user::User;
use std::net::IpAddr;
use std::sync::Arc;

/// What came of an attempt to sign in.
pub enum SignIn {
    /// They are in.
    Done(SessionId, Box<User>),
}

impl Auth {
    /// Checks the name and the password of one of the staff, and begins a session if they match.
    pub async fn sign_in(
        &self,
        attempt: LoginAttempt,
        from: IpAddr,
        settings: SessionSettings,
    ) -> Result<SignIn, AuthError> {
        let LoginAttempt { password, username, .. } = attempt;
        let password = Arc::new(password);
        let guess = Typed { from, password: &password, username: &username };
        let judged = self.count_guess(guess, async |seat: &mut Seat<'_>, found| {
            let user = self.check_password(seat, guess, found).await?;
            if user.is_staff { Ok(user) } else { Err(AuthError::BadCredentials) }
        });
        let user = judged.await?;
        let id = self.begin_session(&user, from, settings).await?;
        self.tell_of(EventName::LoginSucceeded, &user, from);
        Ok(SignIn::Done(id, Box::new(user)))
    }
}
