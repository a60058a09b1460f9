//! `[[routes]]`: which requests lead to which upstream.

use super::super::mistake::Place;
use super::super::report::nearest;
use super::super::section::Section;
use super::super::values;
use super::{cors, route_changes};
use crate::gateway::{ConsoleMount, Endpoints, Identification, UpstreamSettings};
use crate::policy::{Access, HostPattern, RateClass, Route, RouteTable};
use http::{HeaderName, Method};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What routes may name, or get in the way of.
pub(super) struct Known<'a> {
    pub classes: &'a [Arc<RateClass>],
    pub console: Option<&'a ConsoleMount>,
    pub endpoints: Endpoints,
    pub upstreams: &'a [UpstreamSettings],
}

/// The table of routes. Where none is written, one that leads all users to the first upstream.
pub(super) fn routes(
    root: &mut Section<'_>,
    known: &Known<'_>,
    own: &Identification,
) -> RouteTable {
    let written = root.sections("routes", |section| route(section, known, own));
    let written = written.unwrap_or_else(|| vec![Some((Place::Default, default_route()))]);
    let (places, routes): (Vec<_>, Vec<_>) = written.into_iter().flatten().unzip();
    RouteTable::new(routes).unwrap_or_else(|clashes| {
        for (first, second) in clashes {
            if let (Some(first), Some(second)) = (places.get(first), places.get(second)) {
                let problem = format!("takes the same requests as the one at {first}");
                root.note("routes", second.clone(), problem);
            }
        }
        RouteTable::default()
    })
}

fn default_route() -> Route {
    Route { access: Access::User, upstream: Some(0), ..Route::default() }
}

/// A route and its place; `None` where it cannot be known which requests it takes.
fn route(
    section: &mut Section<'_>,
    known: &Known<'_>,
    own: &Identification,
) -> Option<(Place, Route)> {
    let path = section.require("path", values::route_path);
    let host = section.read("host", HostPattern::Any, values::host);
    let methods = section.filled_list("methods", values::method);
    let methods: Option<Vec<_>> = methods.map(values_of);
    let headers = section.filled_list("headers", values::field_name).map(values_of);
    let access = access(section);
    let upstream = upstream(section, access, known.upstreams);
    let rate = section.read("rate_class", None, |value| {
        find_class(values::text(value)?, known.classes).map(Some)
    });
    let mut timeout = |key| section.read(key, None, |value| values::duration(value).map(Some));
    let (read_timeout, total_timeout) = (timeout("read_timeout"), timeout("total_timeout"));
    let max_body = section.read("max_body", None, |value| values::memory(value).map(Some));
    let rewriting = route_changes::rewriting(section, path.as_deref());
    let cors = |section: &mut Section<'_>| cors::of_route(section, methods.clone());
    let cors = section.section_if_written("cors", cors).flatten();
    let request_headers = route_changes::request_headers(section, own);
    let response_headers = route_changes::response_headers(section, own, cors.is_some());
    let forwards_authorization = section.read("forward_authorization", false, values::boolean);
    warn_of_the_taken(section, path.as_deref(), known);
    warn_of_the_refused(section, methods.as_deref());
    let route = Route {
        access,
        cors,
        forwards_authorization,
        headers: distinct(headers.unwrap_or_default()),
        host,
        max_body,
        methods,
        number: 0,
        path: path?,
        rate,
        read_timeout,
        request_headers,
        response_headers,
        rewriting,
        total_timeout,
        upstream,
    };
    warn_of_the_open(section, &route);
    Some((section.place(), route))
}

/// A path that was forgotten should be shut.
fn warn_of_the_open(section: &mut Section<'_>, route: &Route) {
    let takes_all = route.path == "/"
        && route.host == HostPattern::Any
        && route.headers.is_empty()
        && route.methods.is_none();
    if takes_all && route.access == Access::Public {
        let problem = "everyone may pass, without a token, wherever no other route says otherwise";
        section.warn("access", problem);
    }
}

fn values_of<T>(placed: Vec<(Place, T)>) -> Vec<T> {
    placed.into_iter().map(|(_, value)| value).collect()
}

/// A header that is named twice must not count as two.
fn distinct(names: Vec<HeaderName>) -> Vec<HeaderName> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| seen.insert(name.as_str().to_owned())).collect()
}

/// A path that a route asks for and never gets.
fn warn_of_the_taken(section: &mut Section<'_>, path: Option<&str>, known: &Known<'_>) {
    // That there is none is reported already.
    let Some(path) = path else { return };
    if known.endpoints.at(path).is_some() {
        let problem = "authgate answers this path itself; only those below it reach the route";
        section.warn("path", problem);
    }
    if let Some(console) = known.console.filter(|console| console.hides(path)) {
        let problem = format!(
            "the console is at {:?}, so that nothing reaches the route; if the app has pages of its \
             own there, as Django does, move the console by `admin.path` or `admin.listen`",
            console.path
        );
        section.warn("path", &problem);
    }
}

/// Methods that a route asks for and never gets.
fn warn_of_the_refused(section: &mut Section<'_>, methods: Option<&[Method]>) {
    let is_refused = |method: &Method| matches!(*method, Method::CONNECT | Method::TRACE);
    if methods.is_some_and(|methods| methods.iter().all(is_refused)) {
        section.warn("methods", "authgate refuses these, so that nothing reaches the route");
    }
}

fn upstream(
    section: &mut Section<'_>,
    access: Access,
    upstreams: &[UpstreamSettings],
) -> Option<usize> {
    let find = |value: &_| find_upstream(values::text(value)?, upstreams);
    let upstream = section.read("upstream", None, |value| find(value).map(Some));
    if access != Access::Nobody && !section.has("upstream") {
        section.reject("upstream", "is missing");
    }
    upstream
}

fn access(section: &mut Section<'_>) -> Access {
    let choices = Access::NAMES.map(|(access, name)| (name, access));
    section.read("access", Access::User, values::choice(&choices))
}

fn find_class(name: &str, classes: &[Arc<RateClass>]) -> Result<Arc<RateClass>, String> {
    let found = classes.iter().find(|class| *class.name == *name);
    found.map(Arc::clone).ok_or_else(|| {
        let names = classes.iter().map(|class| &*class.name);
        format!("{name:?} is not the name of one of [[limits.classes]]{}", advice(name, names))
    })
}

fn advice<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(name, names).map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"))
}

pub(super) fn find_upstream(name: &str, upstreams: &[UpstreamSettings]) -> Result<usize, String> {
    let place = upstreams.iter().position(|upstream| upstream.name == name);
    place.ok_or_else(|| {
        let names = upstreams.iter().map(|upstream| upstream.name.as_str());
        format!("{name:?} is not the name of an upstream{}", advice(name, names))
    })
}
