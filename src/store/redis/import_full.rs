//! What becomes of a server whose memory was too small for a backup.

use super::RedisStore;
use super::before::Restoring;
use super::patience::FULL;
use crate::store::StoreError;

impl RedisStore {
    /// Lets go of what was brought back so far where memory was too small for all of it. It is of no use, and
    /// the next attempt finds no room to note whose turn it is. What was there of users before stays noted.
    pub(super) async fn make_room_again<T>(
        &self,
        restored: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let is_full =
            matches!(&restored, Err(StoreError::Unavailable(outage)) if outage.kind == FULL);
        if is_full
            && self.has_cleared().await
            && let Err(error) = self.clear().await
        {
            tracing::debug!(%error, "what was brought back of a backup was left");
        }
        restored
    }

    /// Whether what was there before the backup is gone already.
    async fn has_cleared(&self) -> bool {
        let standing = self.standing().await;
        standing.is_ok_and(|standing| standing.restoring.is_some_and(Restoring::may_have_cleared))
    }
}
