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
    /// What was changed before this moment was told.
    told_until: Mutex<Option<Instant>>,
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

    /// Returns once the feed has told of all that was changed before a moment.
    pub(super) async fn heard_until(&self, moment: Instant) {
        while self.until().is_none_or(|until| until < moment) {
            self.heard.notified().await;
        }
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.told_until.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn told_until(&self, moment: Instant) {
        *self.until() = Some(moment);
        self.heard.notify_one();
    }
}
