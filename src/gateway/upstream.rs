//! The servers behind the gateway.

use arc_swap::ArcSwapOption;
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, OrErr, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What an operator may set of an upstream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpstreamSettings {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// Its name in routes and logs.
    pub name: String,
    /// How long it may be silent while its answer is awaited.
    pub read_timeout: Duration,
    /// Its servers, `HOST:PORT`; at least one.
    pub servers: Vec<String>,
    /// How long both ends of an upgraded connection may be silent.
    pub upgrade_timeout: Duration,
    /// How long it may take to accept what is sent.
    pub write_timeout: Duration,
}

/// An upstream: its servers take turns.
pub(super) struct Upstream {
    next: AtomicUsize,
    servers: Vec<Server>,
    settings: UpstreamSettings,
}

impl Upstream {
    /// An upstream that has sent nothing yet.
    pub(super) fn new(settings: UpstreamSettings) -> Self {
        let servers = settings.servers.iter().cloned().map(Server::new).collect();
        Self { next: AtomicUsize::new(0), servers, settings }
    }

    /// The server whose turn it is.
    pub(super) async fn peer(&self, session: &mut Session) -> Result<Box<HttpPeer>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let server = self.servers.get(turn % self.servers.len().max(1));
        let server = server.ok_or_else(|| Error::new_up(ErrorType::ConnectNoRoute))?;
        let mut peer = HttpPeer::new(server.address(turn).await?, false, String::new());
        let UpstreamSettings { connect_timeout, idle_timeout, upgrade_timeout, .. } = self.settings;
        let is_upgrade = session.as_downstream().is_upgrade_req();
        let (read_timeout, write_timeout) = if is_upgrade {
            session.as_downstream_mut().set_read_timeout(Some(upgrade_timeout));
            (upgrade_timeout, upgrade_timeout)
        } else {
            (self.settings.read_timeout, self.settings.write_timeout)
        };
        peer.options.connection_timeout = Some(connect_timeout);
        peer.options.total_connection_timeout = Some(connect_timeout);
        peer.options.read_timeout = Some(read_timeout);
        peer.options.write_timeout = Some(write_timeout);
        peer.options.idle_timeout = Some(idle_timeout);
        Ok(Box::new(peer))
    }
}

/// One server, and the addresses that its name had lately.
struct Server {
    /// Its address, where its name is one.
    address: Option<SocketAddr>,
    addresses: ArcSwapOption<(Instant, Vec<SocketAddr>)>,
    /// `HOST:PORT`.
    name: String,
}

impl Server {
    /// How long the addresses of a name are taken for good.
    const RESOLVE_AFTER: Duration = Duration::from_secs(10);

    fn new(name: String) -> Self {
        Self { address: name.parse().ok(), addresses: ArcSwapOption::empty(), name }
    }

    async fn address(&self, turn: usize) -> Result<SocketAddr> {
        if let Some(address) = self.address {
            return Ok(address);
        }
        let known = self.addresses.load_full();
        let addresses = match known {
            Some(known) if known.0.elapsed() < Self::RESOLVE_AFTER => known,
            // A name server that is away takes no app with it.
            Some(known) => self.resolve().await.unwrap_or(known),
            None => self.resolve().await?,
        };
        let addresses = &addresses.1;
        let address = addresses.get(turn % addresses.len().max(1)).copied();
        address.ok_or_else(|| Error::new_up(ErrorType::ConnectNoRoute))
    }

    async fn resolve(&self) -> Result<Arc<(Instant, Vec<SocketAddr>)>> {
        let found = tokio::net::lookup_host(&self.name).await;
        let found = found.or_err(ErrorType::ConnectNoRoute, "name not resolved");
        let found = found.map_err(Error::into_up)?.collect();
        let addresses = Arc::new((Instant::now(), found));
        self.addresses.store(Some(Arc::clone(&addresses)));
        Ok(addresses)
    }
}
