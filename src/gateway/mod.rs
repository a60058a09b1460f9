//! The proxy: one short method for each phase of Pingora, the only data path that knows it.

mod access_log;
mod client;
mod failure;
mod guard;
mod head;
mod identity_headers;
mod outgoing;
mod reply;
mod upstream;

pub use self::guard::Guarded;
pub use self::head::fold;
pub use self::identity_headers::{Identification, IdentityHeaders};
pub use self::upstream::UpstreamSettings;

use self::client::Client;
use self::head::Head;
use self::outgoing::Told;
use self::upstream::Upstream;
use crate::api::{self, ApiRequest, Credentials, Endpoint, Problem};
use crate::auth::{Auth, AuthError};
use crate::metrics::{InFlight, Metrics};
use crate::model::identity::{Identity, Names};
use crate::model::token::Token;
use crate::policy::{self, Access, Permit, RouteTable};
use async_trait::async_trait;
use http::{HeaderValue, Method, Response, Uri, header};
use ipnet::IpNet;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Answers the endpoints and forwards what the policy permits.
pub struct Gateway {
    auth: Arc<Auth>,
    identification: Identification,
    metrics: Arc<Metrics>,
    settings: Settings,
    upstreams: Vec<Upstream>,
}

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long the body of a request to an endpoint may take to arrive.
    pub body_timeout: Duration,
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

/// All that is known of one request.
pub struct RequestCtx {
    /// What was asked for, for the log of a request that is cut off.
    asked: Option<(Method, Uri)>,
    client: Option<Client>,
    in_flight: InFlight,
    /// Whether the log has it.
    is_logged: bool,
    permit: Option<Permit>,
    request_id: HeaderValue,
    started: Instant,
    tries: u32,
    /// Who sent it, once that is known: for the log.
    user: Option<Names>,
}

impl Drop for RequestCtx {
    fn drop(&mut self) {
        if !self.is_logged {
            self.in_flight.ends(0, self.started.elapsed());
            access_log::write_cut(self);
        }
    }
}

/// How often a request that no server has seen is tried again.
const RETRIES: u32 = 2;

impl Gateway {
    /// Puts the parts together.
    pub fn new(auth: Arc<Auth>, metrics: Arc<Metrics>, settings: Settings) -> Self {
        let upstreams = settings.upstreams.iter().cloned().map(Upstream::new).collect();
        let identification = Identification::new(settings.identity.clone());
        Self { auth, identification, metrics, settings, upstreams }
    }

    /// Answers a request (`Some`), or permits it to pass (`None`).
    async fn admit(
        &self,
        session: &mut Session,
        ctx: &mut RequestCtx,
    ) -> Result<Option<Response<Vec<u8>>>, Problem> {
        let client = Client::of(session, &self.settings.trusted_proxies);
        ctx.request_id = client.request_id(session.req_header());
        ctx.client = Some(client);
        let header = session.req_header();
        ctx.asked = Some((header.method.clone(), header.uri.clone()));
        let head = Head::read(session.req_header(), &session.as_downstream().to_h1_raw())?;
        if let Some(endpoint) = Endpoint::at(head.path.as_str()) {
            return Ok(Some(self.answer(session, endpoint).await));
        }
        let method = &session.req_header().method;
        let route = self.settings.routes.find(&head.host, method, &head.path);
        let route = route.ok_or(Problem::NotFound)?;
        // Policy first: a public route asks nobody, so it cannot refuse anybody's credentials either.
        let caller = match route.access {
            Access::Public | Access::Nobody => None,
            Access::Optional => self.identify_if_good(session.req_header()).await?,
            Access::User | Access::Staff => self.identify(session.req_header()).await?,
        };
        ctx.user = caller.as_ref().map(|caller| caller.names.clone());
        ctx.permit = Some(policy::decide(route, caller)?);
        head.make_canonical(session.req_header_mut())?;
        // The app need not know of this: whoever may pass may also send.
        reply::invite_body(session).await?;
        session.req_header_mut().remove_header(&header::EXPECT);
        Ok(None)
    }

    async fn answer(&self, session: &mut Session, endpoint: Endpoint) -> Response<Vec<u8>> {
        let Settings { body_timeout, max_body, scheme, .. } = &self.settings;
        let body = reply::read_body(session, *max_body, *body_timeout).await;
        let header = session.req_header();
        let content_type = header.headers.get(header::CONTENT_TYPE);
        let request = ApiRequest {
            body,
            content_type: content_type
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .unwrap_or_default(),
            credentials: self.credentials(header),
            endpoint,
            method: header.method.clone(),
        };
        api::answer(&self.auth, request, scheme).await
    }

    async fn identify(&self, header: &RequestHeader) -> Result<Option<Identity>, Problem> {
        match self.credentials(header)? {
            Credentials::Foreign | Credentials::None => Ok(None),
            Credentials::Token(token) => Ok(Some(self.authenticate(&token).await?)),
        }
    }

    /// Who calls, if they say so with a good token. A store that cannot tell is still a fault.
    async fn identify_if_good(&self, header: &RequestHeader) -> Result<Option<Identity>, Problem> {
        let Ok(Credentials::Token(token)) = self.credentials(header) else { return Ok(None) };
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

    fn credentials(&self, header: &RequestHeader) -> Result<Credentials, Problem> {
        let value = header.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        Credentials::parse(value, &self.settings.scheme)
    }

    /// The app learns who calls from us alone. What is of another scheme is a public app's own.
    fn forwards_authorization(&self, header: &RequestHeader, permit: &Permit) -> bool {
        let ours =
            |value: &HeaderValue| Credentials::mention(value.as_bytes(), &self.settings.scheme);
        permit.access() == Access::Public
            && !header.headers.get(header::AUTHORIZATION).is_some_and(ours)
    }

    async fn refuse(
        &self,
        session: &mut Session,
        ctx: &RequestCtx,
        problem: &Problem,
    ) -> Result<()> {
        let mut response = problem.response(&self.settings.scheme);
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
        reply::send(session, response, &ctx.request_id).await
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = RequestCtx;

    fn new_ctx(&self) -> RequestCtx {
        let started = Instant::now();
        guard::head_is_complete(started);
        RequestCtx {
            asked: None,
            client: None,
            in_flight: self.metrics.request_begins(),
            is_logged: false,
            permit: None,
            request_id: HeaderValue::from_static(""),
            started,
            tries: 0,
            user: None,
        }
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut RequestCtx) -> Result<bool> {
        reply::set_terms(session);
        match self.admit(session, ctx).await {
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
        let upstream = self.upstreams.get(permit.upstream());
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
        let (Some(permit), Some(client)) = (&ctx.permit, &ctx.client) else {
            return Error::e_explain(ErrorType::InternalError, "no permit");
        };
        let told = Told {
            caller: permit.caller(),
            client,
            identification: &self.identification,
            keeps_authorization: self.forwards_authorization(session.req_header(), permit),
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
        self.identification.remove_from_response(response);
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
