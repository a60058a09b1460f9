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
    /// Which name the server at this place must prove; `None` is without TLS.
    pub(super) fn proves(&self, place: usize) -> Option<&str> {
        let written = self.settings.servers.get(place).filter(|written| written.is_tls)?;
        // Pingora verifies nothing where there is no name; but a host is never empty.
        let named = self.settings.tls.server_name.as_deref();
        Some(named.unwrap_or_else(|| written.host_and_port().0))
    }

    /// A server, with all that connecting to it takes.
    pub(super) fn peer_at(&self, server: &Server) -> HttpPeer {
        let settings = &self.settings;
        let name = self.proves(server.place);
        let is_tls = name.is_some();
        let mut peer = HttpPeer::new(server.address, is_tls, name.unwrap_or_default().to_owned());
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
