//! What an operator may set of a listener, and of the connections to all of them.

use super::redirect::Redirect;
use super::tls::TlsSettings;
use crate::gateway::Face;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;

/// One place where clients connect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListenerSettings {
    /// Where.
    pub address: SocketAddr,
    /// What is served there.
    pub face: Face,
    /// Whether a client without TLS may speak HTTP/2 from its first byte.
    pub h2c: bool,
    /// Whose connections begin with a PROXY protocol header.
    pub proxy_protocol: Vec<IpNet>,
    /// Where all requests are sent instead of being served.
    pub redirect: Option<Redirect>,
    /// The certificates; without them the listener is plain.
    pub tls: Option<TlsSettings>,
}

impl ListenerSettings {
    /// A plain listener, for HTTP/1 alone.
    pub fn plain(address: SocketAddr) -> Self {
        Self {
            address,
            face: Face::Public,
            h2c: false,
            proxy_protocol: Vec::new(),
            redirect: None,
            tls: None,
        }
    }

    /// Whether it is for HTTP/1 alone, and has no rules of its own.
    pub fn is_plain(&self) -> bool {
        *self == Self::plain(self.address)
    }

    /// Whether a connection of this peer must begin with a PROXY protocol header. Where it need not
    /// it must not be looked for: anyone could send one.
    pub fn expects_proxy_header(&self, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        self.proxy_protocol.iter().any(|network| network.contains(&address))
    }
}

/// How many connections there may be, and how long they may take.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectionLimits {
    /// How long a PROXY protocol header and a TLS handshake may take together.
    pub handshake_timeout: Duration,
    /// How many there may be; `None` is no limit.
    pub max_connections: Option<usize>,
    /// How many there may be from one address; `None` is no limit.
    pub max_connections_per_address: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_connections_from_the_named_networks_have_a_proxy_header() {
        let mut listener = ListenerSettings::plain("[::]:443".parse().unwrap());
        assert!(!listener.expects_proxy_header("10.0.0.1:1".parse().unwrap()));
        listener.proxy_protocol = vec!["10.0.0.0/24".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for peer in ["10.0.0.1:1", "[::ffff:10.0.0.1]:1", "[fd00::1]:1"] {
            assert!(listener.expects_proxy_header(peer.parse().unwrap()), "{peer}");
        }
        for peer in ["10.0.1.1:1", "[::ffff:10.0.1.1]:1", "[fe80::1]:1", "[::10.0.0.1]:1"] {
            assert!(!listener.expects_proxy_header(peer.parse().unwrap()), "{peer}");
        }
    }
}
