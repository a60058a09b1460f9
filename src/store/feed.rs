//! The revocation feed: how a store tells what is not as it was.

use crate::model::token::TokenDigest;
use crate::model::user::UserId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What is not as it was.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Change {
    /// Anything may be: nobody knows what has changed.
    Everything,
    /// A token was issued, prolonged or ended.
    Token(TokenDigest),
    /// A user was changed or deleted, or all their tokens ended.
    User(UserId),
}

/// Hears of changes. Neither method blocks.
pub trait Watcher: Send + Sync {
    /// What was read of this before is not to be trusted any more.
    fn changed(&self, change: Change);
    /// Every change before this moment has been told.
    fn told_until(&self, moment: Instant);
}

/// Whom a store tells of the changes that it makes itself.
#[derive(Clone, Default)]
pub(super) struct Listener(Arc<Mutex<Option<Arc<dyn Watcher>>>>);

impl Listener {
    /// Tells this one from now on, and nobody else.
    pub(super) fn set(&self, watcher: Arc<dyn Watcher>) {
        *self.lock() = Some(watcher);
    }

    /// Tells of a change, if anyone listens.
    pub(super) fn tell(&self, change: Change) {
        let watcher = self.lock().clone();
        if let Some(watcher) = watcher {
            watcher.changed(change);
        }
    }

    /// Tells of a change once what is returned is dropped.
    pub(super) fn tell_at_the_end(&self, change: Change) -> AtTheEnd<'_> {
        AtTheEnd { change, listener: self }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<dyn Watcher>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells of a change when it is dropped.
pub(super) struct AtTheEnd<'a> {
    change: Change,
    listener: &'a Listener,
}

impl Drop for AtTheEnd<'_> {
    fn drop(&mut self) {
        self.listener.tell(self.change);
    }
}
