//! What operators do with accounts and tokens: the one behaviour behind every way to manage them.

use super::checks::in_words;
use super::issue::Terms;
use super::{
    Auth, AuthError, HashError, Issued, Lane, NewRights, RegisterError, Registration, Weakness,
};
use crate::model::event::{Actor, Event, EventName};
use crate::model::password::Password;
use crate::model::token::{Token, TokenAbout, TokenId};
use crate::model::user::{User, UserChange, UserId, Username};
use crate::store::{ListedToken, StoreError};
use std::sync::Arc;
use std::time::Duration;

impl Auth {
    /// Makes a user, whether or not anyone may register.
    pub async fn create_user(
        &self,
        registration: Registration,
        rights: NewRights,
        by: Actor,
    ) -> Result<User, RegisterError> {
        let seat = self.passwords.reserve(Lane::Console, None)?;
        let user = self.create(registration, rights, seat).await?;
        let event = self.event(EventName::UserCreated, by).of(&user);
        self.events.record(if rights.is_staff { event.with("staff") } else { event });
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
        if active {
            return self.change(user, UserChange::Active(true), EventName::UserActivated, by).await;
        }
        let guard = self.keep_an_operator(user, &by).await?;
        let change = UserChange::Active(false);
        let changed = self.change(user, change, EventName::UserDeactivated, by).await;
        guard.release(self).await;
        changed
    }

    /// Makes a user staff, or takes that from them and ends their tokens.
    pub async fn set_staff(
        &self,
        user: &User,
        staff: bool,
        by: Actor,
    ) -> Result<User, ManageError> {
        if staff {
            return self.change(user, UserChange::Staff(true), EventName::StaffGranted, by).await;
        }
        let guard = self.keep_an_operator(user, &by).await?;
        let change = UserChange::Staff(false);
        let changed = self.change(user, change, EventName::StaffWithdrawn, by).await;
        guard.release(self).await;
        changed
    }

    /// Replaces a user's password and ends their tokens. They may have to choose another one, which
    /// the operator does not know.
    pub async fn set_password(
        &self,
        user: &User,
        password: Password,
        must_change: bool,
        by: Actor,
    ) -> Result<User, ManageError> {
        let weaknesses = self.weaknesses_for(user, &password);
        if !weaknesses.is_empty() {
            return Err(ManageError::WeakPassword(weaknesses));
        }
        let hash = self.passwords.reserve(Lane::Console, None)?.hash(Arc::new(password)).await?;
        let change = UserChange::Password { hash, must_change };
        let changed = self.change(user, change, EventName::PasswordChanged, by).await?;
        self.limits.estrange(user.id).await;
        Ok(changed)
    }

    /// Says that a user must choose another password before anything else, or need not any more.
    pub async fn set_must_change(
        &self,
        user: &User,
        must_change: bool,
        by: Actor,
    ) -> Result<User, ManageError> {
        let changed = self.store.change_user(user.id, UserChange::MustChange(must_change)).await?;
        let changed = changed.ok_or_else(|| ManageError::NoSuchUser(user.username.to_string()))?;
        let event = self.event(EventName::PasswordChangeRequired, by).of(&changed);
        let yes_no = |yes| if yes { "yes" } else { "no" };
        let (before, after) = (yes_no(user.must_change), yes_no(must_change));
        self.events.record(event.with(format!("must_change: {before} → {after}")));
        Ok(changed)
    }

    /// Deletes a user with all their tokens.
    pub async fn delete_user(&self, user: &User, by: Actor) -> Result<(), ManageError> {
        let guard = self.keep_an_operator(user, &by).await?;
        let deleted = self.store.delete_user(user.id).await;
        guard.release(self).await;
        if !deleted? {
            return Err(ManageError::NoSuchUser(user.username.to_string()));
        }
        self.forget_second_factor(user.id).await;
        self.events.record(self.event(EventName::UserDeleted, by).of(user));
        Ok(())
    }

    /// The live tokens of a user, the oldest first.
    pub async fn tokens_of(&self, user: &User) -> Result<Vec<ListedToken>, ManageError> {
        Ok(self.store.tokens_of(user.id, self.clock.now()).await?)
    }

    /// Issues a token to a user.
    pub async fn create_token(
        &self,
        user: User,
        terms: NewTokenTerms,
        by: Actor,
    ) -> Result<Issued, ManageError> {
        if !user.is_active {
            return Err(ManageError::Auth(AuthError::InactiveUser));
        }
        let username = user.username.to_string();
        let lifetime = match terms.lifetime {
            Lifetime::Forever => None,
            Lifetime::Of(span) => Some(span),
            Lifetime::Usual => self.settings.load().tokens.lifetime,
        };
        let issued_by = by.operator().map_or("command line", Username::as_str).to_owned();
        let about = TokenAbout {
            address: by.address(),
            issued_by: Some(issued_by),
            name: terms.name.as_deref().and_then(TokenAbout::tidy),
            ..TokenAbout::default()
        };
        let terms = Terms { about, is_login: false, lifetime, limit: None };
        let issued = self.issue(user, terms).await?;
        let issued = issued.ok_or(ManageError::Changed(username))?;
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
                let found =
                    tokens.iter().map(|token| &token.record).find(|record| record.id() == *id);
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
        Ok(changed)
    }

    pub(super) fn event(&self, name: EventName, by: Actor) -> Event {
        Event::new(name, by, self.clock.now())
    }
}

/// What an operator decides of a new token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewTokenTerms {
    /// How long it holds.
    pub lifetime: Lifetime,
    /// What it is called, if anything.
    pub name: Option<String>,
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
    /// Nobody else could sign in at the console.
    #[error(
        "{0} is the last active staff user: make another one first, by `authgate user create NAME \
         --staff` or `authgate user promote NAME`"
    )]
    LastOperator(String),
    /// There is no such token, or it has ended.
    #[error("there is no such token, or it has ended already")]
    NoSuchToken,
    /// There is no such user.
    #[error("there is no user {0:?}")]
    NoSuchUser(String),
    /// Nobody takes their own account from themselves by mistake.
    #[error("your own account can be deactivated, demoted or deleted by another operator only")]
    OwnAccount,
    /// Someone else changes who is staff at this moment.
    #[error("someone else changes who is staff at this moment; try again")]
    OperatorsBusy,
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
