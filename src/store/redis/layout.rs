//! Which version of the layout a Redis has, so that no older program misreads what a newer one wrote.

use super::before::Restoring;
use super::request::Request;
use super::{RedisStore, keys};
use crate::store::{Lock, StoreError};
use redis::{Cmd, pipe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// The layout that this program reads and writes. One that an older program would misread gets the next
/// number, and says here what a store of the number before needs.
pub(super) const LAYOUT: u32 = 4;

/// The first layout that this program reads as it is: since then more may be written, and nothing
/// otherwise.
const READ_AS_IT_IS: u32 = 2;

/// After which time without a sign nobody brings it up to date any more.
const LEFT_BEHIND: Duration = Duration::from_secs(30);

/// What is wrong with a store that was not wholly brought back.
pub(super) const NOT_WHOLE: &str = "bringing back a backup, or copying a store, has not come to its end here: run \
     the same `authgate store copy` or `authgate store restore` again";

/// How far what is there can be used.
pub(super) struct Standing {
    /// Whether an older version has written it.
    pub(super) is_older: bool,
    /// How far bringing back a backup has come that has not come to its end.
    pub(super) restoring: Option<Restoring>,
}

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
        match self.standing().await?.restoring {
            Some(_) => Err(StoreError::Unsuitable(NOT_WHOLE.to_owned())),
            None => Ok(()),
        }
    }

    /// How far what is there can be used. Changes nothing; refuses a layout of a newer version.
    pub(super) async fn standing(&self) -> Result<Standing, StoreError> {
        let mut look = pipe();
        look.get(keys::LAYOUT).exists(keys::NEXT_USER).exists(keys::USERS).get(keys::RESTORING);
        let (found, has_count, has_users, mark): (Option<u32>, bool, bool, Option<Vec<u8>>) =
            self.link.ask(Request::Batch(&look)).await?;
        refuse_newer(found)?;
        Ok(Standing {
            // Before the second version there was no mark.
            is_older: found < Some(READ_AS_IT_IS) && (has_count || has_users),
            restoring: mark.as_deref().map(Restoring::read),
        })
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
        if found < Some(READ_AS_IT_IS) && holds_users {
            self.update_alone().await?;
        } else if found < Some(LAYOUT) {
            let mark = Cmd::set(keys::LAYOUT, LAYOUT);
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
