//! That the store is lost, and back, is told: once for each outage.

use super::Auth;
use crate::clock::seconds_up;
use crate::model::event::EventName;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Since when the store is known to be lost.
#[derive(Default)]
pub(super) struct Outages(Mutex<Option<Instant>>);

impl Auth {
    /// Tells of the store's loss, and of its return; what is told while it is away is kept once it is
    /// back. To be done about once a second, which a shorter outage may escape.
    pub(super) fn tell_of_outages(&self) {
        let now = self.clock.instant();
        let mut since = self.outages.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (*since, self.cache.is_lost()) {
            (None, true) => {
                *since = Some(now);
                self.tell(EventName::StoreLost, None);
            }
            (Some(start), false) => {
                *since = None;
                let seconds = seconds_up(now.saturating_duration_since(start));
                self.tell(EventName::StoreBack, Some(&format!("after {seconds}s")));
            }
            (None, false) | (Some(_), true) => {}
        }
    }
}
