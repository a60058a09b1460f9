//! Asking a server how it is.

use super::Upstream;
use super::server::Server;
use super::settings::HealthCheck;
use crate::gateway::failure;
use http::{Uri, Version, header};
use pingora::connectors::TransportConnector;
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, OrErr, Result};
use tokio::time::timeout;

/// What health checks connect with. Each check makes a connection of its own.
pub(super) struct Prober {
    http: Connector,
    transport: TransportConnector,
}

impl Prober {
    /// Costs a look at all authorities that the system trusts.
    pub(super) fn new() -> Self {
        Self { http: Connector::new(None), transport: TransportConnector::new(None) }
    }

    /// Asks a server once, and notes what it says.
    pub(super) async fn check(&self, upstream: &Upstream, server: &Server, check: &HealthCheck) {
        let asked = timeout(check.timeout, self.ask(upstream, server, check)).await;
        let answer = asked.unwrap_or_else(|_| Error::e_explain(ErrorType::ReadTimedout, "timeout"));
        if let Err(error) = &answer {
            let (name, address) = (&upstream.settings.name, server.address);
            tracing::debug!(upstream = name, server = %address, %error, "health check failed");
            server.remember_failure(format!("health check: {}", failure::words_of(error)));
        }
        server.checked(answer.is_ok(), [check.healthy_after, check.unhealthy_after]);
    }

    async fn ask(&self, upstream: &Upstream, server: &Server, check: &HealthCheck) -> Result<()> {
        let mut peer = upstream.peer_at(server);
        peer.options.max_h2_streams = 1;
        let Some(path) = &check.path else {
            return self.transport.new_stream(&peer).await.map(drop);
        };
        let written = upstream.settings.servers.get(server.place);
        let own = written.map_or("", |written| written.address.as_str());
        let host = check.host.as_deref().unwrap_or(own);
        let status = self.get(&peer, host, path).await?;
        let is_expected = match check.expect.as_slice() {
            [] => (200..300).contains(&status),
            expected => expected.contains(&status),
        };
        if is_expected { Ok(()) } else { Error::e_explain(ErrorType::HTTPStatus(status), "") }
    }

    async fn get(&self, peer: &HttpPeer, host: &str, path: &str) -> Result<u16> {
        let (mut session, _) = self.http.get_http_session(peer).await?;
        let mut request = RequestHeader::build("GET", path.as_bytes(), None)?;
        request.insert_header(header::USER_AGENT, "authgate-health")?;
        match &session {
            HttpSession::H1(_) | HttpSession::Custom(()) => {
                request.insert_header(header::HOST, host)?;
                request.insert_header(header::CONNECTION, "close")?;
            }
            HttpSession::H2(_) => {
                let scheme = if peer.is_tls() { "https" } else { "http" };
                let uri = Uri::builder().scheme(scheme).authority(host).path_and_query(path);
                request.set_uri(uri.build().or_err(ErrorType::InvalidHTTPHeader, "path")?);
                request.set_version(Version::HTTP_2);
            }
        }
        session.write_request_header(Box::new(request)).await?;
        session.finish_request_body().await?;
        session.read_response_header().await?;
        Ok(session.response_header().map_or(0, |response| response.status.as_u16()))
    }
}
