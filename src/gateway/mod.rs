//! The proxy: one short method for each phase of Pingora, the only data path that knows it.

mod access_log;
mod client;
mod context;
mod failure;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
mod head;
mod identity_headers;
mod live;
mod once;
mod outgoing;
mod reply;
mod upstream;

pub use self::guard::Guarded;
pub use self::head::fold;
pub use self::identity_headers::{Identification, IdentityHeaders};
pub use self::live::Settings;
pub use self::upstream::UpstreamSettings;

use self::client::Client;
use self::context::RequestCtx;
use self::head::Head;
use self::live::Live;
use self::outgoing::Told;
use crate::api::{self, ApiRequest, Credentials, Endpoint, Problem};
use crate::auth::{Auth, AuthError};
use crate::metrics::Metrics;
use crate::model::identity::Identity;
use crate::model::token::Token;
use crate::policy::{self, Access, Permit};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use futures_util::FutureExt;
use http::{HeaderValue, Response, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

/// Answers the endpoints and forwards what the policy permits.
///
/// Clones are one gateway: they share everything.
#[derive(Clone)]
pub struct Gateway {
    auth: Arc<Auth>,
    live: Arc<ArcSwap<Live>>,
    metrics: Arc<Metrics>,
}

/// How often a request that no server has seen is tried again.
const RETRIES: u32 = 2;

impl Gateway {
    /// Puts the parts together.
    pub fn new(auth: Arc<Auth>, metrics: Arc<Metrics>, settings: Settings) -> Self {
        let live = Arc::new(ArcSwap::from_pointee(Live::new(settings)));
        Self { auth, live, metrics }
    }

    /// Serves the requests that begin from now on by other settings.
    pub fn apply(&self, settings: Settings) {
        self.live.store(Arc::new(Live::new(settings)));
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
        let Settings { routes, scheme, trusted_proxies, .. } = &live.settings;
        let client = Client::of(session, trusted_proxies);
        ctx.request_id = client.request_id(session.req_header());
        ctx.client = Some(client);
        let header = session.req_header();
        ctx.asked = Some((header.method.clone(), header.uri.clone()));
        let head = Head::read(session.req_header(), &session.as_downstream().to_h1_raw())?;
        if let Some(endpoint) = Endpoint::at(head.path.as_str()) {
            return Ok(Some(self.answer(session, endpoint, &live.settings).await));
        }
        let method = &session.req_header().method;
        let route = routes.find(&head.host, method, &head.path);
        let route = route.ok_or(Problem::NotFound)?;
        // Policy first: a public route asks nobody, so it cannot refuse anybody's credentials either.
        let caller = match route.access {
            Access::Public | Access::Nobody => None,
            Access::Optional => self.identify_if_good(session.req_header(), scheme).await?,
            Access::User | Access::Staff => self.identify(session.req_header(), scheme).await?,
        };
        ctx.user = caller.as_ref().map(|caller| caller.names.clone());
        ctx.permit = Some(policy::decide(route, caller)?);
        head.make_canonical(session.req_header_mut())?;
        // The app need not know of this: whoever may pass may also send.
        reply::invite_body(session).await?;
        session.req_header_mut().remove_header(&header::EXPECT);
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
            credentials: credentials(header, scheme),
            endpoint,
            method: header.method.clone(),
        };
        api::answer(&self.auth, request, scheme).await
    }

    async fn identify(
        &self,
        header: &RequestHeader,
        scheme: &str,
    ) -> Result<Option<Identity>, Problem> {
        match credentials(header, scheme)? {
            Credentials::Foreign | Credentials::None => Ok(None),
            Credentials::Token(token) => Ok(Some(self.authenticate(&token).await?)),
        }
    }

    /// Who calls, if they say so with a good token. A store that cannot tell is still a fault.
    async fn identify_if_good(
        &self,
        header: &RequestHeader,
        scheme: &str,
    ) -> Result<Option<Identity>, Problem> {
        let Ok(Credentials::Token(token)) = credentials(header, scheme) else { return Ok(None) };
        match self.authenticate(&token).await {
            Ok(identity) => Ok(Some(identity)),
            Err(AuthError::InvalidToken | AuthError::InactiveUser) => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    async fn authenticate(&self, token: &Token) -> Result<Identity, AuthError> {
        let digest = token.digest();
        let identity = self.auth.identify(digest).await?;
        guard::ends_with(digest, identity.lasts);
        Ok(identity)
    }

    async fn refuse(
        &self,
        session: &mut Session,
        ctx: &RequestCtx,
        problem: &Problem,
    ) -> Result<()> {
        let mut response = problem.response(&ctx.live.settings.scheme);
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
        reply::send(session, response, &ctx.request_id).await
    }
}

fn credentials(header: &RequestHeader, scheme: &str) -> Result<Credentials, Problem> {
    let value = header.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    Credentials::parse(value, scheme)
}

/// The app learns who calls from us alone. What is of another scheme is a public app's own.
fn forwards_authorization(header: &RequestHeader, permit: &Permit, scheme: &str) -> bool {
    let ours = |value: &HeaderValue| Credentials::mention(value.as_bytes(), scheme);
    permit.access() == Access::Public
        && !header.headers.get(header::AUTHORIZATION).is_some_and(ours)
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
        reply::set_terms(session);
        match self.try_to_admit(session, ctx).await {
            Ok(None) => return Ok(false),
            Ok(Some(response)) => reply::send(session, response, &ctx.request_id).await?,
            Err(problem) => self.refuse(session, ctx, &problem).await?,
        }
        Ok(true)
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        ctx: &mut RequestCtx,
    ) -> Result<Box<HttpPeer>> {
        // No permit, no upstream.
        let permit = ctx.permit.as_ref();
        let permit = permit.ok_or_else(|| Error::explain(ErrorType::InternalError, "no permit"))?;
        let upstream = ctx.live.upstreams.get(permit.upstream());
        let upstream =
            upstream.ok_or_else(|| Error::explain(ErrorType::InternalError, "no upstream"))?;
        upstream.peer(session).await
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        outgoing: &mut RequestHeader,
        ctx: &mut RequestCtx,
    ) -> Result<()> {
        let RequestCtx { client, live, permit, .. } = ctx;
        let (Some(permit), Some(client)) = (permit, client) else {
            return Error::e_explain(ErrorType::InternalError, "no permit");
        };
        let told = Told {
            caller: permit.caller(),
            client,
            identification: &live.identification,
            keeps_authorization: forwards_authorization(
                session.req_header(),
                permit,
                &live.settings.scheme,
            ),
            request_id: &ctx.request_id,
        };
        outgoing::edit(outgoing, |headers| told.write(headers))
    }

    async fn response_filter(
        &self,
        _: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut RequestCtx,
    ) -> Result<()> {
        ctx.live.identification.remove_from_response(response);
        response.insert_header(reply::TITLED_REQUEST_ID, ctx.request_id.clone())
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        ctx: &mut RequestCtx,
        mut error: Box<Error>,
    ) -> Box<Error> {
        // Nothing was sent, so nothing can happen twice.
        ctx.tries += 1;
        error.set_retry(ctx.tries <= RETRIES);
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        ctx: &mut RequestCtx,
    ) -> FailToProxy {
        if *error.esource() == ErrorSource::Upstream {
            self.metrics.upstream_failed();
        }
        let problem = failure::problem_of(error);
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

    fn persist_connection_context(
        &self,
        _: &Session,
        _: &RequestCtx,
    ) -> Option<Box<dyn Any + Send + Sync>> {
        guard::kept()
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
