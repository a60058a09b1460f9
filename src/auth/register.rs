//! Making accounts.

use super::checks::{in_words, weaknesses};
use super::issue::Terms;
use super::{Auth, AuthError, HashError, Issued, Lane, Seat, Weakness};
use crate::model::email::Email;
use crate::model::event::EventName;
use crate::model::password::Password;
use crate::model::token::TokenAbout;
use crate::model::user::{NewUser, Profile, User, Username};
use crate::store::{Inserted, StoreError};
use std::net::IpAddr;
use std::sync::Arc;

/// Someone who wants an account.
pub struct Registration {
    /// Their address; may be blank.
    pub email: Email,
    /// Their password.
    pub password: Password,
    /// Their name.
    pub username: Username,
}

/// What an operator decides of a new user.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NewRights {
    /// Whether they are staff.
    pub is_staff: bool,
    /// Whether they are to choose another password, because someone else knows theirs.
    pub must_change: bool,
}

impl Auth {
    /// Whether anyone may register.
    pub fn registration_is_open(&self) -> bool {
        self.settings.load().registration_open
    }

    /// Lets someone register, unless too many passwords wait or too many have registered from there.
    /// Counted before anything of the registration is looked at: it tells which names are taken.
    pub async fn begin_registration(&self, from: IpAddr) -> Result<Seat<'_>, AuthError> {
        let seat = self.passwords.reserve(Lane::Ordinary, self.limits.share_of(from))?;
        self.limits.registration(from).await?;
        Ok(seat)
    }

    /// Whether a name belongs to somebody.
    pub async fn is_taken(&self, name: &Username) -> Result<bool, StoreError> {
        Ok(self.store.user_by_name(name).await?.is_some())
    }

    /// Whether a name is of scripts that nobody writes together, and that is not wanted.
    pub fn is_deceptive(&self, name: &Username) -> bool {
        self.settings.load().refuse_look_alikes && name.mixes_scripts()
    }

    /// Whether a name looks like one in ASCII that belongs to somebody, and that is not wanted.
    pub async fn has_twin(&self, name: &Username) -> Result<bool, StoreError> {
        if !self.settings.load().refuse_look_alikes {
            return Ok(false);
        }
        for twin in name.ascii_twins() {
            if self.is_taken(&twin).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes an ordinary user and issues their first token, which counts against the limit of
    /// tokens but is never refused by it.
    pub async fn register(
        &self,
        registration: Registration,
        seat: Seat<'_>,
        from: IpAddr,
        user_agent: Option<String>,
    ) -> Result<Issued, RegisterError> {
        let rights = NewRights { is_staff: false, must_change: false };
        let user = self.create(registration, rights, seat).await?;
        self.tell_of(EventName::Registered, &user, from);
        self.limits.acquaint(user.id, from).await;
        let lifetime = self.settings.load().tokens.lifetime;
        let about = TokenAbout { address: Some(from), user_agent, ..TokenAbout::default() };
        let terms = Terms { about, is_login: false, lifetime, limit: None };
        let id = user.id;
        if let Some(issued) = self.issue(user, terms).await? {
            return Ok(issued);
        }
        match self.store.user(id).await? {
            // Locked out within the same moment: the account stands, its owner cannot have a token.
            Some(user) if !user.is_active => Err(RegisterError::Auth(AuthError::InactiveUser)),
            // Or the store has lost it again, in a failover: no fault of theirs.
            _ => Err(RegisterError::Auth(AuthError::Busy)),
        }
    }

    /// Fails as making this user would, and makes nobody: for whoever has to prove first who they are,
    /// so that it costs no code.
    pub async fn look_at_new_user(&self, new: &Registration) -> Result<(), RegisterError> {
        self.is_strong_enough(new)?;
        if self.is_taken(&new.username).await? {
            return Err(RegisterError::NameTaken);
        }
        Ok(())
    }

    fn is_strong_enough(&self, new: &Registration) -> Result<(), RegisterError> {
        let checks = &self.settings.load().password_checks;
        let weaknesses = weaknesses(checks, &new.password, &new.username, &new.email);
        if weaknesses.is_empty() { Ok(()) } else { Err(RegisterError::WeakPassword(weaknesses)) }
    }

    /// Makes a user.
    pub(super) async fn create(
        &self,
        registration: Registration,
        rights: NewRights,
        mut seat: Seat<'_>,
    ) -> Result<User, RegisterError> {
        self.is_strong_enough(&registration)?;
        let Registration { email, password, username } = registration;
        let password = seat.hash(Arc::new(password)).await?;
        drop(seat);
        let joined = self.clock.now();
        let NewRights { is_staff, must_change } = rights;
        let profile = Profile::default();
        let user = NewUser { email, is_staff, joined, must_change, password, profile, username };
        match self.store.insert_user(user).await? {
            Inserted::Done(user) => {
                self.stand_ins.has_registered();
                Ok(user)
            }
            Inserted::NameTaken => Err(RegisterError::NameTaken),
        }
    }
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// For a reason that is not the registration's own.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The name belongs to another.
    #[error("a user with that username already exists")]
    NameTaken,
    /// The password is too easy to guess.
    #[error("{}", in_words(.0))]
    WeakPassword(Vec<Weakness>),
}

impl From<StoreError> for RegisterError {
    fn from(error: StoreError) -> Self {
        Self::Auth(error.into())
    }
}

impl From<HashError> for RegisterError {
    fn from(error: HashError) -> Self {
        Self::Auth(error.into())
    }
}
