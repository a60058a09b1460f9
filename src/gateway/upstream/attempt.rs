//! What a request has tried, and what it may try yet.

use super::Upstream;
use super::answer::Heard;
use super::balance::{self, Nobody, Wanted, Way};
use super::name::Name;
use super::server::Lease;
use super::settings::{Balance, Ejection, Protocol};
use super::terms::{Connector, Terms};
use crate::gateway::failure;
use crate::model::user::UserId;
use http::{HeaderMap, Method, StatusCode};
use pingora::http::ResponseHeader;
use pingora::protocols::ALPN;
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a request has tried.
#[derive(Default)]
pub(in super::super) struct Attempt {
    /// When the whole exchange must be over.
    deadline: Option<Instant>,
    heard: Heard,
    lease: Option<Lease>,
    /// Whether a server that has failed it may be asked again: it is not down.
    may_repeat: bool,
    tried: Vec<SocketAddr>,
    /// Those of a client who asks for another protocol.
    terms: Option<Arc<Terms>>,
    tries: u32,
    /// When the whole exchange must be over if the app does not switch protocols.
    unless_upgraded: Option<Instant>,
}

impl Attempt {
    /// How much time is left; `None` is any. Fails if none is.
    pub(in super::super) fn time_left(&self) -> Result<Option<Duration>> {
        let Some(deadline) = self.deadline else { return Ok(None) };
        match deadline.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(Error::explain(ErrorType::ReadTimedout, "total_timeout").into_up()),
        }
    }

    /// When the whole exchange must be over, if ever.
    pub(in super::super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Fails if the head of the server's answer cannot be believed. Whether the server was left out
    /// until now. A client could ask for another protocol only to have all the time in the world, so
    /// without one the deadline and the usual timeouts hold.
    pub(in super::super) fn hear(
        &mut self,
        session: &mut Session,
        response: &ResponseHeader,
    ) -> Result<bool> {
        self.heard.hear(response, session.as_downstream().is_upgrade_req())?;
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            if let Some(terms) = &self.terms {
                session.as_downstream_mut().set_read_timeout(Some(terms.upgraded));
                terms.end();
            }
        } else if !response.status.is_informational() {
            self.deadline = self.deadline.or(self.unless_upgraded);
        }
        Ok(self.lease.as_ref().is_some_and(|lease| lease.server().answered()))
    }

    /// Notes that the server has broken off, and how. Whether it is left out now that was not before.
    fn failed(&self, error: &Error, ejection: Option<Ejection>) -> bool {
        let server = self.lease.as_ref().map(Lease::server);
        if let Some(server) = server {
            server.remember_failure(failure::words_of(error));
        }
        server.zip(ejection).is_some_and(|(server, ejection)| server.failed(ejection))
    }

    /// Notes that the server was connected to.
    pub(in super::super) fn connected(&self) {
        if let Some(terms) = &self.terms {
            terms.begin();
        }
    }
}

/// Who asks, and how long they may wait.
pub(in super::super) struct Asker {
    /// Where they are.
    pub address: Option<IpAddr>,
    /// When they began.
    pub began: Instant,
    /// How long the server may be silent, if not as long as the upstream's settings say.
    pub read_timeout: Option<Duration>,
    /// How long the whole exchange may take, if not as long as the upstream's settings say.
    pub total_timeout: Option<Duration>,
    /// Who they are, if they have said so.
    pub user: Option<UserId>,
}

impl Upstream {
    /// Chooses a server for a request.
    pub(in super::super) async fn peer(
        &self,
        session: &Session,
        asker: &Asker,
        attempt: &mut Attempt,
    ) -> Result<Box<HttpPeer>> {
        // HTTP/2 has no upgrade.
        let has_upgrade = matches!(self.settings.protocol, Protocol::Auto | Protocol::Http1);
        let is_upgrade = has_upgrade && session.as_downstream().is_upgrade_req();
        let total = asker.total_timeout.or(self.settings.total_timeout);
        attempt.unless_upgraded = total.map(|total| asker.began + total);
        attempt.deadline = attempt.unless_upgraded.filter(|_| !is_upgrade);
        if !self.names.is_empty() {
            self.settle().await;
        }
        let left = attempt.time_left()?;
        attempt.tries += 1;
        (attempt.lease, attempt.terms) = (None, None);
        let lease = self.choose(self.way(&session.req_header().headers, asker), attempt);
        let lease = lease.map_err(|nobody| match nobody {
            Nobody::Full => Error::new_up(failure::FULL),
            Nobody::Left => Error::new_up(ErrorType::ConnectNoRoute),
        })?;
        let mut peer = self.peer_at(lease.server());
        attempt.lease = Some(lease);
        let read_timeout = asker.read_timeout.unwrap_or(self.settings.read_timeout);
        peer.options.read_timeout = Some(read_timeout);
        if is_upgrade {
            let end = attempt.unless_upgraded;
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let most = left.map_or(read_timeout, |left| left.min(read_timeout));
            attempt.terms = Some(self.set_terms_of_upgrade(&mut peer, most));
        }
        if let Some(left) = left {
            shorten(&mut peer, left);
        }
        Ok(Box::new(peer))
    }

    /// The host and port of the server that is asked, as they are written.
    pub(in super::super) fn host_for(&self, attempt: &Attempt) -> Option<&str> {
        let server = attempt.lease.as_ref()?.server();
        self.settings.servers.get(server.place).map(|written| written.address.as_str())
    }

    /// Makes the peer one that may agree to another protocol, and may be silent for so long until then.
    fn set_terms_of_upgrade(&self, peer: &mut HttpPeer, read_timeout: Duration) -> Arc<Terms> {
        let upgraded = self.settings.upgrade_timeout;
        let terms = Arc::new(Terms::new(read_timeout, self.settings.write_timeout, upgraded));
        // Others' connections have no such terms, and it is over with these after one request.
        peer.group_key = !self.group;
        let options = &mut peer.options;
        options.custom_l4 = Some(Arc::new(Connector(Arc::clone(&terms))));
        options.idle_timeout = Some(Duration::ZERO);
        (options.read_timeout, options.write_timeout) = (Some(upgraded), Some(upgraded));
        options.alpn = ALPN::H1;
        terms
    }

    /// Decides whether a request that could not be connected is tried elsewhere: nothing was sent,
    /// so nothing can happen twice. Whether whoever keeps the upstreams has something to do by that.
    pub(in super::super) fn not_connected(&self, attempt: &mut Attempt, error: &mut Error) -> bool {
        let Some(lease) = attempt.lease.take() else { return false };
        let server = lease.server();
        if !failure::is_of_connecting(error) {
            // A connection that was kept has gone, which says nothing of the server.
            error.set_retry(attempt.tries <= self.settings.retries);
            return false;
        }
        server.remember_failure(failure::words_of(error));
        attempt.tried.push(server.address);
        let pool = self.pool.load();
        let others = || pool.servers().iter().any(|one| !attempt.tried.contains(&one.address));
        error.set_retry(attempt.tries <= self.settings.retries && others());
        let mut names = self.names.iter().filter(|name| name.place == server.place);
        let is_doubted = names.any(Name::doubt);
        self.settings.ejection.is_some_and(|ejection| server.failed(ejection)) || is_doubted
    }

    /// Decides whether a request that was sent is sent again: only where the connection was kept from
    /// an earlier one and has ended before the answer began, and nothing happens by the request.
    /// Whether whoever keeps the upstreams has something to do by that.
    pub(in super::super) fn broken(
        &self,
        attempt: &mut Attempt,
        session: &mut Session,
        error: &mut Error,
        was_kept: bool,
    ) -> bool {
        if attempt.terms.as_ref().is_some_and(|terms| terms.were_broken()) {
            error.etype = ErrorType::ReadTimedout;
        }
        // What a client has sent may be why: then it is no failure of the server.
        let is_failure = !was_kept
            && attempt.terms.is_none()
            && failure::is_of_breaking_off(error)
            && session.response_written().is_none()
            && session.as_downstream_mut().is_body_empty();
        let is_left_out = is_failure && attempt.failed(error, self.settings.ejection);
        let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS];
        let may_retry = attempt.tries <= self.settings.retries
            && is_safe.contains(&session.req_header().method)
            && session.response_written().is_none()
            && !session.as_ref().retry_buffer_truncated();
        if !may_retry {
            error.set_retry(false);
            return is_left_out;
        }
        error.retry.decide_reuse(was_kept);
        attempt.tried.extend(attempt.lease.as_ref().map(|lease| lease.server().address));
        attempt.may_repeat = true;
        is_left_out
    }

    fn choose(&self, way: Way, attempt: &Attempt) -> Result<Lease, Nobody> {
        let (pool, most) = (self.pool.load(), self.settings.max_connections);
        let mut wanted = Wanted { most, tried: &attempt.tried, way };
        match pool.choose(&wanted, &self.turn) {
            Err(Nobody::Left) if attempt.may_repeat => {
                wanted.tried = &[];
                pool.choose(&wanted, &self.turn)
            }
            chosen => chosen,
        }
    }

    fn way(&self, headers: &HeaderMap, asker: &Asker) -> Way {
        let by_address = || match asker.address {
            Some(IpAddr::V4(ip)) => Way::Hash(balance::hash(&ip.octets())),
            Some(IpAddr::V6(ip)) => Way::Hash(balance::hash(&ip.octets())),
            None => Way::Turns,
        };
        match &self.settings.balance {
            Balance::HashAddress => by_address(),
            Balance::HashHeader(name) => headers
                .get(name)
                .map_or_else(by_address, |value| Way::Hash(balance::hash(value.as_bytes()))),
            Balance::HashUser => asker
                .user
                .map_or_else(by_address, |user| Way::Hash(balance::hash(&user.0.to_be_bytes()))),
            Balance::LeastConnections => Way::Least,
            Balance::RoundRobin => Way::Turns,
        }
    }
}

/// Lets nothing take longer than the whole may take yet.
fn shorten(peer: &mut HttpPeer, left: Duration) {
    let options = &mut peer.options;
    for timeout in [
        &mut options.connection_timeout,
        &mut options.total_connection_timeout,
        &mut options.read_timeout,
        &mut options.write_timeout,
    ] {
        *timeout = timeout.map(|timeout| timeout.min(left));
    }
}
