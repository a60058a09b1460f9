//! The proxy: one short method for each phase of Pingora, the only data path that knows it.

mod access_log;
mod client;
mod context;
mod cors;
mod explain;
mod failure;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
mod head;
mod identity_headers;
mod incoming;
mod judge;
mod live;
mod once;
mod outgoing;
mod reply;
mod upstream;
mod wire;

pub use self::explain::{Explanation, Forwarded, Inquiry, Outcome, Sender, explain};
pub use self::guard::{Guard, Guarded, Patience};
pub use self::head::fold;
pub use self::identity_headers::{Identification, IdentityHeaders};
pub use self::live::Settings;
pub use self::upstream::{
    Authorities, Balance, ClientIdentity, Ejection, HealthCheck, Protocol, ServerSettings,
    TlsSettings, UpstreamSettings,
};
pub use self::wire::{Arrivals, Wire};

pub use self::client::ServerName;

use self::client::Client;
use self::context::{Place, RequestCtx};
use self::head::Head;
use self::judge::{Destination, Judge, Pass, Witness};
use self::live::Live;
use self::outgoing::Told;
use self::upstream::{Asker, Upstream};
use crate::api::{self, ApiRequest, Endpoint, Problem};
use crate::auth::Auth;
use crate::metrics::Metrics;
use crate::policy::Permit;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Response, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};
use std::convert::Infallible;
use std::os::fd::RawFd;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

/// Whether authgate answers requests to a path itself.
pub fn is_endpoint(path: &str) -> bool {
    Endpoint::at(path).is_some()
}

/// Answers the endpoints and forwards what the policy permits.
///
/// Clones are one gateway: they share everything.
#[derive(Clone)]
pub struct Gateway {
    auth: Arc<Auth>,
    live: Arc<ArcSwap<Live>>,
    metrics: Arc<Metrics>,
    /// Wakes whoever keeps the upstreams.
    wake: Arc<Notify>,
}

impl Gateway {
    /// Puts the parts together.
    pub fn new(auth: Arc<Auth>, metrics: Arc<Metrics>, settings: Settings) -> Self {
        let live = Arc::new(ArcSwap::from_pointee(Live::new(settings, None)));
        Self { auth, live, metrics, wake: Arc::default() }
    }

    /// Serves the requests that begin from now on by other settings.
    pub fn apply(&self, settings: Settings) {
        let live = Live::new(settings, Some(&self.live.load()));
        self.live.store(Arc::new(live));
        self.wake.notify_one();
    }

    /// Resolves the names of upstreams and asks their servers how they are, for as long as requests
    /// are served. Without it no request reaches a server that is written by its name.
    pub async fn keep_upstreams(&self) -> Infallible {
        upstream::keep(&self.live, &self.wake, &self.metrics).await
    }

    /// Admits a request. Where that panics the request fails, and no other.
    async fn try_to_admit(
        &self,
        session: &mut Session,
        ctx: &mut RequestCtx,
    ) -> Result<Option<Response<Vec<u8>>>, Problem> {
        let admitted = AssertUnwindSafe(self.admit(session, ctx)).catch_unwind().await;
        admitted.unwrap_or_else(|_| {
            self.metrics.panicked();
            ctx.permit = None;
            session.set_keepalive(None);
            Err(Problem::Internal)
        })
    }

    /// Answers a request (`Some`), or permits it to pass (`None`).
    async fn admit(
        &self,
        session: &mut Session,
        ctx: &mut RequestCtx,
    ) -> Result<Option<Response<Vec<u8>>>, Problem> {
        let live = Arc::clone(&ctx.live);
        let judge = Judge { live: &live, witness: Witness::Accounts(&self.auth) };
        let client = Client::of(session, &live.settings.trusted_proxies);
        ctx.request_id = client.request_id(session.req_header());
        ctx.client = Some(client);
        let header = session.req_header();
        ctx.asked = Some((header.method.clone(), header.uri.clone()));
        let raw = session.as_downstream().to_h1_raw();
        if raw.len() > live.settings.max_head {
            return Err(Problem::HeadTooLarge(live.settings.max_head));
        }
        let head = Head::read(header, &raw)?;
        if ctx.client.as_ref().is_some_and(|client| client.is_misdirected(session, &head.host)) {
            return Err(Problem::Misdirected);
        }
        let route = match judge.locate(header, &head)? {
            Destination::Endpoint(endpoint) => {
                ctx.place = Place::Endpoint;
                return Ok(Some(self.answer(session, endpoint, &live.settings).await));
            }
            Destination::Preflight(preflight, cors) => return Ok(Some(preflight.answer(cors))),
            Destination::Route(route) => route,
        };
        ctx.place = Place::Route(Arc::clone(route));
        let caller = judge.caller(header, route).await?;
        ctx.user = caller.as_ref().map(|caller| caller.names.clone());
        let Pass { permit, target } = Judge::permit(header, &head, route, caller)?;
        ctx.permit = Some(permit);
        ctx.target = target;
        reply::invite_body(session).await?;
        head.make_canonical(session.req_header_mut())?;
        Ok(None)
    }

    async fn answer(
        &self,
        session: &mut Session,
        endpoint: Endpoint,
        settings: &Settings,
    ) -> Response<Vec<u8>> {
        let Settings { body_timeout, max_body, scheme, .. } = settings;
        let body = reply::read_body(session, *max_body, *body_timeout).await;
        let header = session.req_header();
        let content_type = header.headers.get(header::CONTENT_TYPE);
        let request = ApiRequest {
            body,
            content_type: content_type
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .unwrap_or_default(),
            credentials: judge::credentials(header, scheme),
            endpoint,
            method: header.method.clone(),
        };
        api::answer(&self.auth, request, scheme).await
    }

    async fn reply(
        &self,
        session: &mut Session,
        ctx: &RequestCtx,
        mut response: Response<Vec<u8>>,
    ) -> Result<()> {
        if let Some(cors) = ctx.cors() {
            cors::describe(cors, &session.req_header().headers, response.headers_mut());
        }
        reply::send(session, response, &ctx.request_id).await
    }

    async fn refuse(
        &self,
        session: &mut Session,
        ctx: &RequestCtx,
        problem: &Problem,
    ) -> Result<()> {
        let response = reply::refusal(problem, session.req_header(), &ctx.live.settings.scheme);
        self.reply(session, ctx, response).await
    }
}

fn upstream_of<'a>(live: &'a Live, permit: Option<&Permit>) -> Option<&'a Upstream> {
    live.upstreams.get(permit?.upstream()).map(Arc::as_ref)
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = RequestCtx;

    fn new_ctx(&self) -> RequestCtx {
        let started = Instant::now();
        guard::head_is_complete(started);
        RequestCtx::new(self.live.load_full(), self.metrics.request_begins(), started)
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut RequestCtx) -> Result<bool> {
        reply::set_terms(session, ctx.live.settings.keep_alive);
        match self.try_to_admit(session, ctx).await {
            Ok(None) => return Ok(false),
            Ok(Some(response)) => self.reply(session, ctx, response).await?,
            Err(problem) => self.refuse(session, ctx, &problem).await?,
        }
        Ok(true)
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        ctx: &mut RequestCtx,
    ) -> Result<Box<HttpPeer>> {
        let RequestCtx { attempt, client, live, permit, started, .. } = ctx;
        // No permit, no upstream.
        let permit = permit.as_ref();
        let permit = permit.ok_or_else(|| Error::explain(ErrorType::InternalError, "no permit"))?;
        let upstream = upstream_of(live, Some(permit));
        let upstream =
            upstream.ok_or_else(|| Error::explain(ErrorType::InternalError, "no upstream"))?;
        let asker = Asker {
            address: client.as_ref().map(|client| client.address),
            began: *started,
            read_timeout: permit.route().read_timeout,
            total_timeout: permit.route().total_timeout,
            user: permit.caller().map(|caller| caller.user),
        };
        let peer = upstream.peer(session, &asker, attempt).await?;
        if let Some(deadline) = attempt.deadline() {
            guard::cut_at(deadline);
        }
        Ok(peer)
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        _: bool,
        _: &HttpPeer,
        _: RawFd,
        _: Option<&Digest>,
        ctx: &mut RequestCtx,
    ) -> Result<()> {
        if ctx.attempt.connected() {
            self.wake.notify_one();
        }
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        outgoing: &mut RequestHeader,
        ctx: &mut RequestCtx,
    ) -> Result<()> {
        // Each try begins at the start of the body.
        ctx.received = 0;
        let (Some(permit), Some(client)) = (&ctx.permit, &ctx.client) else {
            return Error::e_explain(ErrorType::InternalError, "no permit");
        };
        let told = Told::of(permit, client, &ctx.live, session.req_header(), &ctx.request_id);
        told.write(outgoing, ctx.target.as_deref())
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        ctx: &mut RequestCtx,
    ) -> Result<()> {
        ctx.attempt.time_left()?;
        let most = ctx.permit.as_ref().and_then(|permit| permit.route().max_body);
        let (Some(most), Some(body), false) = (most, body, session.was_upgraded()) else {
            return Ok(());
        };
        ctx.received = ctx.received.saturating_add(body.len());
        if ctx.received > most {
            ctx.refusal = Some(Problem::TooLarge(most));
            return Error::e_explain(ErrorType::Custom("BodyTooLarge"), "max_body of the route");
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut RequestCtx,
    ) -> Result<()> {
        ctx.attempt.hear(session, response)?;
        if let Some(deadline) = ctx.attempt.deadline() {
            guard::cut_at(deadline);
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut RequestCtx,
    ) -> Result<()> {
        ctx.live.identification.remove_from_response(response);
        if let Some(permit) = &ctx.permit {
            incoming::edit(response, &permit.route().response_headers)?;
        }
        if let Some(cors) = ctx.cors() {
            cors::replace(cors, &session.req_header().headers, response)?;
        }
        response.insert_header(reply::TITLED_REQUEST_ID, ctx.request_id.clone())
    }

    async fn response_trailer_filter(
        &self,
        _: &mut Session,
        trailers: &mut HeaderMap,
        ctx: &mut RequestCtx,
    ) -> Result<Option<Bytes>> {
        ctx.live.identification.remove_from_trailers(trailers);
        Ok(None)
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        ctx: &mut RequestCtx,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let RequestCtx { attempt, live, permit, .. } = ctx;
        let upstream = upstream_of(live, permit.as_ref());
        if upstream.is_some_and(|upstream| upstream.not_connected(attempt, &mut error)) {
            self.wake.notify_one();
        }
        error
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        ctx: &mut RequestCtx,
        was_kept: bool,
    ) -> Box<Error> {
        let RequestCtx { attempt, live, permit, .. } = ctx;
        match upstream_of(live, permit.as_ref()) {
            Some(upstream) => upstream.broken(attempt, session, &mut error, was_kept),
            None => error.set_retry(false),
        }
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        ctx: &mut RequestCtx,
    ) -> FailToProxy {
        if *error.esource() == ErrorSource::Upstream {
            self.metrics.upstream_failed(failure::fault_of(error));
        }
        let problem = ctx.refusal.take().or_else(|| failure::problem_of(error));
        let is_answered =
            session.response_written().is_some_and(|answer| !answer.status.is_informational());
        if let (Some(problem), false) = (&problem, is_answered) {
            session.set_keepalive(None);
            if let Err(error) = self.refuse(session, ctx, problem).await {
                tracing::debug!(%error, "answer not sent");
            }
        }
        let status = problem.map(|problem| problem.response("").status().as_u16());
        FailToProxy { error_code: status.unwrap_or(0), can_reuse_downstream: false }
    }

    fn suppress_error_log(&self, _: &Session, _: &RequestCtx, _: &Error) -> bool {
        // The access log has it.
        true
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut RequestCtx) {
        let status = session.response_written().map_or(0, |response| response.status.as_u16());
        let took = ctx.started.elapsed();
        ctx.in_flight.ends(status, took);
        access_log::write(session, error, ctx, status, took);
        ctx.is_logged = true;
    }
}
