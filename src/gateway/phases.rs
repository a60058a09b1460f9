//! One short method for each phase of Pingora.

use super::admit::Admitted;
use super::context::{Place, RequestCtx};
use super::live::Live;
use super::outgoing::Told;
use super::upstream::{Asker, Upstream};
use super::{Gateway, access_log, console_cookie, cors, failure, guard, incoming, outgoing, reply};
use crate::api::Problem;
use crate::policy::Passage;
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Version, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType, Result};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Instant;

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = RequestCtx;

    fn new_ctx(&self) -> RequestCtx {
        let started = Instant::now();
        guard::head_is_complete(started);
        RequestCtx::new(self.live.load_full(), self.metrics.request_begins(), started)
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut RequestCtx) -> Result<bool> {
        reply::set_terms(session, &ctx.live.settings);
        match self.try_to_admit(session, ctx).await {
            Ok(Admitted::Passes) => return Ok(false),
            Ok(Admitted::Answered(response)) => self.reply(session, ctx, response).await?,
            Ok(Admitted::ToConsole(path)) => self.serve_console(session, ctx, path).await?,
            Err(problem) => self.refuse(session, ctx, &problem).await?,
        }
        Ok(true)
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        ctx: &mut RequestCtx,
    ) -> Result<Box<HttpPeer>> {
        let RequestCtx { attempt, client, live, passage, started, .. } = ctx;
        // No permit, no upstream; but where the settings say that nothing is guarded.
        let Some(passage) = passage.as_ref() else { return no_permit() };
        let upstream = upstream_of(live, Some(passage));
        let upstream =
            upstream.ok_or_else(|| Error::explain(ErrorType::InternalError, "no upstream"))?;
        let asker = Asker {
            address: client.as_ref().map(|client| client.address),
            began: *started,
            read_timeout: passage.route().read_timeout,
            total_timeout: passage.route().total_timeout,
            user: passage.caller().map(|caller| caller.user),
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
        ctx.attempt.connected();
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
        match (&ctx.passage, &ctx.client) {
            (Some(Passage::Permitted(permit)), Some(client)) => {
                let request = session.req_header();
                let told = Told::of(permit, client, &ctx.live, request, &ctx.request_id);
                told.write(outgoing, ctx.target.as_deref())?;
            }
            (Some(Passage::Unguarded(_)), _) => {
                outgoing::write_unguarded(outgoing, ctx.target.as_deref())?;
            }
            (Some(Passage::Permitted(_)) | None, _) => return no_permit(),
        }
        if outgoing.headers.contains_key(header::HOST) || outgoing.uri.authority().is_some() {
            return Ok(());
        }
        let upstream = upstream_of(&ctx.live, ctx.passage.as_ref());
        let own = upstream.and_then(|upstream| upstream.host_for(&ctx.attempt));
        outgoing::name_host(outgoing, own)
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        ctx: &mut RequestCtx,
    ) -> Result<()> {
        ctx.attempt.time_left()?;
        let permit = ctx.passage.as_ref().and_then(Passage::permit);
        let most = permit.and_then(|permit| permit.route().max_body);
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
        if ctx.attempt.hear(session, response)? {
            self.wake.notify_one();
        }
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
        console_cookie::remove_from_response(response)?;
        if session.req_header().version < Version::HTTP_11 {
            // Whoever does not know of chunks reads to the end of the connection (RFC 9112, section 6.1).
            response.remove_header(&header::TRANSFER_ENCODING);
        }
        if session.is_process_shutting_down() && !response.status.is_informational() {
            // Nothing more is read from this client, which must not take the connection for kept.
            session.set_keepalive(None);
        }
        if let Some(case) = &ctx.case {
            case.hear(response);
            return Ok(());
        }
        ctx.live.identification.remove_from_response(response);
        if let Some(passage) = &ctx.passage {
            incoming::edit(response, &passage.route().response_headers)?;
        }
        if let (Some(standing), Place::Route(route)) = (&ctx.rate, &ctx.place) {
            incoming::tell_of_rate(response, route, *standing)?;
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
        console_cookie::remove_from_trailers(trailers);
        match &ctx.case {
            Some(case) => case.hear_trailers(trailers),
            None => ctx.live.identification.remove_from_trailers(trailers),
        }
        Ok(None)
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        ctx: &mut RequestCtx,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let RequestCtx { attempt, live, passage, .. } = ctx;
        let upstream = upstream_of(live, passage.as_ref());
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
        let RequestCtx { attempt, live, passage, .. } = ctx;
        match upstream_of(live, passage.as_ref()) {
            Some(upstream) => {
                if upstream.broken(attempt, session, &mut error, was_kept) {
                    self.wake.notify_one();
                }
            }
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
        ctx.count(status, took);
        if let Some(case) = &ctx.case {
            case.close();
        }
        access_log::write(session, error, ctx, status, took);
        ctx.is_logged = true;
    }
}

fn no_permit<T>() -> Result<T> {
    Error::e_explain(ErrorType::InternalError, "no permit")
}

fn upstream_of<'a>(live: &'a Live, passage: Option<&Passage>) -> Option<&'a Upstream> {
    live.upstreams.get(passage?.upstream()).map(Arc::as_ref)
}
