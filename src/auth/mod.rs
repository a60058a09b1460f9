//! What users can do with this gateway, and operators with its users: one file for each.

mod authenticate;
mod checks;
mod hasher;
mod issue;
mod login;
mod logout;
mod manage;
mod register;

pub use self::checks::{PasswordChecks, Weakness};
pub use self::hasher::{Argon2Hasher, HashCost, HashError, HashPool, PasswordHasher, Verdict};
pub use self::issue::{Issued, Refresh, TokenSettings};
pub use self::login::LoginAttempt;
pub use self::manage::{Lifetime, ManageError, TokenName};
pub use self::register::{RegisterError, Registration};

use crate::clock::Clock;
use crate::model::password::PasswordHash;
use crate::store::{Store, StoreError};
use std::sync::Arc;

/// Registers users, logs them in and out, tells who a token belongs to, and manages accounts.
pub struct Auth {
    clock: Arc<dyn Clock>,
    /// What the password of someone who does not exist is compared with.
    decoy: PasswordHash,
    passwords: HashPool,
    settings: Settings,
    store: Arc<dyn Store>,
}

impl Auth {
    /// Puts the parts together. Costs as much as hashing a password.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        hasher: Arc<dyn PasswordHasher>,
        settings: Settings,
    ) -> Result<Self, HashError> {
        let decoy = hasher.hash(&issue::random_password()?)?;
        let passwords = HashPool::new(hasher);
        Ok(Self { clock, decoy, passwords, settings, store })
    }

    /// Puts the parts together as every command of the program uses them: Argon2id, and the clock
    /// of the machine.
    pub fn open(store: Arc<dyn Store>, settings: Settings) -> Result<Self, HashError> {
        let hasher = Arc::new(Argon2Hasher::new(settings.hashing)?);
        Self::new(store, Arc::new(crate::clock::SystemClock), hasher, settings)
    }

    /// Succeeds if the store answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
}

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What hashing a password costs.
    pub hashing: HashCost,
    /// What a new password must not be.
    pub password_checks: PasswordChecks,
    /// Whether anyone may register.
    pub registration_open: bool,
    /// How tokens are made and how long they live.
    pub tokens: TokenSettings,
}

/// Why a user was turned away, or could not be served.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The name or the password is wrong.
    #[error("unable to log in with the given name and password")]
    BadCredentials,
    /// More passwords are waiting to be hashed than this machine can hash.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The user has been locked out by an operator.
    #[error("user inactive or deleted")]
    InactiveUser,
    /// The token is unknown or has run out.
    #[error("invalid token")]
    InvalidToken,
    /// The store could not tell.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user has as many tokens as they may have.
    #[error("the user has as many tokens as they may have")]
    TokenLimit,
}
