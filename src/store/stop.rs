//! Stopping what takes long, so that it can clear up after itself.

use super::StoreError;
use rusqlite::{Connection, InterruptHandle};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Tells something that it is to stop.
#[derive(Clone)]
pub struct Stop(Arc<Inner>);

struct Inner {
    is_told: watch::Sender<bool>,
    /// What SQLite does on these is broken off.
    running: Mutex<Vec<InterruptHandle>>,
}

impl Default for Stop {
    fn default() -> Self {
        let (is_told, _) = watch::channel(false);
        Self(Arc::new(Inner { is_told, running: Mutex::default() }))
    }
}

impl Stop {
    /// Tells it. To be told again as long as it goes on: what SQLite begins just now is not broken off.
    pub fn tell(&self) {
        self.0.is_told.send_replace(true);
        self.running().iter().for_each(InterruptHandle::interrupt);
    }

    /// Whether it is told.
    pub fn is_told(&self) -> bool {
        *self.0.is_told.borrow()
    }

    /// Returns once it is told.
    pub async fn told(&self) {
        let mut told = self.0.is_told.subscribe();
        // It cannot fail: the sender is here.
        drop(told.wait_for(|is_told| *is_told).await);
    }

    /// Has what is done on a connection broken off, too. Fails if it is told already.
    pub(super) fn holds_for(&self, db: &Connection) -> Result<(), StoreError> {
        self.running().push(db.get_interrupt_handle());
        if self.is_told() {
            return Err(StoreError::Unsuitable("told to stop".to_owned()));
        }
        Ok(())
    }

    /// Has nothing broken off any more: what was to be stopped is done.
    pub(super) fn lets_go(&self) {
        self.running().clear();
    }

    fn running(&self) -> MutexGuard<'_, Vec<InterruptHandle>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
