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
mod terms;
mod tls;
mod view;

pub use self::settings::{
    Balance, Ejection, HealthCheck, Protocol, ServerSettings, UpstreamSettings,
};
pub use self::tls::{Authorities, ClientIdentity, TlsSettings};
pub use self::view::{Failed, ServerState, ServerView, UpstreamView};

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
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
    /// Whether every name was asked for, with whatever result, and what came of it is in the pool.
    is_settled: AtomicBool,
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
            is_settled: AtomicBool::default(),
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
            || !self.pool.load().servers().is_empty() || self.is_settled.load(Ordering::Acquire);
        while !is_ready() {
            let settled = self.settled.notified();
            // It may have rung just before.
            if is_ready() || timeout(self.settings.connect_timeout, settled).await.is_err() {
                return;
            }
        }
    }

    /// Makes its servers those that its names lead to now. One that stays keeps what is known of it,
    /// unless another name leads to it: it is spoken to as the name that leads to it is written.
    fn gather(&self) {
        // Before their addresses are read: a name that is settled later is gathered once more.
        let is_settled = self.names.iter().all(Name::is_settled);
        let before = self.pool.load();
        let mut servers: Vec<Arc<Server>> = self.fixed.clone();
        for name in &self.names {
            let weight = self.settings.servers.get(name.place).map_or(1, |server| server.weight);
            for address in name.addresses() {
                let is_here = |server: &Arc<Server>| server.address == address;
                let is_twin = |server: &Arc<Server>| {
                    is_here(server) && self.proves(server.place) == self.proves(name.place)
                };
                if servers.iter().any(is_twin) {
                    continue;
                }
                let is_known =
                    |server: &&Arc<Server>| is_here(server) && server.place == name.place;
                let known = before.servers().iter().find(is_known);
                let new = || Arc::new(Server::new(address, name.place, weight));
                servers.push(known.map_or_else(new, Arc::clone));
            }
        }
        servers.sort_by_key(|server| (server.place, server.address));
        self.pool.store(Arc::new(Pool::new(servers)));
        self.is_settled.store(is_settled, Ordering::Release);
        self.settled.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pingora::upstreams::peer::Peer;
    use std::time::Duration;

    pub(super) fn upstream(servers: &[(&str, bool)]) -> Upstream {
        let second = Duration::from_secs(1);
        let server = |(address, is_tls): &(&str, bool)| ServerSettings {
            address: (*address).to_owned(),
            is_tls: *is_tls,
            weight: 1,
        };
        let settings = UpstreamSettings {
            balance: Balance::RoundRobin,
            connect_timeout: second,
            ejection: None,
            health: None,
            idle_timeout: second,
            max_connections: None,
            name: "app".to_owned(),
            protocol: Protocol::Auto,
            read_timeout: second,
            retries: 0,
            servers: servers.iter().map(server).collect(),
            tls: TlsSettings::default(),
            total_timeout: None,
            upgrade_timeout: second,
            write_timeout: second,
        };
        Upstream::new(settings, 1)
    }

    /// How the servers are spoken to once the names have led to these addresses, by their last parts,
    /// one after the other.
    fn spoken_to(upstream: &Upstream, led: &[(usize, u8)]) -> Vec<String> {
        for (name, last) in led {
            upstream.names[*name].lead_to(IpAddr::from([192, 0, 2, *last]));
            upstream.gather();
        }
        let pool = upstream.pool.load();
        let peers = pool.servers().iter().map(|server| upstream.peer_at(server));
        let shown = |peer: pingora::upstreams::peer::HttpPeer| {
            format!("{} {} {:?}", peer.address(), peer.is_tls(), peer.sni())
        };
        peers.map(shown).collect()
    }

    #[test]
    fn an_address_is_spoken_to_as_the_name_is_written_that_leads_to_it_now() {
        let upstream = upstream(&[("a.test:1", true), ("b.test:1", true)]);
        let before = spoken_to(&upstream, &[(0, 1), (1, 2)]);
        assert_eq!(before, [r#"192.0.2.1:1 true "a.test""#, r#"192.0.2.2:1 true "b.test""#]);
        let after = spoken_to(&upstream, &[(0, 2), (1, 1)]);
        assert_eq!(after, [r#"192.0.2.2:1 true "a.test""#, r#"192.0.2.1:1 true "b.test""#]);
    }

    #[test]
    fn an_address_that_two_names_lead_to_is_spoken_to_by_both() {
        let upstream = upstream(&[("a.test:1", true), ("b.test:1", true), ("c.test:1", false)]);
        let all = spoken_to(&upstream, &[(2, 1), (1, 1), (0, 1)]);
        let written = [r#"true "a.test""#, r#"true "b.test""#, r#"false """#];
        assert_eq!(all, written.map(|written| format!("192.0.2.1:1 {written}")));
    }

    #[test]
    fn names_that_prove_nothing_by_which_they_differ_are_one_server() {
        let upstream = upstream(&[("a.test:1", false), ("b.test:1", false)]);
        assert_eq!(spoken_to(&upstream, &[(0, 1), (1, 1)]).len(), 1);
    }
}
