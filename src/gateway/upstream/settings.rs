//! What an operator may set of an upstream.

use super::tls::TlsSettings;
use http::HeaderName;
use std::time::Duration;

/// What an operator may set of an upstream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpstreamSettings {
    /// How its servers share the requests.
    pub balance: Balance,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// When a server that cannot be connected to is left out; `None` is never.
    pub ejection: Option<Ejection>,
    /// How its servers are asked how they are, if they are.
    pub health: Option<HealthCheck>,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// How many requests one server may have at once.
    pub max_connections: Option<usize>,
    /// Its name in routes and logs.
    pub name: String,
    /// What is spoken with its servers.
    pub protocol: Protocol,
    /// How long it may be silent while its answer is awaited.
    pub read_timeout: Duration,
    /// How often a request that no server has seen is tried again.
    pub retries: u32,
    /// Its servers; at least one.
    pub servers: Vec<ServerSettings>,
    /// How its servers prove who they are, where they speak TLS.
    pub tls: TlsSettings,
    /// How long a whole exchange may take.
    pub total_timeout: Option<Duration>,
    /// How long both ends of an upgraded connection may be silent.
    pub upgrade_timeout: Duration,
    /// How long it may take to accept what is sent.
    pub write_timeout: Duration,
}

/// One server as it is written: an address, or a name that may have many.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerSettings {
    /// `HOST:PORT`.
    pub address: String,
    /// Whether it speaks TLS.
    pub is_tls: bool,
    /// Its share of the requests, at least 1.
    pub weight: u32,
}

impl ServerSettings {
    /// The most that a weight may be.
    pub const MOST_WEIGHT: u32 = 100;

    /// Its name, or its address without brackets, and its port.
    pub(super) fn host_and_port(&self) -> (&str, u16) {
        let (host, port) = self.address.rsplit_once(':').unwrap_or((&self.address, ""));
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        (bare.unwrap_or(host), port.parse().unwrap_or_default())
    }
}

/// How the servers of an upstream share the requests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Balance {
    /// The same client address, the same server.
    HashAddress,
    /// The same value of this header, the same server; without one, by address.
    HashHeader(HeaderName),
    /// The same user, the same server; where nobody has said who they are, by address.
    HashUser,
    /// Whoever has the fewest requests for its weight.
    LeastConnections,
    /// In turns.
    RoundRobin,
}

/// What is spoken with servers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// With TLS, HTTP/2 where the server can; else HTTP/1.1.
    Auto,
    /// HTTP/2 over TLS.
    H2,
    /// HTTP/2 without TLS.
    H2c,
    /// HTTP/1.1.
    Http1,
}

/// When a server is left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ejection {
    /// After so many failures to connect in a row.
    pub after: u32,
    /// For so long at first.
    pub lasts: Duration,
}

/// How a server is asked how it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HealthCheck {
    /// The statuses of a healthy server; none is any 2xx.
    pub expect: Vec<u16>,
    /// After how many good answers in a row a server is taken back.
    pub healthy_after: u32,
    /// The `Host` to ask for; by default the server's own.
    pub host: Option<String>,
    /// How often it is asked.
    pub interval: Duration,
    /// What it is asked for; without a path it need only be connected to.
    pub path: Option<String>,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// After how many bad answers in a row a server is left out.
    pub unhealthy_after: u32,
}
