//! Name and password → token.

use super::issue::Terms;
use super::{Auth, AuthError, Issued, Lane, Seat, Verdict};
use crate::model::password::Password;
use crate::model::user::{User, UserChange, Username};
use std::net::IpAddr;
use std::sync::Arc;

impl Auth {
    /// Checks a name and a password, and issues a token if they match.
    ///
    /// The token is issued only if the user is still as they were when the password was checked;
    /// otherwise the password is checked again, so a password that was changed or tokens that were
    /// ended meanwhile win.
    pub async fn login(&self, attempt: LoginAttempt, from: IpAddr) -> Result<Issued, AuthError> {
        let password = Arc::new(attempt.password);
        if password.expose().len() > LONGEST_PASSWORD {
            return Err(AuthError::BadCredentials);
        }
        let mut seat = self.passwords.reserve(Lane::Ordinary)?;
        for _ in 0..ROUNDS {
            let user = self.check_password(&mut seat, &attempt.username, &password).await?;
            if let Some(issued) = self.issue(user, self.login_terms()).await? {
                return Ok(issued);
            }
        }
        Err(AuthError::Busy)
    }

    async fn check_password(
        &self,
        seat: &mut Seat<'_>,
        username: &str,
        password: &Arc<Password>,
    ) -> Result<User, AuthError> {
        let user = match Username::existing(username) {
            Some(name) => self.store.user_by_name(&name).await?,
            None => None,
        };
        // A name that nobody has costs a hash too, or the time taken would tell which names exist.
        let against = user.as_ref().map_or(&self.decoy, |user| &user.password).clone();
        let verdict = seat.verify(Arc::clone(password), against).await?;
        match (user, verdict) {
            (Some(user), Verdict::Match) if user.is_active => Ok(user),
            (Some(user), Verdict::MatchOutdated) if user.is_active => {
                self.rehash(seat, user, password).await
            }
            _ => Err(AuthError::BadCredentials),
        }
    }

    /// Stores the password under the present cost. Should someone have changed it meanwhile, the
    /// store keeps theirs.
    async fn rehash(
        &self,
        seat: &mut Seat<'_>,
        user: User,
        password: &Arc<Password>,
    ) -> Result<User, AuthError> {
        let to = seat.hash(Arc::clone(password)).await?;
        let change = UserChange::Rehash { from: user.password.clone(), to };
        self.store.change_user(user.id, change).await?;
        Ok(user)
    }

    fn login_terms(&self) -> Terms {
        let settings = self.settings.load();
        let tokens = &settings.tokens;
        Terms { is_login: true, lifetime: tokens.lifetime, limit: tokens.limit }
    }
}

/// A name and a password that someone has typed.
pub struct LoginAttempt {
    /// The password.
    pub password: Password,
    /// The name, which need not be one that a user can have.
    pub username: String,
}

/// No user has a password of more bytes, so none is hashed.
const LONGEST_PASSWORD: usize = 4096;

/// How often a user may change under a login before it gives up.
const ROUNDS: usize = 3;
