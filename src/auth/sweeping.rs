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
    /// Deletes what is of no more use, such as expired tokens and old events, and says how many
    /// tokens.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        self.store.sweep_events(self.event_bounds()).await?;
        self.store.sweep(self.clock.now()).await
    }

    /// Whether a sweep should come soon. An error if the store could not tell.
    pub async fn wants_sweep(&self) -> Result<bool, StoreError> {
        self.store.wants_sweep().await
    }

    /// Sweeps, unless another gateway does or has done so lately; that does not count if it is urgent.
    /// How many tokens were deleted, if it did.
    pub async fn sweep_in_turn(&self, is_urgent: bool) -> Result<Option<u64>, AuthError> {
        let holder = hex::encode(random_bytes::<16>()?);
        let sweep = Lock { holder: holder.clone(), lasts: LEFT_BEHIND, name: SWEEP };
        let rest = Lock { holder, lasts: LONGEST_REST, name: REST };
        let taken = self.take_both(&sweep, &rest, is_urgent).await;
        if !matches!(taken, Ok(true)) {
            // Whether it was taken need not be known.
            self.store.release_lock(&rest).await?;
            return Ok(taken.map(|_| None)?);
        }
        let begun = self.clock.instant();
        let swept = tokio::select! {
            biased;
            kept = self.keep(&sweep, &rest) => match kept {},
            swept = self.sweep() => swept,
        };
        let took = self.clock.instant().saturating_duration_since(begun);
        let lasts = match &swept {
            Ok(_) => (took * REST_TO_SWEEP).clamp(SHORTEST_REST, LONGEST_REST),
            Err(_) => LEFT_BEHIND,
        };
        self.take_anew(&Lock { lasts, ..rest }).await?;
        self.store.release_lock(&sweep).await?;
        Ok(Some(swept?))
    }

    /// Asks for a rest of any length: a lock that is asked for caps the one that is there.
    async fn take_both(
        &self,
        sweep: &Lock,
        rest: &Lock,
        is_urgent: bool,
    ) -> Result<bool, StoreError> {
        Ok((is_urgent || self.take(rest).await?) && self.take(sweep).await?)
    }

    async fn take(&self, lock: &Lock) -> Result<bool, StoreError> {
        self.store.take_lock(lock, self.clock.now()).await
    }

    /// Has a lock end by another time. Should another get it in between, both sweep: that does no harm.
    async fn take_anew(&self, lock: &Lock) -> Result<(), StoreError> {
        self.store.release_lock(lock).await?;
        self.take(lock).await.map(drop)
    }

    /// Has the locks last for as long as this process lives, and not much longer.
    async fn keep(&self, sweep: &Lock, rest: &Lock) -> Infallible {
        let rest = Lock { lasts: LEFT_BEHIND, ..rest.clone() };
        loop {
            for lock in [&rest, sweep] {
                // If the store is away, so is what is swept.
                let _ = self.take_anew(lock).await;
            }
            sleep(AGAIN_EVERY).await;
        }
    }
}
