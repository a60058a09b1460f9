//! What the settings make of the gateway: swapped as a whole when they change.

use super::console::ConsoleMount;
use super::identity_headers::{Identification, IdentityHeaders};
use super::traffic::Traffic;
use super::upstream::{Upstream, UpstreamSettings};
use crate::api::Endpoints;
use crate::model::network::Exceptions;
use crate::policy::{Cors, Mode, RouteTable};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long the body of a request to an endpoint may take to arrive.
    pub body_timeout: Duration,
    /// Where the console is, if there is one.
    pub console: Option<ConsoleMount>,
    /// What browsers may do with the answers of the endpoints on other sites' behalf.
    pub cors: Option<Cors>,
    /// What the gateway answers itself.
    pub endpoints: Endpoints,
    /// Which networks are treated in a way of their own.
    pub exceptions: Arc<Exceptions>,
    /// How long the head of a request may take to arrive.
    pub head_timeout: Duration,
    /// The headers that tell the app who calls.
    pub identity: IdentityHeaders,
    /// How long a connection may wait for the next request.
    pub keep_alive: Duration,
    /// The most bytes in the body of a request to an endpoint.
    pub max_body: usize,
    /// The most bytes in the head of a request.
    pub max_head: usize,
    /// Whether it guards the apps, or only tells what it would do.
    pub mode: Mode,
    /// Who is asked for the addresses of upstreams; by default whom the system asks.
    pub name_servers: Vec<SocketAddr>,
    /// The routes.
    pub routes: RouteTable,
    /// The scheme of the `Authorization` header.
    pub scheme: String,
    /// The networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a client may take to accept a piece of what it is sent.
    pub write_timeout: Duration,
    /// The servers behind the gateway, by name.
    pub upstreams: Vec<UpstreamSettings>,
}

impl Settings {
    /// Whether nothing is guarded.
    pub fn is_shadow(&self) -> bool {
        self.mode != Mode::Guard
    }
}

/// The settings at work. A request keeps to those that it began with.
pub(super) struct Live {
    pub identification: Identification,
    /// How many upstreams there have been so far.
    groups: u64,
    pub settings: Settings,
    pub traffic: Traffic,
    pub upstreams: Vec<Arc<Upstream>>,
}

impl Live {
    /// Puts these settings to work in place of others. An upstream that stays as it is keeps what is
    /// known of its servers, and a route its counts.
    pub(super) fn new(settings: Settings, before: Option<&Self>) -> Self {
        let mut groups = before.map_or(0, |before| before.groups);
        let known = before.map_or(&[][..], |before| &before.upstreams);
        let upstream = |settings: &UpstreamSettings| {
            let same = known.iter().find(|upstream| upstream.is_of(settings));
            let new = || {
                groups += 1;
                Arc::new(Upstream::new(settings.clone(), groups))
            };
            same.map_or_else(new, Arc::clone)
        };
        let upstreams = settings.upstreams.iter().map(upstream).collect();
        let counted = before.map(|before| (&before.traffic, &before.settings.routes));
        let traffic = Traffic::of(&settings.routes, counted);
        let identification = Identification::new(settings.identity.clone());
        Self { identification, groups, settings, traffic, upstreams }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Balance, Protocol, ServerSettings, TlsSettings};
    use super::*;

    fn upstream(name: &str, retries: u32) -> UpstreamSettings {
        let address = "127.0.0.1:1".to_owned();
        UpstreamSettings {
            balance: Balance::RoundRobin,
            connect_timeout: Duration::from_secs(1),
            ejection: None,
            health: None,
            idle_timeout: Duration::from_secs(1),
            max_connections: None,
            name: name.to_owned(),
            protocol: Protocol::Auto,
            read_timeout: Duration::from_secs(1),
            retries,
            servers: vec![ServerSettings { address, is_tls: false, weight: 1 }],
            tls: TlsSettings::default(),
            total_timeout: None,
            upgrade_timeout: Duration::from_secs(1),
            write_timeout: Duration::from_secs(1),
        }
    }

    fn settings(upstreams: Vec<UpstreamSettings>) -> Settings {
        let [user, user_id, email, staff] =
            ["x-user", "x-id", "x-email", "x-staff"].map(|name| name.parse().unwrap());
        Settings {
            body_timeout: Duration::from_secs(1),
            console: None,
            cors: None,
            endpoints: Endpoints::default(),
            exceptions: Arc::default(),
            head_timeout: Duration::from_secs(1),
            keep_alive: Duration::from_secs(1),
            max_head: 1,
            mode: Mode::Guard,
            identity: IdentityHeaders { email, staff, user, user_id },
            max_body: 1,
            name_servers: vec![],
            routes: RouteTable::default(),
            scheme: "Token".to_owned(),
            trusted_proxies: vec![],
            write_timeout: Duration::from_secs(1),
            upstreams,
        }
    }

    #[test]
    fn an_upstream_whose_settings_stay_is_the_same_one() {
        let before = Live::new(settings(vec![upstream("a", 1), upstream("b", 1)]), None);
        let after = settings(vec![upstream("b", 1), upstream("a", 2), upstream("c", 1)]);
        let after = Live::new(after, Some(&before));
        assert!(Arc::ptr_eq(&before.upstreams[1], &after.upstreams[0]));
        assert!(!before.upstreams.iter().any(|old| Arc::ptr_eq(old, &after.upstreams[1])));
    }

    #[test]
    fn no_upstream_ever_has_the_group_of_another() {
        let before = Live::new(settings(vec![upstream("a", 1), upstream("b", 1)]), None);
        let after = settings(vec![upstream("a", 2), upstream("b", 1)]);
        let after = Live::new(after, Some(&before));
        let again = Live::new(settings(vec![upstream("a", 1)]), Some(&after));
        let all = [&before, &after, &again].map(|live| &live.upstreams);
        let groups: Vec<_> = all.into_iter().flatten().map(|upstream| upstream.group()).collect();
        assert_eq!(groups, [1, 2, 3, 2, 4]);
    }
}
