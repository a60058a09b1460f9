//! Reading the body of a request that we answer, and answering it.

use super::Settings;
use super::bodies::BodyShare;
use crate::api::{self, BodyError, Problem};
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, Version, header};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::ServerSession;
use pingora::proxy::Session;
use std::time::Duration;

/// The header by which a request is found again in every log.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The same as it is written: careless clients compare the case.
pub(super) const TITLED_REQUEST_ID: &str = "X-Request-Id";

/// How long, and for how many bytes, a body that nobody wants is read so that its sender hears our
/// answer instead of a reset connection.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 16 << 20;

/// Bounds how long a client may keep us waiting between requests, and lets it send the next one
/// before this one is answered (RFC 9112, section 9.3.2). Each is judged by itself.
pub(super) fn set_terms(session: &mut Session, settings: &Settings) {
    // Only where Pingora means to keep the connection: it may have reasons to close it.
    if session.get_keepalive().is_some() {
        session.set_keepalive(Some(settings.keep_alive.as_secs().max(1)));
    }
    session.as_downstream_mut().set_write_timeout(Some(settings.write_timeout));
    session.as_downstream_mut().set_total_drain_timeout(Some(LINGER));
    session.as_downstream_mut().set_pipelining_enabled(true);
}

/// Reads a body of at most `max` bytes that arrives within `limit`.
pub(super) async fn read_body(
    session: &mut Session,
    share: &mut BodyShare<'_>,
    max: usize,
    limit: Duration,
) -> Result<Bytes, BodyError> {
    if content_length(session.req_header()).is_some_and(|length| length > max) {
        return Err(BodyError::TooLarge(max));
    }
    invite_body(session).await?;
    let whole = read_at_most(session, share, max);
    let body = tokio::time::timeout(limit, whole).await.unwrap_or(Err(BodyError::TooSlow));
    if body.is_err() {
        // Where this body ends nobody knows, so nothing after it may be taken for a request.
        session.set_keepalive(None);
    }
    body
}

/// Sends the `100 Continue` that a client waits for before it sends its body (RFC 9110, section
/// 10.1.1).
pub(super) async fn invite_body(session: &mut Session) -> Result<(), BodyError> {
    if !expects_continue(session) || session.as_downstream_mut().is_body_done() {
        return Ok(());
    }
    // Pingora takes an interim answer for a final one and would close the connection.
    let keep_alive = session.get_keepalive();
    let sent = session.as_downstream_mut().write_continue_response().await;
    session.set_keepalive(keep_alive);
    sent.map_err(|_| BodyError::Incomplete)
}

async fn read_at_most(
    session: &mut Session,
    share: &mut BodyShare<'_>,
    max: usize,
) -> Result<Bytes, BodyError> {
    let mut body = BytesMut::new();
    loop {
        let chunk = session.as_downstream_mut().read_request_body().await;
        let Some(chunk) = chunk.map_err(|_| BodyError::Incomplete)? else {
            return Ok(body.freeze());
        };
        if body.len() + chunk.len() > max {
            return Err(BodyError::TooLarge(max));
        }
        if !share.grow_to(body.len() + chunk.len()) {
            return Err(BodyError::NoRoom);
        }
        body.extend_from_slice(&chunk);
    }
}

/// The answer to a request that is refused.
pub(super) fn refusal(
    problem: &Problem,
    request: &RequestHeader,
    scheme: &str,
) -> Response<Vec<u8>> {
    let mut response = if api::is_grpc(&request.headers) {
        problem.grpc_response()
    } else {
        problem.response(scheme)
    };
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

/// Sends an answer of our own.
pub(super) async fn send(
    session: &mut Session,
    response: Response<Vec<u8>>,
    request_id: &HeaderValue,
) -> Result<()> {
    let must_close = !session.as_downstream_mut().is_body_done();
    if must_close {
        session.set_keepalive(None);
    }
    let (parts, body) = response.into_parts();
    let is_bodiless = parts.status == StatusCode::NO_CONTENT;
    let mut header = ResponseHeader::build(parts.status, Some(parts.headers.len() + 4))?;
    for (name, value) in &parts.headers {
        header.append_header(titled(name), value)?;
    }
    if !is_bodiless {
        header.insert_header(header::CONTENT_LENGTH, body.len())?;
    }
    header.insert_header(TITLED_REQUEST_ID, request_id)?;
    let is_head = session.req_header().method == Method::HEAD;
    let ends_here = is_bodiless || is_head || body.is_empty();
    if ends_here && let ServerSession::H2(stream) = session.as_downstream_mut() {
        // Pingora's own way would end the stream later, or never; clients of gRPC need it here.
        stream.write_response_header(Box::new(header), true)?;
    } else {
        session.write_response_header(Box::new(header), ends_here).await?;
    }
    if !ends_here {
        session.write_response_body(Some(Bytes::from(body)), true).await?;
    }
    if must_close && !expects_continue(session) {
        session.as_downstream_mut().finish_body().await?;
        let _ = tokio::time::timeout(LINGER, discard(session)).await;
    }
    Ok(())
}

/// A header's name as HTTP/1 servers write it: careless clients compare the case.
pub(super) fn titled(name: &HeaderName) -> String {
    if *name == header::WWW_AUTHENTICATE {
        return "WWW-Authenticate".to_owned();
    }
    for own in ["RateLimit", "RateLimit-Policy"] {
        if name.as_str().eq_ignore_ascii_case(own) {
            return own.to_owned();
        }
    }
    let mut begins = true;
    let title = |char: char| {
        let titled = if begins { char.to_ascii_uppercase() } else { char };
        begins = char == '-';
        titled
    };
    name.as_str().chars().map(title).collect()
}

async fn discard(session: &mut Session) {
    let mut discarded = 0;
    while let Ok(Some(chunk)) = session.as_downstream_mut().read_request_body().await {
        discarded += chunk.len();
        if discarded > LINGER_BYTES {
            return;
        }
    }
}

/// How long a request says that its body is.
pub(super) fn content_length(request: &RequestHeader) -> Option<usize> {
    let length = request.headers.get(header::CONTENT_LENGTH)?;
    // A length that does not even fit is too large for anyone.
    Some(length.to_str().ok()?.parse().unwrap_or(usize::MAX))
}

/// HTTP/1.0 knows no interim answers.
fn expects_continue(session: &Session) -> bool {
    let request = session.req_header();
    request.version > Version::HTTP_10 && request.headers.contains_key(header::EXPECT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_servers_write_them() {
        for name in [
            "WWW-Authenticate",
            "X-Frame-Options",
            "Cross-Origin-Opener-Policy",
            "Allow",
            "RateLimit",
            "RateLimit-Policy",
            "Ratelimit-Limit",
        ] {
            assert_eq!(titled(&name.parse().unwrap()), name);
        }
    }
}
