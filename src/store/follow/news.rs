//! What a store's feed has told and nobody has looked at yet.

use crate::model::token::TokenKey;
use crate::model::user::UserId;
use crate::store::{Change, Watcher};
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// What was told.
#[derive(Default)]
pub(super) struct News {
    heard: Notify,
    told: Mutex<Told>,
}

/// What may not be as it was.
#[derive(Default)]
pub(super) struct Told {
    /// Nobody knows.
    pub everything: bool,
    pub tokens: HashSet<TokenKey>,
    pub users: HashSet<UserId>,
}

impl News {
    /// Takes away what was told so far.
    pub(super) fn take(&self) -> Told {
        std::mem::take(&mut *self.lock())
    }

    /// Has users looked at again.
    pub(super) fn add(&self, users: impl IntoIterator<Item = UserId>) {
        self.lock().users.extend(users);
    }

    /// Notes that anything may be otherwise.
    pub(super) fn lose(&self) {
        self.lock().everything = true;
    }

    /// Returns once the feed is alive.
    pub(super) async fn heard(&self) {
        self.heard.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher for News {
    fn changed(&self, change: Change) {
        let mut told = self.lock();
        match change {
            Change::Everything => told.everything = true,
            Change::Token(key) => drop(told.tokens.insert(key)),
            Change::User(id) => drop(told.users.insert(id)),
        }
    }

    fn told_until(&self, _: Instant) {
        self.heard.notify_one();
    }
}
