//! The servers behind the gateway: which of them gets a request, and how they are.

mod answer;
mod attempt;
mod balance;
mod health;
mod keep;
mod name;
mod peer;
mod resolve;
mod server;
mod settings;
mod tls;

pub use self::settings::{
    Balance, Ejection, HealthCheck, Protocol, ServerSettings, UpstreamSettings,
};
pub use self::tls::{Authorities, ClientIdentity, TlsSettings};

pub(super) use self::attempt::{Asker, Attempt};
pub(super) use self::keep::keep;
pub(super) use self::peer::restore_te;

use self::balance::Pool;
use self::name::Name;
use self::server::Server;
use arc_swap::ArcSwap;
use pingora::protocols::tls::CaType;
use pingora::utils::tls::CertKey;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::Notify;
use tokio::time::timeout;

/// An upstream and what is known of its servers. Lives on when other settings change.
pub(super) struct Upstream {
    /// Servers that are written by their addresses.
    fixed: Vec<Arc<Server>>,
    /// Connections of two upstreams are never mixed up: what one trusts the other may not.
    group: u64,
    names: Vec<Name>,
    pool: ArcSwap<Pool>,
    settings: UpstreamSettings,
    /// Rings when its names have been asked for.
    settled: Notify,
    shown: Option<Arc<CertKey>>,
    trusted: Option<Arc<CaType>>,
    turn: AtomicUsize,
}

impl Upstream {
    /// An upstream that has sent nothing yet. No other may ever have had its group.
    pub(super) fn new(settings: UpstreamSettings, group: u64) -> Self {
        let (mut fixed, mut names) = (vec![], vec![]);
        for (place, server) in settings.servers.iter().enumerate() {
            let (host, port) = server.host_and_port();
            match host.parse::<IpAddr>() {
                Ok(ip) => {
                    let address = SocketAddr::from((ip, port));
                    fixed.push(Arc::new(Server::new(address, place, server.weight)));
                }
                Err(_) => names.push(Name::new(host, port, place)),
            }
        }
        Self {
            pool: ArcSwap::from_pointee(Pool::new(fixed.clone())),
            fixed,
            group,
            names,
            settled: Notify::new(),
            shown: settings.tls.shown(),
            trusted: settings.tls.trusted(),
            turn: AtomicUsize::new(0),
            settings,
        }
    }

    /// What its connections share with no other upstream's.
    #[cfg(test)]
    pub(super) fn group(&self) -> u64 {
        self.group
    }

    /// Whether it was made of these settings.
    pub(super) fn is_of(&self, settings: &UpstreamSettings) -> bool {
        self.settings == *settings
    }

    /// Waits, where no name has led to an address yet, until all were asked for.
    async fn settle(&self) {
        let is_ready =
            || !self.pool.load().servers().is_empty() || self.names.iter().all(Name::is_settled);
        while !is_ready() {
            let settled = self.settled.notified();
            // It may have rung just before.
            if is_ready() || timeout(self.settings.connect_timeout, settled).await.is_err() {
                return;
            }
        }
    }

    /// Makes its servers those that its names lead to now. One that stays keeps what is known of it.
    fn gather(&self) {
        let before = self.pool.load();
        let mut servers: Vec<Arc<Server>> = self.fixed.clone();
        for name in &self.names {
            let weight = self.settings.servers.get(name.place).map_or(1, |server| server.weight);
            for address in name.addresses() {
                if servers.iter().any(|server| server.address == address) {
                    continue;
                }
                let known = before.servers().iter().find(|server| server.address == address);
                let new = || Arc::new(Server::new(address, name.place, weight));
                servers.push(known.map_or_else(new, Arc::clone));
            }
        }
        servers.sort_by_key(|server| (server.place, server.address));
        self.pool.store(Arc::new(Pool::new(servers)));
        self.settled.notify_waiters();
    }
}
