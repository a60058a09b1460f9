//! What operators do with accounts and tokens: the one behaviour behind every way to manage them.

use super::checks::in_words;
use super::issue::Terms;
use super::{Auth, AuthError, HashError, Issued, Lane, RegisterError, Registration, Weakness};
use crate::model::event::{Actor, Event, EventName};
use crate::model::password::Password;
use crate::model::token::{Token, TokenId, TokenRecord};
use crate::model::user::{User, UserChange, UserId, Username};
use crate::store::StoreError;
use std::sync::Arc;
use std::time::Duration;

impl Auth {
    /// Makes a user, whether or not anyone may register.
    pub async fn create_user(
        &self,
        registration: Registration,
        is_staff: bool,
        by: Actor,
    ) -> Result<User, RegisterError> {
        let seat = self.passwords.reserve(Lane::Console, None)?;
        let user = self.create(registration, is_staff, seat).await?;
        let event = self.event(EventName::UserCreated, by).of(&user);
        self.events.record(if is_staff { event.with("staff") } else { event });
        Ok(user)
    }

    /// The user of that name.
    pub async fn user_named(&self, name: &str) -> Result<User, ManageError> {
        let found = match Username::existing(name) {
            Some(name) => self.store.user_by_name(&name).await?,
            None => None,
        };
        found.ok_or_else(|| ManageError::NoSuchUser(name.to_owned()))
    }

    /// At most `limit` users with a number above `after`, in order of number.
    pub async fn users_after(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, ManageError> {
        Ok(self.store.users_after(after, limit).await?)
    }

    /// Lets a user in, or locks them out and ends their tokens.
    pub async fn set_active(
        &self,
        user: &User,
        active: bool,
        by: Actor,
    ) -> Result<User, ManageError> {
        let name = if active { EventName::UserActivated } else { EventName::UserDeactivated };
        self.change(user, UserChange::Active(active), name, by).await
    }

    /// Makes a user staff, or takes that from them and ends their tokens.
    pub async fn set_staff(
        &self,
        user: &User,
        staff: bool,
        by: Actor,
    ) -> Result<User, ManageError> {
        let name = if staff { EventName::StaffGranted } else { EventName::StaffWithdrawn };
        self.change(user, UserChange::Staff(staff), name, by).await
    }

    /// Replaces a user's password and ends their tokens.
    pub async fn set_password(
        &self,
        user: &User,
        password: Password,
        by: Actor,
    ) -> Result<User, ManageError> {
        let weaknesses = self.weaknesses_for(user, &password);
        if !weaknesses.is_empty() {
            return Err(ManageError::WeakPassword(weaknesses));
        }
        let hash = self.passwords.reserve(Lane::Console, None)?.hash(Arc::new(password)).await?;
        let change = UserChange::Password(hash);
        let changed = self.change(user, change, EventName::PasswordChanged, by).await?;
        self.limits.estrange(user.id).await;
        Ok(changed)
    }

    /// Deletes a user with all their tokens.
    pub async fn delete_user(&self, user: &User, by: Actor) -> Result<(), ManageError> {
        if !self.store.delete_user(user.id).await? {
            return Err(ManageError::NoSuchUser(user.username.to_string()));
        }
        self.events.record(self.event(EventName::UserDeleted, by).of(user));
        Ok(())
    }

    /// The live tokens of a user, the oldest first.
    pub async fn tokens_of(&self, user: &User) -> Result<Vec<TokenRecord>, ManageError> {
        Ok(self.store.tokens_of(user.id, self.clock.now()).await?)
    }

    /// Issues a token to a user.
    pub async fn create_token(
        &self,
        user: User,
        lifetime: Lifetime,
        by: Actor,
    ) -> Result<Issued, ManageError> {
        if !user.is_active {
            return Err(ManageError::Auth(AuthError::InactiveUser));
        }
        let name = user.username.to_string();
        let lifetime = match lifetime {
            Lifetime::Forever => None,
            Lifetime::Of(span) => Some(span),
            Lifetime::Usual => self.settings.load().tokens.lifetime,
        };
        let issued = self.issue(user, Terms { is_login: false, lifetime, limit: None }).await?;
        let issued = issued.ok_or(ManageError::Changed(name))?;
        let event = self.event(EventName::TokenCreated, by).of(&issued.user);
        self.events.record(event.with(issued.record.id()));
        Ok(issued)
    }

    /// Ends one token.
    pub async fn revoke_token(&self, name: &TokenName, by: Actor) -> Result<(), ManageError> {
        let digest = match name {
            TokenName::Token(token) => token.digest(),
            TokenName::Id(id) => {
                let tokens = self.store.tokens_of(id.user, self.clock.now()).await?;
                let found = tokens.iter().find(|record| record.id() == *id);
                found.ok_or(ManageError::NoSuchToken)?.digest
            }
        };
        // Only the event wants it: what cannot be read can be ended all the same.
        let found = self.store.token(digest).await.ok().flatten();
        if !self.store.revoke_token(digest).await? {
            return Err(ManageError::NoSuchToken);
        }
        let event = self.event(EventName::TokenRevoked, by);
        self.events.record(match found {
            Some((token, user)) => event.of(&user).with(token.id()),
            None => event,
        });
        Ok(())
    }

    /// Ends all tokens of a user.
    pub async fn revoke_tokens(&self, user: &User, by: Actor) -> Result<(), ManageError> {
        if !self.store.revoke_tokens_of(user.id).await? {
            return Err(ManageError::NoSuchUser(user.username.to_string()));
        }
        self.events.record(self.event(EventName::TokensRevoked, by).of(user));
        Ok(())
    }

    /// Deletes what is of no more use, such as expired tokens and old events, and says how many
    /// tokens.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        self.store.sweep_events(self.event_bounds()).await?;
        self.store.sweep(self.clock.now()).await
    }

    async fn change(
        &self,
        user: &User,
        change: UserChange,
        name: EventName,
        by: Actor,
    ) -> Result<User, ManageError> {
        let changed = self.store.change_user(user.id, change).await?;
        let changed = changed.ok_or_else(|| ManageError::NoSuchUser(user.username.to_string()))?;
        self.events.record(self.event(name, by).of(&changed));
        if matches!(name, EventName::UserDeactivated | EventName::StaffWithdrawn) {
            self.end_keys(changed.id).await?;
        }
        Ok(changed)
    }

    fn event(&self, name: EventName, by: Actor) -> Event {
        Event::new(name, by, self.clock.now())
    }
}

/// How long an operator's token holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lifetime {
    /// It has no end.
    Forever,
    /// So long.
    Of(Duration),
    /// As long as every token.
    Usual,
}

/// How an operator says which token they mean.
pub enum TokenName {
    /// By its id.
    Id(TokenId),
    /// By the token itself.
    Token(Token),
}

impl TokenName {
    /// Reads an id, or else a token.
    pub fn parse(text: String) -> Self {
        text.parse().map_or_else(|_| Self::Token(Token::new(text)), Self::Id)
    }
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// For a reason that is not the operator's own.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Someone changed the user at the same moment.
    #[error("{0} was changed by someone else at the same moment; try again")]
    Changed(String),
    /// There is no such token, or it has ended.
    #[error("there is no such token, or it has ended already")]
    NoSuchToken,
    /// There is no such user.
    #[error("there is no user {0:?}")]
    NoSuchUser(String),
    /// The password is too easy to guess.
    #[error("{}", in_words(.0))]
    WeakPassword(Vec<Weakness>),
}

impl From<HashError> for ManageError {
    fn from(error: HashError) -> Self {
        Self::Auth(error.into())
    }
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> Self {
        Self::Auth(error.into())
    }
}
