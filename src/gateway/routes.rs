//! The routes as operators see them.

use super::Gateway;
use super::traffic::Hour;
use super::upstream::UpstreamSettings;
use crate::policy::{HeaderEdits, Route};
use http::{HeaderName, Method};
use std::sync::Arc;
use std::time::Instant;

/// A route and what it had to do.
#[derive(Clone, Debug)]
pub struct RouteView {
    /// The requests that it has had within the last hour.
    pub hour: Hour,
    /// The route itself.
    pub route: Arc<Route>,
    /// The same in words.
    pub words: RouteWords,
}

/// What a route takes, leads to and changes, in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RouteWords {
    /// Who may take it.
    pub access: String,
    /// What it changes; `-` is nothing.
    pub changes: String,
    /// The headers that a request must have; `*` is any.
    pub headers: String,
    /// Its hosts; `*` is any.
    pub host: String,
    /// Its methods; `*` is all.
    pub methods: String,
    /// Its path.
    pub path: String,
    /// The name of its upstream; `-` is none.
    pub upstream: String,
}

impl Gateway {
    /// The routes in the order of matching. Each gateway counts its own requests.
    pub fn routes(&self) -> Vec<RouteView> {
        let (live, now) = (self.live.load(), Instant::now());
        let view = |route: &Arc<Route>| RouteView {
            hour: live.traffic.hour(route, now),
            route: Arc::clone(route),
            words: RouteWords::of(route, &live.settings.upstreams),
        };
        live.settings.routes.in_order().into_iter().map(view).collect()
    }
}

impl RouteWords {
    /// A route that leads to one of these upstreams.
    pub fn of(route: &Route, upstreams: &[UpstreamSettings]) -> Self {
        let methods =
            route.methods.as_ref().map(|methods| join(methods.iter().map(Method::as_str)));
        let headers = join(route.headers.iter().map(HeaderName::as_str));
        let changes = changes(route);
        let upstream = route.upstream.and_then(|place| upstreams.get(place));
        Self {
            access: route.access.to_string(),
            changes: if changes.is_empty() { "-".to_owned() } else { changes.join(", ") },
            headers: if headers.is_empty() { "*".to_owned() } else { headers },
            host: route.host.to_string(),
            methods: methods.unwrap_or_else(|| "*".to_owned()),
            path: route.path.clone(),
            upstream: upstream.map_or_else(|| "-".to_owned(), |upstream| upstream.name.clone()),
        }
    }
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(",")
}

/// What a route changes, in a few words each.
fn changes(route: &Route) -> Vec<String> {
    let edits = |kind: &str, edits: &HeaderEdits| {
        let set = edits.set.iter().map(|(name, _)| format!("{kind} +{name}"));
        let removed = edits.remove.iter().map(|name| format!("{kind} -{name}"));
        set.chain(removed).collect::<Vec<_>>()
    };
    let mut words = Vec::new();
    if !route.rewriting.strips().is_empty() {
        words.push(format!("strip {}", route.rewriting.strips()));
    }
    if !route.rewriting.adds().is_empty() {
        words.push(format!("add {}", route.rewriting.adds()));
    }
    words.extend(edits("request", &route.request_headers));
    words.extend(edits("response", &route.response_headers));
    if route.forwards_authorization {
        words.push("forward authorization".to_owned());
    }
    words.extend(route.rate.as_ref().map(|class| format!("rate {}", class.name)));
    words.extend(route.max_body.map(|most| format!("body {most}")));
    words.extend(route.read_timeout.map(|limit| format!("read {limit:?}")));
    words.extend(route.total_timeout.map(|limit| format!("total {limit:?}")));
    if route.cors.is_some() {
        words.push("cors".to_owned());
    }
    words
}
