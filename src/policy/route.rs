//! Routes: which requests lead where, who may take them, and what is changed on the way.

use super::{CleanPath, Cors, HeaderEdits, HostPattern, RateClass, Rewriting};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One rule of the table. By default it takes every request and lets nobody pass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// Who may take it.
    pub access: Access,
    /// What browsers may do with its answers on other sites' behalf; `None` changes nothing.
    pub cors: Option<Cors>,
    /// Whether the app gets the `Authorization` header of those who had to show a token.
    pub forwards_authorization: bool,
    /// The headers that a request must have, all of them and with any value.
    pub headers: Vec<HeaderName>,
    /// Its hosts.
    pub host: HostPattern,
    /// The most bytes in the body of a request.
    pub max_body: Option<usize>,
    /// Its methods; `None` is all.
    pub methods: Option<Vec<Method>>,
    /// Its place in the list that its table was made of.
    pub number: usize,
    /// Its paths: this one and those below it. `/app` and `/app/` mean the same.
    pub path: String,
    /// Which rate its requests keep to, if any.
    pub rate: Option<Arc<RateClass>>,
    /// How long the app may be silent; by default, as long as its upstream's settings say.
    pub read_timeout: Option<Duration>,
    /// What is changed in the headers of a request.
    pub request_headers: HeaderEdits,
    /// What is changed in the headers of the app's answer.
    pub response_headers: HeaderEdits,
    /// What becomes of the path.
    pub rewriting: Rewriting,
    /// How long the whole exchange may take; by default, as long as its upstream's settings say.
    pub total_timeout: Option<Duration>,
    /// Where it leads: the place of an upstream in the settings. Without one nobody may take it.
    pub upstream: Option<usize>,
}

impl Default for Route {
    fn default() -> Self {
        Self {
            access: Access::Nobody,
            cors: None,
            forwards_authorization: false,
            headers: Vec::new(),
            host: HostPattern::Any,
            max_body: None,
            methods: None,
            number: 0,
            path: "/".to_owned(),
            rate: None,
            read_timeout: None,
            request_headers: HeaderEdits::default(),
            response_headers: HeaderEdits::default(),
            rewriting: Rewriting::default(),
            total_timeout: None,
            upstream: None,
        }
    }
}

impl Route {
    /// Why it does not take a request whose host and path are its own; `None` if it does.
    pub(super) fn misfit(&self, question: &Question<'_>) -> Option<Misfit<'_>> {
        if self.methods.as_ref().is_some_and(|methods| !methods.contains(question.method)) {
            return Some(Misfit::Method);
        }
        self.headers.iter().find(|name| !question.has(name)).map(Misfit::Header)
    }

    /// Which of the routes at one path is asked first: the one with more headers, then the one that
    /// names its methods.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        (std::cmp::Reverse(self.headers.len()), self.methods.is_none())
    }
}

/// What of a request decides which route it takes.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The headers that a preflight says will come: the value of `Access-Control-Request-Headers`.
    pub announced: Option<&'a HeaderValue>,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its host, in lower case and without a port.
    pub host: &'a str,
    /// Its method.
    pub method: &'a Method,
    /// Its path.
    pub path: &'a CleanPath,
}

impl Question<'_> {
    fn has(&self, name: &HeaderName) -> bool {
        let is_announced = |names: &HeaderValue| {
            let mut names = names.as_bytes().split(|byte| *byte == b',');
            names.any(|text| text.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
        };
        self.headers.contains_key(name) || self.announced.is_some_and(is_announced)
    }
}

/// Why a route does not take a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Misfit<'a> {
    /// It takes other methods.
    Method,
    /// The request lacks this header.
    Header(&'a HeaderName),
}

/// Who may take a route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// No one.
    Nobody,
    /// Everyone; the app is told who calls if there is a good token.
    Optional,
    /// Everyone; nobody is asked.
    Public,
    /// Staff with a good token.
    Staff,
    /// Users with a good token.
    User,
}

impl Access {
    /// What each is called in settings.
    pub const NAMES: [(Self, &str); 5] = [
        (Self::Public, "public"),
        (Self::Optional, "optional"),
        (Self::User, "user"),
        (Self::Staff, "staff"),
        (Self::Nobody, "nobody"),
    ];
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(access, _)| access == self);
        f.pad(name.map_or("", |(_, name)| name))
    }
}
