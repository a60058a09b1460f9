//! Sweeping by turns: of all gateways of a store one at a time, and with rests in between.

use super::issue::random_bytes;
use super::{Auth, AuthError};
use crate::store::{Lock, StoreError};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::sleep;

/// The lock of whoever sweeps.
const SWEEP: &str = "sweep";
/// After which time it counts as left behind by a process that has died.
const LEFT_BEHIND: Duration = Duration::from_mins(5);
/// How often it is taken anew.
const AGAIN_EVERY: Duration = Duration::from_mins(1);

/// The lock that nobody holds who sweeps: it lasts until the next one may.
const REST: &str = "sweep-rest";
/// How much longer than a sweep the rest after it lasts, within these bounds.
const REST_TO_SWEEP: u32 = 10;
const SHORTEST_REST: Duration = Duration::from_mins(10);
const LONGEST_REST: Duration = Duration::from_hours(24);

impl Auth {
    /// Sweeps, unless another gateway does or has done so lately; that does not count if it is urgent.
    /// How many tokens were deleted, if it did.
    pub async fn sweep_in_turn(&self, is_urgent: bool) -> Result<Option<u64>, AuthError> {
        let holder = hex::encode(random_bytes::<16>()?);
        let sweep = Lock { holder: holder.clone(), lasts: LEFT_BEHIND, name: SWEEP };
        let mut rest = Lock { holder, lasts: LONGEST_REST, name: REST };
        if !is_urgent && !self.take(&rest).await? {
            return Ok(None);
        }
        if !self.take(&sweep).await? {
            self.store.release_lock(&rest).await?;
            return Ok(None);
        }
        let begun = self.clock.instant();
        let swept = tokio::select! {
            swept = self.sweep() => swept,
            kept = self.keep(&sweep) => match kept {},
        };
        let took = self.clock.instant().saturating_duration_since(begun);
        rest.lasts = (took * REST_TO_SWEEP).clamp(SHORTEST_REST, LONGEST_REST);
        self.store.release_lock(&rest).await?;
        self.take(&rest).await?;
        self.store.release_lock(&sweep).await?;
        Ok(Some(swept?))
    }

    async fn take(&self, lock: &Lock) -> Result<bool, StoreError> {
        self.store.take_lock(lock, self.clock.now()).await
    }

    /// Has the lock last. Should another get it, both sweep: that does no harm.
    async fn keep(&self, lock: &Lock) -> Infallible {
        loop {
            sleep(AGAIN_EVERY).await;
            if self.store.release_lock(lock).await.is_ok() {
                // If the store is away, so is what is swept.
                let _ = self.take(lock).await;
            }
        }
    }
}
