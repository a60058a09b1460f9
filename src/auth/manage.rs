//! What operators do with accounts and tokens: the one behaviour behind every way to manage them.

mod csv;
mod find;
mod hash_words;
mod secrets;
mod tokens;

pub use self::csv::{csv_head, csv_row};
pub use self::hash_words::HashWords;
pub use self::secrets::generated_password;
pub use self::tokens::{Lifetime, NewTokenTerms, TokenName};

use super::checks::in_words;
use super::{
    Auth, AuthError, HashError, Lane, NewRights, Proved, RegisterError, Registration, Weakness,
};
use crate::model::email::Email;
use crate::model::event::{Actor, Event, EventName};
use crate::model::password::Password;
use crate::model::user::{User, UserChange};
use crate::store::StoreError;
use std::sync::Arc;

impl Auth {
    /// Makes a user, whether or not anyone may register.
    pub async fn create_user(
        &self,
        registration: Registration,
        rights: NewRights,
        by: Proved,
    ) -> Result<User, RegisterError> {
        let by = by.lets_in(rights.is_staff)?;
        let seat = self.passwords.reserve(Lane::Operator, None)?;
        let user = self.create(registration, rights, seat).await?;
        let event = self.event(EventName::UserCreated, by).of(&user);
        self.events.record(if rights.is_staff { event.with("staff") } else { event });
        Ok(user)
    }

    /// Lets a user in who is locked out. Nothing is done, nor told, where that is so already.
    pub async fn activate(&self, user: &User, by: Proved) -> Result<User, ManageError> {
        if user.is_active {
            return Ok(user.clone());
        }
        let event = (EventName::UserActivated, changed("is_active", "no", "yes"));
        self.change(user, UserChange::Active(true), event, by.lets_in(user.is_staff)?).await
    }

    /// Locks a user out and ends their tokens and API keys. Nothing is done, nor told, where that is so
    /// already.
    pub async fn deactivate(&self, user: &User, by: Actor) -> Result<User, ManageError> {
        if !user.is_active {
            return Ok(user.clone());
        }
        let lock = self.keep_an_operator(user, &by).await?;
        let event = (EventName::UserDeactivated, changed("is_active", "yes", "no"));
        let outcome = self.change(user, UserChange::Active(false), event, by).await;
        lock.release(self).await;
        outcome
    }

    /// Makes a user staff. Nothing is done, nor told, where that is so already.
    pub async fn promote(&self, user: &User, by: Proved) -> Result<User, ManageError> {
        if user.is_staff {
            return Ok(user.clone());
        }
        let event = (EventName::StaffGranted, changed("is_staff", "no", "yes"));
        self.change(user, UserChange::Staff(true), event, by.lets_in(true)?).await
    }

    /// Takes it from a user that they are staff, and ends their tokens and API keys. Nothing is done,
    /// nor told, where that is so already.
    pub async fn demote(&self, user: &User, by: Actor) -> Result<User, ManageError> {
        if !user.is_staff {
            return Ok(user.clone());
        }
        let lock = self.keep_an_operator(user, &by).await?;
        let event = (EventName::StaffWithdrawn, changed("is_staff", "yes", "no"));
        let outcome = self.change(user, UserChange::Staff(false), event, by).await;
        lock.release(self).await;
        outcome
    }

    /// Replaces a user's password and ends their tokens and API keys. They may have to choose another one, which
    /// the operator does not know.
    pub async fn set_password(
        &self,
        user: &User,
        password: Password,
        must_change: bool,
        by: Proved,
    ) -> Result<User, ManageError> {
        let by = by.lets_in(user.is_staff)?;
        if by.operator() == Some(&user.username) {
            return Err(ManageError::OwnPassword);
        }
        let weaknesses = self.weaknesses_for(user, &password);
        if !weaknesses.is_empty() {
            return Err(ManageError::WeakPassword(weaknesses));
        }
        let hash = self.passwords.reserve(Lane::Operator, None)?.hash(Arc::new(password)).await?;
        let change = UserChange::Password { hash, must_change };
        let event = (EventName::PasswordChanged, None);
        let changed = self.change(user, change, event, by).await?;
        self.limits.estrange(user.id).await;
        Ok(changed)
    }

    /// Gives a user another email, unless they have it already.
    pub async fn set_email(
        &self,
        user: &User,
        email: Email,
        by: Actor,
    ) -> Result<User, ManageError> {
        if user.email == email {
            return Ok(user.clone());
        }
        let detail = changed("email", user.email.as_str(), email.as_str());
        self.change(user, UserChange::Email(email), (EventName::UserChanged, detail), by).await
    }

    /// Says whether a user is to choose another password, unless that is said already.
    pub async fn set_must_change(
        &self,
        user: &User,
        must_change: bool,
        by: Actor,
    ) -> Result<User, ManageError> {
        if user.must_change == must_change {
            return Ok(user.clone());
        }
        let detail = changed("must_change", yes_no(user.must_change), yes_no(must_change));
        let event = (EventName::UserChanged, detail);
        self.change(user, UserChange::MustChange(must_change), event, by).await
    }

    /// Deletes a user with all their tokens.
    pub async fn delete_user(&self, user: &User, by: Actor) -> Result<(), ManageError> {
        let lock = self.keep_an_operator(user, &by).await?;
        let deleted = self.store.delete_user(user.id).await;
        lock.release(self).await;
        if !deleted? {
            return Err(ManageError::NoSuchUser(user.username.to_string()));
        }
        self.forget_second_factor(user.id).await;
        let staff = if user.is_staff { ", staff" } else { "" };
        let detail = format!("email: {} → gone{staff}", side(user.email.as_str()));
        self.events.record(self.event(EventName::UserDeleted, by).of(user).with(detail));
        Ok(())
    }

    /// Deletes what is of no more use, such as expired tokens and old events, and says how many
    /// tokens.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        self.store.sweep_events(self.event_bounds()).await?;
        self.store.sweep(self.clock.now()).await
    }

    /// Whether a sweep should come soon. An error if the store could not tell.
    pub async fn wants_sweep(&self) -> Result<bool, StoreError> {
        self.store.wants_sweep().await
    }

    async fn change(
        &self,
        user: &User,
        change: UserChange,
        (name, detail): (EventName, Option<String>),
        by: Actor,
    ) -> Result<User, ManageError> {
        let store = async {
            let changed = self.store.change_user(user.id, change).await?;
            changed.ok_or_else(|| ManageError::NoSuchUser(user.username.to_string()))
        };
        let ends_keys = matches!(
            name,
            EventName::UserDeactivated | EventName::StaffWithdrawn | EventName::PasswordChanged
        );
        let (changed, ended) =
            if ends_keys { self.ending_keys(user, &by, store).await? } else { (store.await?, 0) };
        let event = self.event(name, by).of(&changed);
        let details: Vec<_> = detail.into_iter().chain(keys_ended(ended)).collect();
        self.events.record(match details.as_slice() {
            [] => event,
            details => event.with(details.join("; ")),
        });
        Ok(changed)
    }

    pub(super) fn event(&self, name: EventName, by: Actor) -> Event {
        Event::new(name, by, self.clock.now())
    }
}

/// What an event says of a change; nothing where all stays as it was.
fn changed(what: &str, from: &str, to: &str) -> Option<String> {
    (from != to).then(|| format!("{what}: {} → {}", side(from), side(to)))
}

/// A value before or after a change: short enough that both are told, whatever they are.
fn side(text: &str) -> String {
    const MOST: usize = 90;
    match text.char_indices().nth(MOST) {
        None => or_nothing(text).to_owned(),
        Some(_) => text.chars().take(MOST - 1).chain(['…']).collect(),
    }
}

/// What an event says of API keys that ended with something else; nothing where none did.
fn keys_ended(count: usize) -> Option<String> {
    match count {
        0 => None,
        1 => Some("1 API key ended".to_owned()),
        count => Some(format!("{count} API keys ended")),
    }
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
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
    /// Whoever is signed in need not know the present password, which has to be typed to replace it.
    #[error(
        "your own password is changed on your account page, where the present one is asked for"
    )]
    OwnPassword,
    /// A key does not shut out its own owner.
    #[error("a key does not end the sessions and tokens of its own owner")]
    OwnSessions,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_change_tells_both_sides_however_long_they_are() {
        let long = |char: char| format!("{}@example.com", char.to_string().repeat(240));
        let told = changed("must_change", &long('a'), &long('ß')).unwrap();
        let event =
            Event::new(EventName::UserChanged, Actor::CommandLine, Timestamp::from_micros(1));
        let detail = event.with(&told).detail.unwrap();
        assert_eq!(detail, told);
        assert!(detail.ends_with("ßß…"), "{detail}");
        assert_eq!(changed("email", "", "a@b.c").unwrap(), "email: nothing → a@b.c");
        assert_eq!(changed("email", "a@b.c", "a@b.c"), None);
    }
}
