//! How many connections are open, in all and from each address.

use crate::gateway::{Guard, network_of};
use crate::metrics::{Metrics, OpenConnection};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// The open connections of all listeners.
#[derive(Default)]
pub(super) struct Connections {
    by_address: Mutex<HashMap<IpAddr, usize>>,
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

    fn by_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of an open connection. It is free when this is dropped.
pub(super) struct Place {
    address: Option<IpAddr>,
    connections: Arc<Connections>,
    _counted: OpenConnection,
}

impl Place {
    /// Counts the connection as one from this address; false if that has as many as it may have.
    pub(super) fn is_for(&mut self, address: IpAddr, most: usize) -> bool {
        let address = network_of(address);
        let mut by_address = self.connections.by_address();
        let count = by_address.entry(address).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        drop(by_address);
        self.address = Some(address);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            let mut by_address = self.connections.by_address();
            if let Some(count) = by_address.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    by_address.remove(&address);
                }
            }
        }
        self.connections.open.fetch_sub(1, Ordering::Relaxed);
        self.connections.closed.notify_one();
    }
}
