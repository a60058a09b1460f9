//! What is served beside the proxy, below a path of its own: the admin console.

use super::Gateway;
use super::context::RequestCtx;
use super::reply;
use crate::api::{BodyError, Problem};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use http::{HeaderMap, HeaderValue, Method, Response, Version, header};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, Result};
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;

/// Answers what comes in below its path.
#[async_trait]
pub trait Console: Send + Sync {
    /// Answers a request.
    async fn answer(&self, request: ConsoleRequest) -> ConsoleAnswer;
}

/// Where the console is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConsoleMount {
    /// Whether it has a listener of its own, and is on no other.
    pub is_apart: bool,
    /// The path that it is at and below, without a final slash: `/admin`.
    pub path: String,
}

/// What a gateway serves on a listener.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Face {
    /// The console alone.
    Console,
    /// The endpoints, the apps, and the console if it has no listener of its own.
    #[default]
    Public,
}

/// A request to the console.
pub struct ConsoleRequest {
    /// The body, or why there is none.
    pub body: Result<Bytes, BodyError>,
    /// The address of the client.
    pub from: IpAddr,
    /// Its headers.
    pub headers: HeaderMap,
    /// The host and port that were asked for, as the browser has them.
    pub host: String,
    /// Whether the browser speaks TLS, with us or with a trusted proxy.
    pub is_secure: bool,
    /// The method.
    pub method: Method,
    /// The path, cleaned.
    pub path: String,
    /// The query, as sent.
    pub query: String,
}

/// The pieces of a long answer, made as they are sent: `stream::unfold(state, next).boxed()`. None is
/// made before the client has taken what came before, nor once it is gone. A fault cuts the answer
/// off, so that nobody takes a part for the whole.
pub type Pieces = BoxStream<'static, Result<Bytes, CutOff>>;

/// What the console answers.
pub enum ConsoleAnswer {
    /// A head, and then piece by piece for as long as the client listens and the gateway does not stop:
    /// it looks at each piece, so there should be one every second or so.
    Live(Response<()>, Pieces),
    /// A head, and then piece by piece until there are no more.
    Stream(Response<()>, Pieces),
    /// All at once.
    Whole(Response<Vec<u8>>),
}

/// No further piece can be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the answer cannot be finished")]
pub struct CutOff;

impl ConsoleMount {
    /// Whether it is on a listener.
    pub fn is_on(&self, face: Face) -> bool {
        self.is_apart == (face == Face::Console)
    }

    /// Whether a request for this path on a listener is the console's.
    pub(super) fn takes(&self, face: Face, path: &str) -> bool {
        let is_below = || {
            path.strip_prefix(&self.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.is_on(face) && (face == Face::Console || is_below())
    }

    /// Whether routes at this path get no request.
    pub fn hides(&self, path: &str) -> bool {
        self.is_mistakable_for(Face::Public, path)
    }

    /// Whether a path that is not the console's is one that some app may take for it: one that does
    /// not tell great letters from small ones, or does not see dots and blanks at the end of a name.
    /// Who knows that the console has its path must not find the app's own one beside it.
    pub(super) fn is_mistakable_for(&self, face: Face, path: &str) -> bool {
        let bare = |mut name: &str| loop {
            let ends = [".", "%20", "%09"].iter().find_map(|end| name.strip_suffix(end));
            match ends {
                Some(shorter) => name = shorter,
                None => break name.len(),
            }
        };
        let mut names = path.split('/');
        let mut is_same = |own: &str| {
            let name = names.next().unwrap_or_default();
            name.get(..bare(name)).is_some_and(|name| name.eq_ignore_ascii_case(own))
        };
        face == Face::Public && self.is_on(face) && self.path.split('/').all(&mut is_same)
    }
}

impl Gateway {
    /// What comes before a token in the `Authorization` header.
    pub fn scheme(&self) -> String {
        self.live.load().settings.scheme.clone()
    }

    /// Has the console answer a request, and sends what it says.
    pub(super) async fn serve_console(
        &self,
        session: &mut Session,
        ctx: &RequestCtx,
        path: String,
    ) -> Result<()> {
        let answer = match &self.console {
            Some(console) => {
                let request = self.console_request(session, ctx, path).await;
                // Where it panics the request fails, and no other.
                let answered = AssertUnwindSafe(console.answer(request)).catch_unwind().await;
                answered.unwrap_or_else(|_| {
                    self.metrics.panicked();
                    session.set_keepalive(None);
                    plain(&Problem::Internal)
                })
            }
            None => plain(&Problem::NotFound),
        };
        match answer {
            ConsoleAnswer::Whole(response) => reply::send(session, response, &ctx.request_id).await,
            ConsoleAnswer::Live(head, pieces) => stream(session, head, pieces, true, ctx).await,
            ConsoleAnswer::Stream(head, pieces) => stream(session, head, pieces, false, ctx).await,
        }
    }

    async fn console_request(
        &self,
        session: &mut Session,
        ctx: &RequestCtx,
        path: String,
    ) -> ConsoleRequest {
        let settings = &ctx.live.settings;
        let mut share = self.bodies.share();
        let (most, limit) = (settings.max_body, settings.body_timeout);
        let body = reply::read_body(session, &mut share, most, limit).await;
        let header = session.req_header();
        let client = ctx.client.as_ref();
        let (host, is_secure) = client.map_or_else(Default::default, |client| client.site(header));
        ConsoleRequest {
            body,
            from: client.map_or(Ipv4Addr::LOCALHOST.into(), |client| client.address),
            headers: header.headers.clone(),
            host,
            is_secure,
            method: header.method.clone(),
            path,
            query: header.uri.query().unwrap_or_default().to_owned(),
        }
    }
}

/// The answer where the console itself has none.
fn plain(problem: &Problem) -> ConsoleAnswer {
    let mut response = problem.response("");
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    ConsoleAnswer::Whole(response)
}

async fn stream(
    session: &mut Session,
    head: Response<()>,
    mut pieces: Pieces,
    is_endless: bool,
    ctx: &RequestCtx,
) -> Result<()> {
    let (parts, ()) = head.into_parts();
    let mut header = ResponseHeader::build(parts.status, Some(parts.headers.len() + 3))?;
    for (name, value) in &parts.headers {
        header.append_header(reply::titled(name), value)?;
    }
    header.insert_header(reply::TITLED_REQUEST_ID, &ctx.request_id)?;
    // Where the end of the connection is that of the answer, a part of it looks like the whole.
    if session.req_header().version == Version::HTTP_11 {
        header.insert_header("Transfer-Encoding", "chunked")?;
    }
    session.set_keepalive(None);
    let is_head = session.req_header().method == Method::HEAD;
    session.write_response_header(Box::new(header), is_head).await?;
    if is_head {
        return Ok(());
    }
    while let Some(piece) = pieces.next().await {
        if is_endless && session.is_process_shutting_down() {
            break;
        }
        let cut = |error| Error::because(ErrorType::InternalError, "an answer is cut off", error);
        let piece = piece.map_err(cut)?;
        // In HTTP/1 an empty one is the end.
        if !piece.is_empty() {
            session.write_response_body(Some(piece), false).await?;
        }
    }
    session.write_response_body(None, true).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_has_its_path_and_all_below_it() {
        let mount = ConsoleMount { is_apart: false, path: "/admin".to_owned() };
        for path in ["/admin", "/admin/", "/admin/users/7"] {
            assert!(mount.takes(Face::Public, path), "{path}");
        }
        for path in ["/", "/administrator", "/Admin/", "/app/admin/"] {
            assert!(!mount.takes(Face::Public, path), "{path}");
        }
    }

    #[test]
    fn a_path_that_an_app_may_take_for_the_consoles_leads_to_none() {
        let mount = ConsoleMount { is_apart: false, path: "/ops/admin".to_owned() };
        let face = Face::Public;
        for path in
            ["/ops/ADMIN", "/Ops/admin/", "/ops./admin/x", "/ops/admin%20/", "/ops/admin..%20."]
        {
            assert!(mount.is_mistakable_for(face, path) && !mount.takes(face, path), "{path}");
        }
        for path in ["/", "/ops", "/ops/", "/ops/admin.x", "/ops/.admin", "/ops/administrator"] {
            assert!(!mount.is_mistakable_for(face, path), "{path}");
        }
        let apart = ConsoleMount { is_apart: true, ..mount };
        assert!(!apart.is_mistakable_for(face, "/ops/ADMIN"));
    }

    #[test]
    fn a_listener_of_its_own_has_nothing_else_and_others_do_not_have_it() {
        let mount = ConsoleMount { is_apart: true, path: "/admin".to_owned() };
        assert!(!mount.takes(Face::Public, "/admin/"));
        assert!(mount.takes(Face::Console, "/app"));
    }
}
