//! The threads that read, a connection each.

use super::queue::{self, Query, ask};
use crate::store::StoreError;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::sync::mpsc;

/// How many threads read. A look-up takes microseconds, so more would only wait for the processor.
pub(super) const COUNT: usize = 3;

type Queue = Arc<Mutex<mpsc::Receiver<Query>>>;

/// Reads from the database.
pub(super) struct Readers {
    queue: mpsc::Sender<Query>,
}

impl Readers {
    /// Starts a thread for each connection.
    pub(super) fn start(connections: Vec<Connection>) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel(queue::LENGTH);
        let receiver = Arc::new(Mutex::new(receiver));
        for db in connections {
            let queue = Arc::clone(&receiver);
            thread::Builder::new()
                .name("sqlite-reader".to_owned())
                .spawn(move || work_off(&queue, &db))
                .map_err(StoreError::unavailable)?;
        }
        Ok(Self { queue: sender })
    }

    /// Runs a query on one of the threads.
    pub(super) async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = queue::query(query);
        ask(&self.queue, job, answer).await
    }
}

fn work_off(queue: &Queue, db: &Connection) {
    while let Some(query) = next(queue) {
        query(db);
    }
}

/// The next query; `None` once the store is dropped. Idle threads wait for the lock, one of them
/// for the query.
fn next(queue: &Queue) -> Option<Query> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}
