//! A new password, by its owner.

use super::checks::{in_words, weaknesses};
use super::login::{Door, ROUNDS, Typed};
use super::{Auth, AuthError, HashError, ManageError, Seat, Weakness};
use crate::model::event::{Actor, EventName};
use crate::model::identity::Identity;
use crate::model::password::Password;
use crate::model::token::{Token, TokenDigest};
use crate::model::user::{User, UserId};
use crate::store::PasswordChange;
use std::net::IpAddr;
use std::sync::Arc;

/// What someone has typed who wants another password.
pub struct NewPassword {
    /// The new one.
    pub new: Password,
    /// The present one.
    pub old: Password,
}

impl Auth {
    /// Replaces the caller's password, if they know the present one, and ends all of their tokens
    /// but the one with which they ask.
    ///
    /// A password that someone else changes meanwhile is not replaced unless it is the one typed.
    pub async fn change_password(
        &self,
        caller: &Identity,
        token: &Token,
        passwords: NewPassword,
        from: IpAddr,
    ) -> Result<(), ChangeError> {
        let swap = Swap {
            code: None,
            door: Door::Api,
            ends_keys: None,
            keep: Some(token),
            user: caller.user,
        };
        self.swap_password(swap, caller.names.username(), passwords, from).await?;
        Ok(())
    }

    /// Replaces the password of a user of that name. The user as they were before, and the epoch that
    /// began with it.
    pub(super) async fn swap_password(
        &self,
        swap: Swap<'_>,
        username: &str,
        passwords: NewPassword,
        from: IpAddr,
    ) -> Result<(User, u64), ChangeError> {
        let (old, new) = (Arc::new(passwords.old), Arc::new(passwords.new));
        let guess = Typed { door: swap.door, from, password: &old, username };
        let (mut code, mut has_ended_keys) = (swap.code, false);
        // Once the old one is known to be right, the guess was: whatever becomes of the new one.
        let judged = self.count_guess(guess, async |seat: &mut Seat<'_>, mut found| {
            for _ in 0..ROUNDS {
                let user = self.check_password(seat, guess, found).await?;
                if user.id != swap.user {
                    return Err(AuthError::InvalidToken);
                }
                if let Some(why) = self.why_not(&user, &old, &new) {
                    return Ok(Err(why));
                }
                // Last, and once: it is good once.
                if let Some(code) = code.take()
                    && !self.proves_second_factor(&user, code, &Actor::Client(from)).await?
                {
                    return Ok(Err(ChangeError::WrongCode));
                }
                let to = seat.hash(Arc::clone(&new)).await?;
                if let Some(by) = swap.ends_keys {
                    // Before, so that none outlives what comes between.
                    has_ended_keys |= self.end_keys(&user, by.clone()).await? > 0;
                }
                // What was ended before must not end the token that stays.
                self.settle(&user).await?;
                let from = user.password.clone();
                let keep = self.to_keep(swap.keep).await?;
                let change = PasswordChange { from, keep, to, user: user.id };
                let outages = self.cache.outages();
                if let Some(epoch) = self.store.replace_password(change).await? {
                    self.have_ended(&user, outages);
                    return Ok(Ok((user, epoch)));
                }
                found = self.find(username).await?;
            }
            Err(AuthError::Busy)
        });
        let judged = judged.await.map_err(ChangeError::of_the_old).flatten();
        let (user, epoch) = judged.map_err(|why| {
            if has_ended_keys { ChangeError::KeysEnded(Box::new(why)) } else { why }
        })?;
        self.limits.estrange(user.id).await;
        self.limits.acquaint(user.id, from).await;
        self.tell_of(EventName::PasswordChanged, &user, from);
        Ok((user, epoch))
    }

    /// By what the store has the token that stays, or may have it a moment later; of nothing, if none does.
    async fn to_keep(&self, token: Option<&Token>) -> Result<Vec<TokenDigest>, AuthError> {
        let Some(token) = token else { return Ok(Vec::new()) };
        if let Some((plain, _)) = self.token_without_capitals(token).await? {
            return Ok(vec![plain.digest]);
        }
        let Some(old) = self.old_token(token).await? else {
            // It may have been rewritten in between.
            let plain = token.without_capitals().map(|plain| plain.digest());
            return Ok([token.digest()].into_iter().chain(plain).collect());
        };
        Ok(vec![old.digest_of_ours(token), old.record.digest])
    }

    /// Why a new password will not do in place of the old one, if it will not.
    fn why_not(&self, user: &User, old: &Password, new: &Password) -> Option<ChangeError> {
        if user.must_change && new.expose() == old.expose() {
            return Some(ChangeError::SamePassword);
        }
        let weaknesses = self.weaknesses_for(user, new);
        (!weaknesses.is_empty()).then_some(ChangeError::WeakPassword(weaknesses))
    }

    /// Fails as [`Auth::set_password`] does if a password is too easy to guess, and sets nothing.
    pub fn look_at_password(&self, user: &User, password: &Password) -> Result<(), ManageError> {
        let weaknesses = self.weaknesses_for(user, password);
        if weaknesses.is_empty() { Ok(()) } else { Err(ManageError::WeakPassword(weaknesses)) }
    }

    /// What is wrong with a password for a user who exists.
    pub(super) fn weaknesses_for(&self, user: &User, new: &Password) -> Vec<Weakness> {
        let settings = self.settings.load();
        weaknesses(&settings.password_checks, new, &user.username, &user.email)
    }
}

/// Whose password is replaced, and how.
#[derive(Clone, Copy)]
pub(super) struct Swap<'a> {
    /// A code that proves it, too, of one who has an authenticator app.
    pub code: Option<&'a str>,
    pub door: Door,
    /// In whose name their API keys end, if they do.
    pub ends_keys: Option<&'a Actor>,
    /// The token that stays, if one does.
    pub keep: Option<&'a Token>,
    pub user: UserId,
}

/// Why a password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// For a reason that is not the passwords' own.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// It was not, and yet their API keys have ended, as they were to end before.
    #[error("{0}; the API keys have ended")]
    KeysEnded(Box<ChangeError>),
    /// They have an authenticator app, and no code was typed.
    #[error("a code of the app, or a recovery code, is wanted, too")]
    MissingCode,
    /// The new one is the old one, of someone who is to choose another.
    #[error("the new password must not be the old one")]
    SamePassword,
    /// The new one is too easy to guess.
    #[error("{}", in_words(.0))]
    WeakPassword(Vec<Weakness>),
    /// The code of the authenticator app is wrong, or was used already.
    #[error("the code is wrong, or was used already; wait for the next one")]
    WrongCode,
    /// The present one is another.
    #[error("the old password is wrong")]
    WrongPassword,
}

impl ChangeError {
    fn of_the_old(error: AuthError) -> Self {
        match error {
            AuthError::BadCredentials => Self::WrongPassword,
            other => Self::Auth(other),
        }
    }
}

impl From<HashError> for ChangeError {
    fn from(error: HashError) -> Self {
        Self::Auth(error.into())
    }
}
