//! What the settings make of the gateway: swapped as a whole when they change.

use super::identity_headers::{Identification, IdentityHeaders};
use super::upstream::{Upstream, UpstreamSettings};
use crate::policy::{Cors, RouteTable};
use ipnet::IpNet;
use std::time::Duration;

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long the body of a request to an endpoint may take to arrive.
    pub body_timeout: Duration,
    /// What browsers may do with the answers of the endpoints on other sites' behalf.
    pub cors: Option<Cors>,
    /// The headers that tell the app who calls.
    pub identity: IdentityHeaders,
    /// The most bytes in the body of a request to an endpoint.
    pub max_body: usize,
    /// The routes.
    pub routes: RouteTable,
    /// The scheme of the `Authorization` header.
    pub scheme: String,
    /// The networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The servers behind the gateway, by name.
    pub upstreams: Vec<UpstreamSettings>,
}

/// The settings at work. A request keeps to those that it began with.
pub(super) struct Live {
    pub identification: Identification,
    pub settings: Settings,
    pub upstreams: Vec<Upstream>,
}

impl Live {
    /// Puts these settings to work.
    pub(super) fn new(settings: Settings) -> Self {
        let upstreams = settings.upstreams.iter().cloned().map(Upstream::new).collect();
        let identification = Identification::new(settings.identity.clone());
        Self { identification, settings, upstreams }
    }
}
