//! How many requests over HTTP/2 are served: one connection may bring a hundred, and each may take a
//! connection to the app.

use super::super::tally::{Counted, Tally};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many may be served at once; `None` is any number.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamLimits {
    /// In all.
    pub most: Option<usize>,
    /// For one address that no trusted proxy has.
    pub most_from_address: Option<usize>,
}

/// The requests over HTTP/2 that are served.
#[derive(Default)]
pub(super) struct Streams {
    by_address: Arc<Tally>,
    served: AtomicUsize,
}

impl Streams {
    /// Counts one more, from an address that is counted too if it is given. `None` if it is too many.
    pub(super) fn enter(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        limits: StreamLimits,
    ) -> Option<Stream> {
        let counted = match address {
            Some(address) => Some(self.by_address.enter(address, limits.most_from_address)?),
            None => None,
        };
        // Counted whatever comes: dropping it takes it off again.
        let stream = Stream { _counted: counted, streams: Arc::clone(self) };
        let before = self.served.fetch_add(1, Ordering::Relaxed);
        limits.most.is_none_or(|most| before < most).then_some(stream)
    }
}

/// A request over HTTP/2, until it is dropped.
pub(super) struct Stream {
    _counted: Option<Counted>,
    streams: Arc<Streams>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.streams.served.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    const THERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::BROADCAST));

    #[test]
    fn an_address_has_as_many_as_it_may_have_and_gets_them_back() {
        let streams = Arc::new(Streams::default());
        let limits = StreamLimits { most: Some(3), most_from_address: Some(2) };
        let first = streams.enter(HERE, limits).unwrap();
        let _second = streams.enter(HERE, limits).unwrap();
        assert!(streams.enter(HERE, limits).is_none());
        let _other = streams.enter(THERE, limits).unwrap();
        assert!(streams.enter(THERE, limits).is_none(), "in all");
        drop(first);
        assert!(streams.enter(HERE, limits).is_some());
        assert_eq!(streams.by_address.total(), 2);
        assert_eq!(streams.served.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn without_limits_any_number_is_served() {
        let streams = Arc::new(Streams::default());
        let all: Vec<_> = (0..1000).map(|_| streams.enter(HERE, StreamLimits::default())).collect();
        assert!(all.iter().all(Option::is_some));
    }
}
