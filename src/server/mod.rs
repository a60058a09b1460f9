//! Puts the parts together and runs them until the process is told to stop.

mod drain;
pub mod log;
mod ops;
mod upkeep;

use self::drain::{Drain, OnSigterm};
use self::log::Log;
use self::ops::Ops;
use self::upkeep::{Feed, Refresher, Sweeper, UpstreamKeeper};
use crate::auth::Auth;
use crate::config::Config;
use crate::gateway::{Gateway, Guarded};
use crate::metrics::Metrics;
use crate::store::{self, StoreError};
use pingora::apps::http_app::HttpServer;
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use pingora::services::background::background_service;
use pingora::services::listening::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;

/// What an operator may set of the process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// How long requests in flight may take once the process is told to stop.
    pub grace: Duration,
    /// How long the head of a request may take to arrive.
    pub head_timeout: Duration,
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// Where operators ask how the gateway is, if they may.
    pub ops_listen: Option<SocketAddr>,
    /// How many threads serve requests.
    pub threads: usize,
}

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] crate::auth::HashError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// There is no runtime to ask the store on.
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
    /// The store cannot serve as one.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs a gateway until the process is told to stop. `beside` adds services of the caller's own.
pub fn run(config: Config, log: Log, beside: impl FnOnce(&mut Server)) -> Result<(), StartError> {
    let Config { auth, gateway, server: settings, store, .. } = config;
    for address in settings.listen.iter().chain(&settings.ops_listen) {
        check_free(*address)?;
    }
    // A store of its own: a connection lives on the runtime that made it, and this one ends here.
    inspect(&*store::open(&store)?)?;
    let metrics = Arc::new(Metrics::default());
    let auth = Arc::new(Auth::open(store::open(&store)?, Arc::clone(&metrics), auth)?);

    let mut server = Server::new_with_opt_and_conf(None, pingora_settings(&settings));
    server.bootstrap();
    let gateway = Gateway::new(Arc::clone(&auth), Arc::clone(&metrics), gateway);
    let keeper = UpstreamKeeper(gateway.clone());
    let proxy = http_proxy(&server.configuration, gateway);
    let (guarded, counted) = (Arc::clone(&auth), Arc::clone(&metrics));
    let proxy = Guarded::new(proxy, guarded, counted, settings.head_timeout);
    let mut proxy = Service::new("gateway".to_owned(), proxy);
    for address in &settings.listen {
        proxy.add_tcp(&address.to_string());
    }
    server.add_service(proxy);
    if let Some(address) = settings.ops_listen {
        let ops = Ops::new(Arc::clone(&auth), Arc::clone(&metrics));
        let mut ops = Service::new("ops".to_owned(), HttpServer::new_app(ops));
        ops.add_tcp(&address.to_string());
        server.add_service(ops);
    }
    server.add_service(background_service("upstreams", keeper));
    server.add_service(background_service("feed", Feed(Arc::clone(&auth))));
    server.add_service(background_service("refresher", Refresher(Arc::clone(&auth))));
    server.add_service(background_service("sweeper", Sweeper(auth)));
    server.add_service(background_service("drain", Drain::new(metrics, settings.grace, log)));
    beside(&mut server);
    for address in &settings.listen {
        tracing::info!("listening on http://{address}");
    }
    server.run(RunArgs { shutdown_signal: Box::new(OnSigterm) });
    Ok(())
}

/// Fails if an address cannot be listened on. Pingora panics then, so it is tried before; but nobody
/// is listened to yet, or a client of that moment would be cut off.
pub fn check_free(address: SocketAddr) -> Result<(), StartError> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)
    };
    bound().map_err(|source| StartError::Listen { address, source })
}

/// Tells the operator what the store is. One that does not answer may come back; one that cannot
/// serve never will.
fn inspect(store: &dyn store::Store) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(StartError::Runtime)?;
    match runtime.block_on(store.inspect()) {
        Ok(inspection) => {
            tracing::info!(
                version = env!("CARGO_PKG_VERSION"),
                store = inspection.summary,
                "authgate"
            );
            for warning in inspection.warnings {
                tracing::warn!("{warning}");
            }
            Ok(())
        }
        Err(error @ StoreError::Unavailable(_)) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the store does not answer yet; public routes are served");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn pingora_settings(settings: &Settings) -> ServerConf {
    ServerConf {
        // The drain ends the process as soon as nothing is in flight; this is the longest it may take.
        grace_period_seconds: Some(settings.grace.as_secs().saturating_add(1)),
        graceful_shutdown_timeout_seconds: Some(1),
        // The most that an upstream may set, and the first try.
        max_retries: 11,
        threads: settings.threads,
        // As many as an app may have open at once: what does not fit is closed and made anew.
        upstream_keepalive_pool_size: 1024,
        // A request is too short to be worth moving to another thread.
        work_stealing: false,
        ..ServerConf::default()
    }
}
