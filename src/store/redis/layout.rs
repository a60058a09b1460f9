//! Which version of the layout a Redis has, so that no older program misreads what a newer one wrote.

use super::request::Request;
use super::{RedisStore, keys};
use crate::store::StoreError;
use redis::{Cmd, pipe};

/// The layout that this program reads and writes. One that an older program would misread gets the next
/// number, and says here what a store of the number before needs.
pub(super) const LAYOUT: u32 = 1;

impl RedisStore {
    /// Refuses a layout of a newer version, and a store that was being brought back from a backup and is
    /// not whole. One that says nothing is of the first version, and says so from now on.
    pub(super) async fn check_layout(&self) -> Result<(), StoreError> {
        self.refuse_newer().await?;
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

    /// Refuses a layout of a newer version.
    pub(super) async fn refuse_newer(&self) -> Result<(), StoreError> {
        let found: Option<u32> = self.link.ask(Request::Command(&Cmd::get(keys::LAYOUT))).await?;
        match found {
            Some(found) if found > LAYOUT => Err(StoreError::Unsuitable(format!(
                "what Redis holds has a layout of version {found}, and this program knows none after \
                 {LAYOUT}"
            ))),
            Some(_) => Ok(()),
            None => {
                let mark = Cmd::set_nx(keys::LAYOUT, LAYOUT);
                // A server that takes no writes is told of elsewhere.
                let marked: Result<(), _> = self.link.ask(Request::Command(&mark)).await;
                if let Err(error) = marked {
                    tracing::debug!(%error, "the version of the layout could not be written");
                }
                Ok(())
            }
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
