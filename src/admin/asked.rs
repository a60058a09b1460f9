//! A request as pages see it.

use super::is_read;
use super::refusal::Refusal;
use crate::api::BodyError;
use crate::gateway::ConsoleRequest;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use std::borrow::Cow;
use std::net::IpAddr;

/// A request as pages see it.
pub(super) struct Asked {
    body: Result<Bytes, BodyError>,
    pub from: IpAddr,
    pub headers: HeaderMap,
    host: String,
    pub is_secure: bool,
    pub method: Method,
    pub path: String,
    pub query: Pairs,
    /// The query as sent, without its `?`.
    pub raw_query: String,
}

/// Names and values, as a query or a form has them.
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads what is written with `&` and `=`.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(bytes);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a name that is not blank.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).find(|value| !value.is_empty())
    }

    /// All values of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a box is ticked.
    pub(super) fn is_ticked(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value of a field that must be filled in.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::BadRequest(format!("The field {name} is missing.")))
    }
}

impl Asked {
    /// Reads what every page wants to know.
    pub(super) fn read(request: ConsoleRequest) -> Self {
        let ConsoleRequest { body, from, headers, host, is_secure, method, path, query } = request;
        let pairs = Pairs::read(query.as_bytes());
        Self { body, from, headers, host, is_secure, method, path, query: pairs, raw_query: query }
    }

    /// Whether it carries credentials, of whatever kind. None of them is for a page.
    pub(super) fn has_credentials(&self) -> bool {
        self.headers.contains_key(header::AUTHORIZATION)
    }

    /// Whether it carries a token of an app's user.
    pub(super) fn has_token(&self) -> bool {
        let is_token = |value: &http::HeaderValue| {
            let scheme = value.as_bytes().split(u8::is_ascii_whitespace).next().unwrap_or_default();
            !scheme.eq_ignore_ascii_case(b"bearer")
        };
        self.headers.get_all(header::AUTHORIZATION).iter().any(is_token)
    }

    /// Whether it only reads.
    pub(super) fn is_read(&self) -> bool {
        is_read(&self.method)
    }

    /// The body as it came, or why it did not.
    pub(super) fn whole_body(&self) -> &Result<Bytes, BodyError> {
        &self.body
    }

    /// The body, or why there is none.
    pub(super) fn body(&self) -> Result<&Bytes, Refusal> {
        self.body.as_ref().map_err(|error| Refusal::Body(*error))
    }

    /// The values of the cookies of a name. Where there are several at most one is ours.
    pub(super) fn cookies<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let headers = self.headers.get_all(header::COOKIE).into_iter();
        // Each by itself: what others of the site have set may be no text at all.
        let cookies = headers.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
        let texts = cookies.filter_map(|cookie| std::str::from_utf8(cookie).ok());
        let pairs = texts.filter_map(|text| text.split_once('='));
        pairs.filter(move |(known, _)| known.trim() == name).map(|(_, value)| value.trim())
    }

    /// The form that was sent, once it is clear that one of our pages sent it: its origin is ours, and
    /// it contains the key of the session's forms.
    pub(super) fn form(&self, form_key: &str) -> Result<Pairs, Refusal> {
        if self.method != Method::POST {
            return Err(Refusal::MethodNotAllowed);
        }
        self.check_origin()?;
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::Forged);
        }
        let form = Pairs::read(self.body()?);
        let sent = form.get("form_key").unwrap_or_default();
        if is_same(sent.as_bytes(), form_key.as_bytes()) { Ok(form) } else { Err(Refusal::Forged) }
    }

    /// Fails if the request does not come from one of our pages. A browser that does not say from
    /// where is not believed.
    fn check_origin(&self) -> Result<(), Refusal> {
        let site = self.headers.get("sec-fetch-site");
        if site.is_some_and(|site| site != "same-origin") {
            return Err(Refusal::Forged);
        }
        let ours = self.origin();
        let origin = self.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let is_ours = origin.is_some_and(|origin| origin.eq_ignore_ascii_case(&ours));
        if is_ours { Ok(()) } else { Err(Refusal::Forged) }
    }

    /// Fails if a browser says that this is not someone who goes to a page: a script of an app on the
    /// same origin is not to read pages, nor to show them in a frame.
    pub(super) fn check_destination(&self) -> Result<(), Refusal> {
        let is_page = |name, expected: &str| {
            self.headers.get(name).is_none_or(|value: &http::HeaderValue| value == expected)
        };
        let is_page =
            is_page("sec-fetch-dest", "document") && is_page("sec-fetch-mode", "navigate");
        if is_page { Ok(()) } else { Err(Refusal::NotAPage) }
    }

    /// What was asked for, up to the path: `https://example.com`.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", self.host)
    }

    /// The path and query that were asked for.
    pub(super) fn target(&self) -> Cow<'_, str> {
        match self.raw_query.as_str() {
            "" => Cow::Borrowed(&self.path),
            query => Cow::Owned(format!("{}?{query}", self.path)),
        }
    }
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differences) == 0
}
