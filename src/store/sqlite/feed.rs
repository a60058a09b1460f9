//! The revocation feed: what this process changes, its writer tells; that another process has
//! changed something, SQLite does.

use super::{SqliteStore, file};
use crate::store::{Change, StoreError, Watcher};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often to look for changes by other processes.
const PAUSE: Duration = Duration::from_millis(20);
/// Some pauses, for a busy machine.
pub(super) const TOLD_WITHIN: Duration = PAUSE.saturating_mul(5);

impl SqliteStore {
    pub(super) async fn follow(&self, watcher: &dyn Watcher, beat: Duration) -> StoreError {
        let mut known = None;
        loop {
            let asked = Instant::now();
            let version = match self.version().await {
                Ok(version) => version,
                Err(error) => return error,
            };
            if known.replace(version) != Some(version) {
                watcher.changed(Change::Everything);
            }
            watcher.told_until(asked);
            sleep(beat.min(PAUSE)).await;
        }
    }

    /// Asked of the writer's connection, which alone does not count what the writer changes.
    async fn version(&self) -> Result<i64, StoreError> {
        let place = Arc::clone(&self.place);
        self.writer.look(move |db| place.check().and_then(|()| file::version(db))).await
    }
}
