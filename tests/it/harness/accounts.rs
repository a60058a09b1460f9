//! Accounts without a server before them, under the default settings, but quick to hash.

use super::gateway::PASSWORD;
use authgate::auth::{
    Argon2Hasher, Auth, HashCost, LimitSettings, NewRights, Parts, Proved, Registration, Settings,
};
use authgate::clock::Clock;
use authgate::config::{Config, Source};
use authgate::model::email::Email;
use authgate::model::password::Password;
use authgate::model::user::{User, Username};
use authgate::store::Store;
use std::sync::Arc;

/// Accounts in a store.
pub(crate) fn accounts(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Auth {
    Auth::new(parts(store, clock), settings()).unwrap()
}

/// The same of other parts, and under other limits.
pub(crate) fn accounts_of(parts: Parts, limits: LimitSettings) -> Auth {
    Auth::new(parts, Settings { limits, ..settings() }).unwrap()
}

/// What they are made of, unless a test has something of its own for it.
pub(crate) fn parts(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Parts {
    Parts { clock, hasher: Arc::new(quick_hasher()), metrics: Arc::default(), store }
}

pub(crate) fn quick_hasher() -> Argon2Hasher {
    Argon2Hasher::new(HashCost { memory_kib: 64, iterations: 1, parallelism: 1 }).unwrap()
}

pub(crate) async fn create(auth: &Auth, name: &str) -> User {
    auth.create_user(registration(name), NewRights::default(), Proved::command_line())
        .await
        .unwrap()
}

/// Somebody with the password of all tests.
pub(crate) fn registration(name: &str) -> Registration {
    Registration {
        email: Email::parse("").unwrap(),
        password: Password::new(PASSWORD.to_owned()),
        username: Username::parse(name).unwrap(),
    }
}

/// The default settings.
pub(crate) fn settings() -> Settings {
    Config::load(&Source::default()).unwrap().auth
}
