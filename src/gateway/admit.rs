//! Whether a request may pass, or what it is answered instead.

use super::client::{Client, ServerName};
use super::context::{Place, RequestCtx};
use super::judge::{self, Arrival, Destination, Judge, Pass, Witness};
use super::{Gateway, Settings, cors, guard, reply};
use crate::api::{self, ApiRequest, Endpoint, Problem};
use crate::model::token::TokenAbout;
use crate::policy::{Mode, Passage};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Response, header};
use pingora::Result;
use pingora::proxy::Session;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// What becomes of a request.
pub(super) enum Admitted {
    /// It is answered.
    Answered(Response<Vec<u8>>),
    /// It goes to the app.
    Passes,
    /// It goes to the console, for this path.
    ToConsole(String),
}

impl Gateway {
    /// Admits a request. Where that panics the request fails, and no other.
    pub(super) async fn try_to_admit(
        &self,
        session: &mut Session,
        ctx: &mut RequestCtx,
    ) -> Result<Admitted, Problem> {
        let admitted = AssertUnwindSafe(self.admit(session, ctx)).catch_unwind().await;
        let is_unplaced = matches!(ctx.place, Place::Unknown) && ctx.case.is_none();
        if let (Ok(Err(problem)), true) = (&admitted, ctx.live.settings.is_shadow() && is_unplaced)
        {
            self.beside.refused(problem);
        }
        admitted.unwrap_or_else(|_| {
            self.metrics.panicked();
            ctx.passage = None;
            session.set_keepalive(None);
            Err(Problem::Internal)
        })
    }

    /// Answers a request, or permits it to pass.
    async fn admit(
        &self,
        session: &mut Session,
        ctx: &mut RequestCtx,
    ) -> Result<Admitted, Problem> {
        let live = Arc::clone(&ctx.live);
        let client = Client::of(session, &live.settings.trusted_proxies);
        ctx.request_id = client.request_id(session.req_header());
        let client = &*ctx.client.insert(client);
        let from = client.address;
        let header = session.req_header();
        ctx.asked = Some((header.method.clone(), header.uri.clone()));
        if guard::is_surplus() {
            return Err(Problem::Unavailable);
        }
        // Over HTTP/2 it would be written anew, and its length is bounded where it is read.
        let is_apart = session.as_downstream().is_http2();
        let raw = if is_apart { Bytes::new() } else { session.as_downstream().to_h1_raw() };
        let named = ServerName::of(session);
        let arrival = Arrival { called: named, client, raw: &raw };
        if let Mode::Shadow(shadow) = live.settings.mode
            && let Some(passes) = self.let_pass(shadow, &live, header, &arrival)?
        {
            ctx.pass_unguarded(passes);
            return Self::invite(session).await;
        }
        let judge =
            Judge { face: self.face, live: &live, witness: Witness::Accounts(&self.auth, from) };
        let head = judge.read(header, &arrival)?;
        let route = match judge.locate(header, &head)? {
            Destination::Console => {
                ctx.place = Place::Console;
                return Ok(Admitted::ToConsole(head.path.as_str().to_owned()));
            }
            Destination::Endpoint(endpoint) => {
                ctx.place = Place::Endpoint;
                let response = self.answer(session, endpoint, &live.settings, from).await;
                return Ok(Admitted::Answered(response));
            }
            Destination::Preflight(preflight, cors) => {
                return Ok(Admitted::Answered(preflight.answer(cors)));
            }
            Destination::Route(route) => route,
        };
        ctx.place = Place::Route(Arc::clone(route));
        let caller = judge.caller(header, route).await?;
        ctx.user = caller.as_ref().map(|caller| caller.names.clone());
        ctx.rate = judge.count(header, route, caller.as_ref()).await?;
        let Pass { permit, target } = Judge::permit(header, &head, route, caller)?;
        ctx.passage = Some(Passage::Permitted(permit));
        ctx.target = target;
        reply::invite_body(session).await?;
        head.make_canonical(session.req_header_mut())?;
        Ok(Admitted::Passes)
    }

    /// Has the client of a request that passes send its body. The app need not know that it waited.
    async fn invite(session: &mut Session) -> Result<Admitted, Problem> {
        reply::invite_body(session).await?;
        session.req_header_mut().remove_header(&header::EXPECT);
        Ok(Admitted::Passes)
    }

    async fn answer(
        &self,
        session: &mut Session,
        endpoint: Endpoint,
        settings: &Settings,
        from: IpAddr,
    ) -> Response<Vec<u8>> {
        let Settings { body_timeout, max_body, scheme, .. } = settings;
        // Held to the end: what was in the body is needed until it is answered.
        let mut share = self.bodies.share();
        let body = reply::read_body(session, &mut share, *max_body, *body_timeout).await;
        let header = session.req_header();
        let sent = |name| {
            let value = header.headers.get(name).map(HeaderValue::as_bytes);
            String::from_utf8_lossy(value.unwrap_or_default())
        };
        let request = ApiRequest {
            body,
            content_type: sent(header::CONTENT_TYPE).into_owned(),
            credentials: judge::credentials(header, scheme),
            endpoint,
            from,
            method: header.method.clone(),
            user_agent: TokenAbout::tidy(&sent(header::USER_AGENT)),
        };
        api::answer(&self.auth, request, scheme).await
    }

    pub(super) async fn reply(
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

    pub(super) async fn refuse(
        &self,
        session: &mut Session,
        ctx: &RequestCtx,
        problem: &Problem,
    ) -> Result<()> {
        let response = reply::refusal(problem, session.req_header(), &ctx.live.settings.scheme);
        self.reply(session, ctx, response).await
    }
}
