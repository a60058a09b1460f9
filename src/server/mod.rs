//! Puts the parts together and runs them until the process is told to stop.
//!
//! The main thread accepts connections, hears of revocations, signals and commands, and does the
//! upkeep; the workers, a thread for each core, serve.

mod accept;
mod assemble;
mod connection;
mod connections;
pub mod control;
mod descriptors;
mod gate;
pub mod handover;
pub mod listener;
mod listening;
pub mod log;
mod notify;
mod ops;
pub mod proxy_protocol;
pub mod redirect;
mod reload;
mod routes;
mod setup;
mod signals;
pub mod small;
mod stop;
pub mod tls;
mod upkeep;
mod upstreams;
mod watch;
mod worker;

pub use self::watch::FileWatch;

use self::gate::Gate;
use self::handover::{Predecessor, Program};
use self::listener::{ConnectionLimits, ListenerSettings};
use self::log::Log;
use self::signals::Signals;
use self::stop::Ending;
use self::tls::TlsError;
use crate::config::{Config, Source};
use crate::gateway::StreamLimits;
use crate::store::StoreError;
use ipnet::IpNet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// What an operator may set of the process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The listener that is the console's alone, if it has one; it need not be open while there is
    /// no console.
    pub console_listen: Option<SocketAddr>,
    /// Where commands come in, if they may.
    pub control: Option<PathBuf>,
    /// How long requests in flight may take once the process is told to stop.
    pub grace: Duration,
    /// What connections must keep to.
    pub limits: ConnectionLimits,
    /// Where to listen, and how.
    pub listeners: Vec<ListenerSettings>,
    /// Where operators ask how the gateway is, if they may.
    pub ops_listen: Option<SocketAddr>,
    /// How many threads serve requests.
    pub threads: usize,
    /// How long requests in flight may take once another process has the listeners.
    pub upgrade_grace: Duration,
}

/// What connections must keep to.
struct Limits {
    connections: ConnectionLimits,
    /// They speak for many clients.
    trusted_proxies: Vec<IpNet>,
}

impl Limits {
    fn of(config: &Config) -> Self {
        Self {
            connections: config.server.limits.clone(),
            trusted_proxies: config.gateway.trusted_proxies.clone(),
        }
    }

    /// As many requests may come over HTTP/2 as there may be connections.
    fn streams(&self) -> StreamLimits {
        let ConnectionLimits { max_connections, max_connections_per_address, .. } =
            self.connections;
        StreamLimits { most: max_connections, most_from_address: max_connections_per_address }
    }

    /// How many connections an address may have; `None` is any number.
    fn most_from(&self, address: IpAddr) -> Option<usize> {
        let speaks_for_many = self.trusted_proxies.iter().any(|network| network.contains(&address));
        self.connections.max_connections_per_address.filter(|_| !speaks_for_many)
    }
}

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Commands cannot come in.
    #[error("cannot listen for commands at {path}", path = path.display())]
    Control {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] crate::auth::HashError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system does not give what a process needs.
    #[error("cannot start")]
    System(#[from] io::Error),
    /// The store cannot serve as one.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The process before this one did not hand over its listeners.
    #[error("no listeners were handed over")]
    TakeOver(#[source] io::Error),
    /// The certificates of a listener cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What a gateway starts with.
pub struct Start {
    /// The settings.
    pub config: Config,
    /// Where to read them again.
    pub source: Source,
    /// Their file as it was before they were read, if they are to be read again whenever it changes.
    pub watch: Option<FileWatch>,
    /// The log.
    pub log: Log,
    /// The process that it takes over from, if it does.
    pub predecessor: Option<Predecessor>,
}

/// Runs a gateway, and something of the caller's own beside it, until the process is told to stop;
/// then does the last thing and ends the process.
pub fn run(
    start: Start,
    beside: impl Future<Output = ()> + Send + 'static,
    last: impl FnOnce(),
) -> Result<(), StartError> {
    let program = Program::this()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let mut gate = Gate::open(start).await?;
        gate.run_beside(beside);
        let ending = gate.serve(&mut signals, &program).await;
        if let Some(ending) = ending {
            gate.close(ending, &mut signals).await;
        }
        last();
        std::process::exit((ending == Some(Ending::Broken)).into())
    })
}
