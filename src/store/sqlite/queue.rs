//! How the async side asks a thread: a bounded queue, and an answer within bounded time.

use crate::store::{OutageKind, StoreError};
use rusqlite::Connection;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How many requests may wait for a thread; further ones wait for a place.
pub(super) const LENGTH: usize = 1_024;

/// A disk that hangs longer is as good as none: the caller owes its client an answer within a second.
const PATIENCE: Duration = Duration::from_millis(900);

/// What a thread's answer travels through.
pub(super) type Caller<T> = oneshot::Sender<Result<T, StoreError>>;

/// What a thread is to read.
pub(super) type Query = Box<dyn FnOnce(&Connection) + Send>;

/// A query that answers its caller, and where the answer comes.
pub(super) fn query<T: Send + 'static>(
    read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
) -> (Query, oneshot::Receiver<Result<T, StoreError>>) {
    let (caller, answer): (Caller<T>, _) = oneshot::channel();
    let query = move |db: &Connection| {
        // A caller who has gone away needs no answer.
        if !caller.is_closed() {
            let _ = caller.send(read(db));
        }
    };
    (Box::new(query), answer)
}

/// Queues a job and waits for its answer.
pub(super) async fn ask<J, T>(
    queue: &mpsc::Sender<J>,
    job: J,
    answer: oneshot::Receiver<Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let asked = async {
        queue.send(job).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    };
    timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|late| Err(StoreError::out(OutageKind::Silent, late)))
}

fn stopped() -> StoreError {
    StoreError::unavailable("the database's thread has stopped")
}
