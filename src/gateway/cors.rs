//! Tells browsers what pages from other origins may do, and answers them when they ask.

use super::reply::titled;
use crate::policy::Cors;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};

/// What a browser asks before it sends a page's request to another origin.
#[derive(Clone, Copy)]
pub(super) struct Preflight<'a> {
    origin: &'a HeaderValue,
    /// The method of the request to come, as written.
    method: &'a HeaderValue,
    /// The names of its headers.
    pub(super) headers: Option<&'a HeaderValue>,
}

impl<'a> Preflight<'a> {
    /// What a request asks, if it is a preflight.
    pub(super) fn of(request: &'a RequestHeader) -> Option<Self> {
        if request.method != Method::OPTIONS {
            return None;
        }
        let value = |name| request.headers.get(name);
        Some(Self {
            origin: origin(&request.headers)?,
            method: value(header::ACCESS_CONTROL_REQUEST_METHOD)?,
            headers: value(header::ACCESS_CONTROL_REQUEST_HEADERS),
        })
    }

    /// The method of the request to come.
    pub(super) fn method(&self) -> Option<Method> {
        Method::from_bytes(self.method.as_bytes()).ok()
    }

    /// The answer: it says nothing to those who may not ask.
    pub(super) fn answer(&self, cors: &Cors) -> Response<Vec<u8>> {
        let mut response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.extend(cors.preflight(self.origin));
        // Whatever cache stands between, nobody gets another one's answer.
        let asked = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        headers.insert(header::VARY, HeaderValue::from_static(asked));
        response
    }
}

/// Says in an answer of our own what pages may do with it.
pub(super) fn describe(cors: &Cors, request: &HeaderMap, response: &mut HeaderMap) {
    response.extend(cors.grants(origin(request)));
    if cors.varies() {
        response.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

/// Says in the app's answer what pages may do with it. What the app says of that is taken off.
pub(super) fn replace(
    cors: &Cors,
    request: &HeaderMap,
    response: &mut ResponseHeader,
) -> Result<()> {
    let names = response.headers.keys();
    let others: Vec<_> = names.filter(|name| is_of_cors(name)).cloned().collect();
    for name in others {
        response.remove_header(&name);
    }
    for (name, value) in cors.grants(origin(request)) {
        response.insert_header(titled(&name), value)?;
    }
    if cors.varies() && !is_apart(&response.headers) {
        response.append_header("Vary", "Origin")?;
    }
    Ok(())
}

/// Whether a header is one by which a server tells browsers of this.
fn is_of_cors(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-")
}

/// Whether caches keep the answers to different origins apart already.
fn is_apart(headers: &HeaderMap) -> bool {
    let says = |value: &HeaderValue| {
        let mut words = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        words.any(|word| word == b"*" || word.eq_ignore_ascii_case(b"origin"))
    };
    headers.get_all(header::VARY).iter().any(says)
}

/// Where a page comes from; nothing if that is said twice.
fn origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (origin, None) => origin,
        (_, Some(_)) => None,
    }
}
