//! What operators do with accounts and tokens: the one behaviour behind every way to manage them.

mod csv;
mod find;
mod hash_words;
mod portions;
mod secrets;
mod tokens;
mod words;

pub use self::csv::{csv_head, csv_row, csv_row_of_unreadable};
pub use self::hash_words::HashWords;
pub use self::portions::Portion;
pub use self::secrets::generated_password;
pub use self::tokens::{Lifetime, NewTokenTerms, TokenName};

use self::words::{changed, keys_ended, side, yes_no};
use super::checks::in_words;
use super::operators::Parting;
use super::{
    Auth, AuthError, HashError, Lane, NewRights, Proved, RegisterError, Registration, Seat, Share,
    Weakness,
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
        let seat = self.operators_seat(&by)?;
        let user = self.create(registration, rights, seat).await?;
        let event = self.event(EventName::UserCreated, by).of(&user);
        self.events.record(if rights.is_staff { event.with("staff") } else { event });
        Ok(user)
    }

    /// Lets a user in who is locked out. Nothing is done, nor told, where that is so already.
    pub async fn activate(&self, user: &User, by: Proved) -> Result<Managed, ManageError> {
        let user = self.user_numbered(user.id).await?;
        if user.is_active {
            return Ok(Managed { is_changed: false, user });
        }
        let by = by.lets_in(user.is_staff)?;
        let event = (EventName::UserActivated, changed("is_active", "no", "yes"));
        self.change(&user, UserChange::Active(true), event, by).await.map(Managed::changed)
    }

    /// Locks a user out and ends their tokens and API keys. Nothing is told where that is so already; it is
    /// done all the same, for an import that has begun them would let them in.
    pub async fn deactivate(&self, user: &User, by: Actor) -> Result<Managed, ManageError> {
        let user = self.user_numbered(user.id).await?;
        if !user.is_active {
            let parting = Parting::Change(UserChange::Active(false));
            let (user, _) = self.part(&user, parting, &by).await?;
            return self.nothing_to_end(user, by).await;
        }
        let event = (EventName::UserDeactivated, changed("is_active", "yes", "no"));
        self.change(&user, UserChange::Active(false), event, by).await.map(Managed::changed)
    }

    /// Makes a user staff and ends their tokens, which were begun with other rights. Nothing is done, nor
    /// told, where that is so already.
    pub async fn promote(&self, user: &User, by: Proved) -> Result<Managed, ManageError> {
        let user = self.user_numbered(user.id).await?;
        if user.is_staff {
            return Ok(Managed { is_changed: false, user });
        }
        let event = (EventName::StaffGranted, changed("is_staff", "no", "yes"));
        let by = by.lets_in(true)?;
        self.change(&user, UserChange::Staff(true), event, by).await.map(Managed::changed)
    }

    /// Takes it from a user that they are staff, and ends their tokens and API keys. Nothing is done,
    /// nor told, where that is so already.
    pub async fn demote(&self, user: &User, by: Actor) -> Result<Managed, ManageError> {
        let user = self.user_numbered(user.id).await?;
        if !user.is_staff {
            return self.nothing_to_end(user, by).await;
        }
        let event = (EventName::StaffWithdrawn, changed("is_staff", "yes", "no"));
        self.change(&user, UserChange::Staff(false), event, by).await.map(Managed::changed)
    }

    /// Where a user is as is wanted already. Keys that an earlier attempt has left end now.
    async fn nothing_to_end(&self, user: User, by: Actor) -> Result<Managed, ManageError> {
        self.end_keys(&user, by).await?;
        Ok(Managed { is_changed: false, user })
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
        self.look_at_password(user, &password)?;
        let hash = self.operators_seat(&by)?.hash(Arc::new(password)).await?;
        let change = UserChange::Password { hash, must_change };
        let event = (EventName::PasswordChanged, None);
        let changed = self.change(user, change, event, by).await;
        if matches!(changed, Ok(_) | Err(ManageError::KeysMayGoOn(_))) {
            self.limits.estrange(user.id).await;
            self.stand_ins.was_replaced(&user.password);
        }
        changed
    }

    /// Gives a user another email, unless they have it already.
    pub async fn set_email(
        &self,
        user: &User,
        email: Email,
        by: Actor,
    ) -> Result<Managed, ManageError> {
        let user = self.user_numbered(user.id).await?;
        if user.email == email {
            return Ok(Managed { is_changed: false, user });
        }
        let detail = changed("email", user.email.as_str(), email.as_str());
        let (change, event) = (UserChange::Email(email), (EventName::UserChanged, detail));
        self.change(&user, change, event, by).await.map(Managed::changed)
    }

    /// Has a user choose another password before anything else, unless they have to already.
    pub async fn require_new_password(
        &self,
        user: &User,
        by: Actor,
    ) -> Result<Managed, ManageError> {
        let user = self.user_numbered(user.id).await?;
        self.set_must_change(user, true, by).await
    }

    /// Lets a user keep their password, unless they may already. That lets in whoever knows it.
    pub async fn keep_password(&self, user: &User, by: Proved) -> Result<Managed, ManageError> {
        let user = self.user_numbered(user.id).await?;
        let by = by.lets_in(user.is_staff)?;
        self.set_must_change(user, false, by).await
    }

    async fn set_must_change(
        &self,
        user: User,
        must_change: bool,
        by: Actor,
    ) -> Result<Managed, ManageError> {
        if user.must_change == must_change {
            return Ok(Managed { is_changed: false, user });
        }
        let detail = changed("must_change", yes_no(user.must_change), yes_no(must_change));
        let event = (EventName::UserChanged, detail);
        let change = UserChange::MustChange(must_change);
        self.change(&user, change, event, by).await.map(Managed::changed)
    }

    /// Deletes a user with all their tokens. Their name is free then: whoever registers it is let in
    /// where an app knows people by their names.
    pub async fn delete_user(&self, user: &User, by: Proved) -> Result<(), ManageError> {
        let user = self.user_numbered(user.id).await?;
        let by = by.lets_in(user.is_staff)?;
        let (user, _) = self.part(&user, Parting::Deletion, &by).await?;
        self.forget_second_factor(user.id).await;
        self.stand_ins.was_replaced(&user.password);
        let staff = if user.is_staff { ", staff" } else { "" };
        let detail = format!("email: {} → gone{staff}", side(user.email.as_str()));
        self.events.record(self.event(EventName::UserDeleted, by).of(&user).with(detail));
        Ok(())
    }

    async fn change(
        &self,
        user: &User,
        change: UserChange,
        (name, detail): (EventName, Option<String>),
        by: Actor,
    ) -> Result<User, ManageError> {
        let is_parting = matches!(change, UserChange::Active(false) | UserChange::Staff(false));
        let ends_keys = change.ends_tokens();
        let (changed, before) = if is_parting {
            self.part(user, Parting::Change(change), &by).await?
        } else {
            let ended = if ends_keys { self.end_keys(user, by.clone()).await? } else { 0 };
            let changed = self.store.change_user(user.id, change);
            let changed = if ends_keys {
                self.ending_tokens_of(user, changed, Option::is_some).await?
            } else {
                changed.await?
            };
            (changed.ok_or_else(|| ManageError::NoSuchUser(user.username.to_string()))?, ended)
        };
        let ended = if ends_keys { self.end_later_keys(&changed, &by).await } else { Ok(0) };
        let event = self.event(name, by).of(&changed);
        let details = detail.into_iter().chain(keys_ended(before, &ended)).collect::<Vec<_>>();
        self.events.record(match details.as_slice() {
            [] => event,
            details => event.with(details.join("; ")),
        });
        ended.map(|_| changed)
    }

    /// A place for one who is in: of each operator's own part, so that no script shuts the others out.
    fn operators_seat(&self, by: &Actor) -> Result<Seat<'_>, AuthError> {
        self.passwords
            .reserve(Lane::Operator, by.operator().map(|name| Share::of_operator(name.as_str())))
    }

    pub(super) fn event(&self, name: EventName, by: Actor) -> Event {
        Event::new(name, by, self.clock.now())
    }
}

/// What came of what was to be made so.
pub struct Managed {
    /// Whether it was not so already.
    pub is_changed: bool,
    /// The user as they are now.
    pub user: User,
}

impl Managed {
    fn changed(user: User) -> Self {
        Self { is_changed: true, user }
    }
}

/// Why nothing was changed, or not all that was to be.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// For a reason that is not the operator's own.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Someone changed the user at the same moment.
    #[error("{0} was changed by someone else at the same moment; try again")]
    Changed(String),
    /// The user was changed, but the store did not say which keys they have.
    #[error(
        "{0} was changed, but the store did not tell whether API keys of theirs go on: do it again"
    )]
    KeysMayGoOn(String),
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
