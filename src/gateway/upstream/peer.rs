//! How a server is connected to.

use super::Upstream;
use super::server::Server;
use super::settings::Protocol;
use crate::api;
use http::{HeaderMap, HeaderValue, header};
use pingora::protocols::ALPN;
use pingora::upstreams::peer::HttpPeer;
use std::sync::Arc;

/// How many requests share a connection of HTTP/2.
const STREAMS: usize = 100;

impl Upstream {
    /// A server, with all that connecting to it takes.
    pub(super) fn peer_at(&self, server: &Server) -> HttpPeer {
        let settings = &self.settings;
        let written = settings.servers.get(server.place);
        let is_tls = written.is_some_and(|written| written.is_tls);
        // Pingora verifies nothing where there is no name; but a host is never empty.
        let name = if is_tls {
            let host = || written.map(|written| written.host_and_port().0.to_owned());
            settings.tls.server_name.clone().or_else(host).unwrap_or_default()
        } else {
            String::new()
        };
        let mut peer = HttpPeer::new(server.address, is_tls, name);
        peer.group_key = self.group;
        let options = &mut peer.options;
        options.connection_timeout = Some(settings.connect_timeout);
        options.total_connection_timeout = Some(settings.connect_timeout);
        options.read_timeout = Some(settings.read_timeout);
        options.write_timeout = Some(settings.write_timeout);
        options.idle_timeout = Some(settings.idle_timeout);
        options.alpn = match (settings.protocol, is_tls) {
            (Protocol::Auto, true) => ALPN::H2H1,
            (Protocol::H2 | Protocol::H2c, _) => ALPN::H2,
            (Protocol::Auto | Protocol::Http1, _) => ALPN::H1,
        };
        options.max_h2_streams = STREAMS;
        if is_tls {
            options.verify_cert = !settings.tls.is_blind;
            options.verify_hostname = !settings.tls.is_blind;
            options.ca = self.trusted.as_ref().map(Arc::clone);
            peer.client_cert_key = self.shown.as_ref().map(Arc::clone);
        }
        peer
    }
}

/// Says to an app of gRPC that trailers are understood: it answers without only to those who do. What
/// a client says of that is between it and us.
pub(in super::super) fn restore_te(headers: &mut HeaderMap) {
    headers.remove(header::TE);
    if api::is_grpc(headers) {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}
