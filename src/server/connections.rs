//! How many connections are open, in all and from each address.

use crate::gateway::{Counted, Guard, Tally};
use crate::metrics::{Metrics, OpenConnection};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// The open connections of all listeners.
#[derive(Default)]
pub(super) struct Connections {
    by_address: Arc<Tally>,
    closed: Notify,
    open: AtomicUsize,
}

impl Connections {
    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Waits until fewer than `most` are open, for which those that are idle have to go. Others wait
    /// meanwhile in the queue of the listener.
    pub(super) async fn room(&self, most: usize, guard: &Guard, metrics: &Metrics) {
        /// One that has just become idle goes after it has been for a second.
        const ASK_EVERY: Duration = Duration::from_millis(100);
        while self.open() >= most {
            metrics.accepting_paused();
            guard.make_room();
            let _ = timeout(ASK_EVERY, self.closed.notified()).await;
        }
    }

    /// A place for one more.
    pub(super) fn enter(self: &Arc<Self>, metrics: &Arc<Metrics>) -> Place {
        self.open.fetch_add(1, Ordering::Relaxed);
        let counted = metrics.connection_opens();
        Place { address: None, connections: Arc::clone(self), _counted: counted }
    }
}

/// The place of an open connection. It is free when this is dropped.
pub(super) struct Place {
    address: Option<Counted>,
    connections: Arc<Connections>,
    _counted: OpenConnection,
}

impl Place {
    /// Counts the connection as one from this address; false if that has as many as it may have.
    pub(super) fn is_for(&mut self, address: IpAddr, most: usize) -> bool {
        self.address = self.connections.by_address.enter(address, Some(most));
        self.address.is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Before anyone is told that there is room.
        drop(self.address.take());
        self.connections.open.fetch_sub(1, Ordering::Relaxed);
        self.connections.closed.notify_one();
    }
}
