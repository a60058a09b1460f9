//! Whether the store is still the one that it was: one that was emptied, or put in its place, has not
//! the mark by which this gateway knows it.
//!
//! Everybody is signed out by that, and it must not let anybody become the first operator who can
//! empty the store and read a log. So a gateway that notices it says so in the new store, where it is
//! found after a restart, too.

use super::issue::random_bytes;
use super::{Auth, AuthError};
use crate::clock::Timestamp;
use crate::model::event::EventName;
use crate::store::{Change, Item, ItemKind, StoreError, Watcher};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The key of the mark, the only one of its kind.
const KEY: &str = "store";

/// What one store has and no other.
#[derive(Clone, Deserialize, Serialize)]
struct Mark {
    id: String,
    /// Whether the first operator may not be made by a link: the store had operators before.
    #[serde(default)]
    is_closed: bool,
}

/// What is known of the store's mark.
#[derive(Default)]
pub(super) struct Epoch(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// When another one was found last.
    changed: Option<Timestamp>,
    id: Option<String>,
    /// Whether it is told that another one was found, which is not the known one yet.
    is_told: bool,
}

impl Epoch {
    /// Takes the store to be this one.
    fn adopt(&self, id: Option<String>) {
        let mut known = self.known();
        known.id = id;
        known.is_told = false;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the store was found to be another one, if it was.
    pub(super) fn changed(&self) -> Option<Timestamp> {
        self.known().changed
    }
}

impl Auth {
    /// Looks whether the store is the one that it was, and says so if it is not.
    pub(super) async fn look_at_epoch(&self) -> Result<(), AuthError> {
        let (item, found) = self.found_mark().await?;
        let known = self.epoch.known().id.clone();
        match (known, found) {
            (Some(known), Some(found)) if known == found.id => {}
            (None, Some(found)) => self.epoch.adopt(Some(found.id)),
            // If another gateway is first, its mark is found the next time.
            (None, None) => self.leave_mark(None, false).await?,
            (Some(_), found) => {
                self.epoch_has_changed();
                let is_closed = found.as_ref().is_some_and(|found| found.is_closed);
                if is_closed || self.has_operator(None).await? {
                    self.epoch.adopt(found.map(|found| found.id));
                } else {
                    self.leave_mark(item, true).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether nobody may become the first operator, because the store was emptied.
    pub(super) async fn is_setup_closed(&self) -> Result<bool, AuthError> {
        let (_, mark) = self.found_mark().await?;
        Ok(mark.is_some_and(|mark| mark.is_closed))
    }

    /// Succeeds if the store answers and lets itself be read: one that permits too little serves nobody.
    pub async fn is_ready(&self) -> Result<(), StoreError> {
        self.ping().await?;
        match self.found_mark().await {
            Err(error @ StoreError::Unavailable(_)) => Err(error),
            _ => Ok(()),
        }
    }

    async fn found_mark(&self) -> Result<(Option<Item>, Option<Mark>), StoreError> {
        let item = self.store.item(ItemKind::Mark, KEY, self.clock.now()).await?;
        let mark = item.as_ref().map(Mark::read).transpose()?;
        Ok((item, mark))
    }

    /// Leaves a mark of one's own in the store, in place of one that was found there.
    async fn leave_mark(&self, found: Option<Item>, is_closed: bool) -> Result<(), AuthError> {
        let mark = Mark { id: hex::encode(random_bytes::<16>()?), is_closed };
        let value = serde_json::to_string(&mark).unwrap_or_default();
        let (key, kind) = (KEY.to_owned(), ItemKind::Mark);
        let item = Item { expires: None, key, kind, owner: None, value };
        let is_left = match found {
            None => self.store.add_item(&item, self.clock.now()).await?,
            Some(found) => self.store.replace_item(&found.value, &item).await?,
        };
        if is_left {
            self.epoch.adopt(Some(mark.id));
        }
        Ok(())
    }

    /// Tells of it, and trusts nothing in memory any more.
    fn epoch_has_changed(&self) {
        self.cache.changed(Change::Everything);
        {
            let mut known = self.epoch.known();
            known.changed = Some(self.clock.now());
            if std::mem::replace(&mut known.is_told, true) {
                return;
            }
        }
        self.metrics.store_epoch_changed();
        self.tell(EventName::StoreEpochChanged, None);
        tracing::error!(
            "the store was emptied, or is another one than before: nobody is signed in any more. If it \
             has no operators it gets none by a link; `authgate user create NAME --staff` makes one"
        );
    }
}

impl Mark {
    fn read(item: &Item) -> Result<Self, StoreError> {
        serde_json::from_str(&item.value).map_err(|error| StoreError::Corrupt {
            what: "mark of the store",
            problem: error.to_string(),
        })
    }
}
