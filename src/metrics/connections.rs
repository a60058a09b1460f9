//! Connections of clients, and how they end.

use super::{Metrics, Reason};
use std::sync::Arc;

impl Metrics {
    /// Counts a request that was cut off because its token has ended or the store could not tell.
    pub fn connection_ended(&self) {
        self.connections_ended.inc();
    }

    /// Counts a connection that was ended while idle because another one needed its place.
    pub fn connection_made_room(&self) {
        self.connections_made_room.inc();
    }

    /// Counts a request whose head could not be read, or broke off.
    pub fn request_unreadable(&self) {
        self.requests_unreadable.inc();
    }

    /// Counts a connection as open until the value is dropped.
    pub fn connection_opens(self: &Arc<Self>) -> OpenConnection {
        self.connections.inc();
        OpenConnection(Arc::clone(self))
    }

    /// Counts a connection that ended before its first request.
    pub fn connection_turned_away(&self, why: Turned) {
        let reason = match why {
            Turned::BadHandshake => "tls",
            Turned::BadProxyHeader => "proxy_header",
            Turned::Broken => "broken",
            Turned::Late => "late",
            Turned::TooMany => "address_limit",
        };
        self.connections_turned_away.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a moment in which no connection could be accepted.
    pub fn accepting_paused(&self) {
        self.accept_pauses.inc();
    }
}

/// Why a connection ended before its first request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turned {
    /// It did not agree on TLS with us.
    BadHandshake,
    /// Its balancer did not say whose it is.
    BadProxyHeader,
    /// It was gone.
    Broken,
    /// It took too long to begin.
    Late,
    /// Its address has as many as it may have.
    TooMany,
}

/// A connection that is open.
#[derive(Debug)]
pub struct OpenConnection(Arc<Metrics>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}
