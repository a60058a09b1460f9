//! One line a request, from what is known of it alone: no query, no header, no secret.

use super::context::RequestCtx;
use crate::model::identity::Names;
use pingora::Error;
use pingora::proxy::Session;
use std::time::Duration;

/// For a request that was cut off while it was served, and why if that is known.
pub(super) fn write_cut(ctx: &RequestCtx, reason: Option<&str>) {
    tracing::info!(
        target: "authgate::access",
        client = ctx.client.as_ref().map(|client| tracing::field::display(client.address)),
        method = ctx.asked.as_ref().map(|(method, _)| method.as_str()),
        path = ctx.asked.as_ref().map(|(_, uri)| uri.path()),
        user = ctx.user.as_ref().map(Names::username),
        took_ms = u64::try_from(ctx.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        request_id = ctx.request_id.to_str().unwrap_or_default(),
        reason,
        "request cut off"
    );
}

pub(super) fn write(
    session: &Session,
    error: Option<&Error>,
    ctx: &RequestCtx,
    status: u16,
    took: Duration,
) {
    let request = session.req_header();
    let shadow = ctx.case.as_ref().map(|case| case.summary());
    tracing::info!(
        target: "authgate::access",
        client = ctx.client.as_ref().map(|client| tracing::field::display(client.address)),
        method = %request.method,
        path = request.uri.path(),
        status,
        user = ctx.user.as_ref().map(Names::username),
        would = shadow.as_ref().map(|(would, _)| would),
        shadow = shadow.as_ref().map(|(_, outcome)| outcome),
        took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        bytes = session.body_bytes_sent(),
        request_id = ctx.request_id.to_str().unwrap_or_default(),
        error = error.map(|error| tracing::field::display(error.etype().as_str())),
        "request"
    );
}
