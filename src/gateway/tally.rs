//! How many of something each address has.

use crate::model::network::Network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts by address; of IPv6, by what one client has of it.
#[derive(Default)]
pub struct Tally(Mutex<HashMap<Network, usize>>);

impl Tally {
    /// Counts one more from an address, until the value is dropped; `None` if it has `most` already.
    pub fn enter(self: &Arc<Self>, address: IpAddr, most: Option<usize>) -> Option<Counted> {
        let address = Network::of(address);
        let mut counts = self.lock();
        let count = counts.entry(address).or_default();
        if most.is_some_and(|most| *count >= most) {
            return None;
        }
        *count += 1;
        Some(Counted { address, tally: Arc::clone(self) })
    }

    /// How many there are of all addresses.
    #[cfg(test)]
    pub(super) fn total(&self) -> usize {
        self.lock().values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is counted.
pub struct Counted {
    address: Network,
    tally: Arc<Tally>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.tally.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_not_kept_in_mind() {
        let tally = Arc::new(Tally::default());
        let address = |text: &str| text.parse().unwrap();
        let first = tally.enter(address("2001:db8::1"), Some(1));
        assert!(tally.enter(address("2001:db8::2"), Some(1)).is_none(), "of the same network");
        let other = tally.enter(address("2001:db8:0:1::1"), Some(1));
        assert_eq!(tally.lock().len(), 2);
        drop((first, other));
        assert!(tally.lock().is_empty());
    }
}
