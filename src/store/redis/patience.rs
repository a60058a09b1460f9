//! Asking for as long as it takes. A client is answered within a second, whatever the store does; an
//! operator who has all of it saved or brought back can wait for a server that is busy, or changes.

use crate::store::{Outage, OutageKind, StoreError};
use std::error::Error;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a server may give no answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// After how long it is told that somebody waits.
const TOLD_AFTER: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(200);
/// What does not pass by itself: its memory is full.
pub(super) const FULL: OutageKind = OutageKind::Unwritable("memory");

/// What waits for a store that does not answer.
pub(super) struct Patience {
    since: Instant,
    is_told: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self { since: Instant::now(), is_told: false }
    }
}

impl Patience {
    /// Waits a moment where another attempt may come to more; else that is the error.
    pub(super) async fn bears(&mut self, error: StoreError) -> Result<(), StoreError> {
        match error {
            StoreError::Unavailable(outage)
                if outage.kind != FULL && !outage.lasts && self.since.elapsed() < PATIENCE =>
            {
                self.tell(&outage);
                sleep(PAUSE).await;
                Ok(())
            }
            error => Err(error),
        }
    }

    /// Says that it is waited for, once: nobody likes to wait for they know not what.
    fn tell(&mut self, outage: &Outage) {
        if self.is_told || self.since.elapsed() < TOLD_AFTER {
            return;
        }
        self.is_told = true;
        let seconds = PATIENCE.as_secs();
        let error = outage as &dyn Error;
        tracing::warn!(
            error,
            "the store does not answer: it is waited for, {seconds} seconds at most"
        );
    }
}

/// Does what may safely be done twice until the store answers.
pub(super) async fn patiently<T>(
    mut attempt: impl AsyncFnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut patience = Patience::default();
    loop {
        match attempt().await {
            Err(error) => patience.bears(error).await?,
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_answers_after_a_while_is_waited_for_and_one_that_never_does_is_not() {
        let mut asked = 0;
        let answered = patiently(async || {
            asked += 1;
            if asked < 100 { Err(StoreError::unavailable("busy")) } else { Ok(asked) }
        });
        assert_eq!(answered.await.unwrap(), 100);
        let never = patiently(async || Err::<(), _>(StoreError::unavailable("gone")));
        assert!(matches!(never.await, Err(StoreError::Unavailable(_))));
        let unsuitable = || StoreError::Unsuitable("no".to_owned());
        let full = patiently(async || Err::<(), _>(StoreError::out(FULL, "full")));
        let begun = Instant::now();
        assert!(full.await.is_err() && begun.elapsed() < PAUSE);
        let denied = StoreError::lasting(OutageKind::Refused, "wrong password");
        let denied = patiently(async || Err::<(), _>(denied.clone()));
        assert!(denied.await.is_err() && begun.elapsed() < PAUSE);
        let at_once = patiently(async || Err::<(), _>(unsuitable()));
        assert!(matches!(at_once.await, Err(StoreError::Unsuitable(_))));
    }
}
