//! Which version of the layout a Redis has, so that no older program misreads what a newer one wrote.

use super::request::Request;
use super::{RedisStore, keys};
use crate::store::StoreError;
use redis::{Cmd, pipe};

/// The layout that this program reads and writes. One that an older program would misread gets the next
/// number, and says here what a store of the number before needs.
pub(super) const LAYOUT: u32 = 2;

impl RedisStore {
    /// Refuses a layout of a newer version, and a store that was being brought back from a backup and is
    /// not whole. One of an older version is brought up to date.
    pub(super) async fn check_layout(&self) -> Result<(), StoreError> {
        self.make_newest().await?;
        let look = Cmd::exists(keys::RESTORING);
        if self.link.ask(Request::Command(&look)).await? {
            return Err(StoreError::Unsuitable(
                "bringing back a backup has not come to its end here: run `authgate store restore` \
                 again"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Refuses a layout of a newer version, and brings one of an older version up to date: in steps that
    /// can be done again, the mark last.
    pub(super) async fn make_newest(&self) -> Result<(), StoreError> {
        let mut look = pipe();
        look.get(keys::LAYOUT).exists(keys::NEXT_USER);
        let (found, holds_users): (Option<u32>, bool) =
            self.link.ask(Request::Batch(&look)).await?;
        match found {
            Some(found) if found > LAYOUT => {
                return Err(StoreError::Unsuitable(format!(
                    "what Redis holds has a layout of version {found}, and this program knows none \
                     after {LAYOUT}"
                )));
            }
            Some(LAYOUT) => return Ok(()),
            // Before the second version there was no mark.
            None if !holds_users => {}
            Some(_) | None => self.rewrite_first_layout().await?,
        }
        let marked = self.link.ask::<()>(Request::Command(&Cmd::set(keys::LAYOUT, LAYOUT))).await;
        match marked {
            // A server that takes no writes is told of elsewhere.
            Err(error) if !holds_users => {
                tracing::debug!(%error, "the version of the layout could not be written");
                Ok(())
            }
            marked => marked,
        }
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
