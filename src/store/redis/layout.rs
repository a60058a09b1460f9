//! Which version of the layout a Redis has, so that no older program misreads what a newer one wrote.

use super::request::Request;
use super::{RedisStore, keys};
use crate::store::{Lock, StoreError};
use redis::{Cmd, pipe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// The layout that this program reads and writes. One that an older program would misread gets the next
/// number, and says here what a store of the number before needs.
pub(super) const LAYOUT: u32 = 2;

/// After which time without a sign nobody brings it up to date any more.
const LEFT_BEHIND: Duration = Duration::from_secs(30);

/// Whether what Redis holds is known to be of the newest layout.
#[derive(Default)]
pub(super) struct Update {
    is_done: AtomicBool,
    /// Who brings it up to date.
    only: Mutex<()>,
}

impl Update {
    /// Whether it is.
    pub(super) fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Relaxed)
    }
}

impl RedisStore {
    /// Refuses a layout of a newer version, and a store that was being brought back from a backup and is
    /// not whole.
    pub(super) async fn check_layout(&self) -> Result<(), StoreError> {
        let mut look = pipe();
        look.get(keys::LAYOUT).exists(keys::RESTORING);
        let (found, is_restoring): (Option<u32>, bool) =
            self.link.ask(Request::Batch(&look)).await?;
        refuse_newer(found)?;
        if is_restoring {
            return Err(StoreError::Unsuitable(
                "bringing back a backup has not come to its end here: run `authgate store restore` \
                 again"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Brings a layout of an older version up to date, unless another does that at this moment, which
    /// is an error; refuses one of a newer version. Whoever is stopped in between does it again.
    pub(super) async fn bring_up_to_date(&self) -> Result<(), StoreError> {
        if self.update.is_done() {
            return Ok(());
        }
        let _only = self.update.only.lock().await;
        if self.update.is_done() {
            return Ok(());
        }
        let mut look = pipe();
        look.get(keys::LAYOUT).exists(keys::NEXT_USER).exists(keys::USERS);
        let (found, has_count, has_users): (Option<u32>, bool, bool) =
            self.link.ask(Request::Batch(&look)).await?;
        refuse_newer(found)?;
        let holds_users = has_count || has_users;
        // Before the second version there was no mark.
        if found != Some(LAYOUT) && holds_users {
            self.update_alone().await?;
        } else if found.is_none() {
            let mark = Cmd::set_nx(keys::LAYOUT, LAYOUT);
            // A server that takes no writes is told of elsewhere.
            if let Err(error) = self.link.ask::<()>(Request::Command(&mark)).await {
                tracing::debug!(%error, "the version of the layout could not be written");
            }
        }
        self.update.is_done.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// What another gateway has brought up to date may have ended since: one at a time.
    async fn update_alone(&self) -> Result<(), StoreError> {
        let holder = format!("{:016x}", rand::random::<u64>());
        let lock = Lock { holder, lasts: LEFT_BEHIND, name: "layout" };
        if !self.take_or_cap_lock(&lock).await? {
            return Err(being_updated());
        }
        let updated = self.rewrite_first_layout(&lock).await;
        let marked = match updated {
            Ok(()) => self.link.ask(Request::Command(&Cmd::set(keys::LAYOUT, LAYOUT))).await,
            Err(error) => Err(error),
        };
        self.drop_lock(&lock).await?;
        marked
    }

    /// Says that what is there is not whole, until it is.
    pub(super) async fn mark_restoring(&self, is_so: bool) -> Result<(), StoreError> {
        let mut mark = pipe();
        if is_so {
            mark.set(keys::RESTORING, 1).ignore();
        } else {
            mark.set(keys::LAYOUT, LAYOUT).ignore();
            mark.del(keys::RESTORING).ignore();
        }
        self.link.ask(Request::Batch(&mark)).await
    }
}

fn refuse_newer(found: Option<u32>) -> Result<(), StoreError> {
    match found {
        Some(found) if found > LAYOUT => Err(StoreError::Unsuitable(format!(
            "what Redis holds has a layout of version {found}, and this program knows none after \
             {LAYOUT}"
        ))),
        _ => Ok(()),
    }
}

fn being_updated() -> StoreError {
    StoreError::unavailable("what an older version has written is being brought up to date")
}
