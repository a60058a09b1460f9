//! The table of routes, and which of them a request takes.

use super::clash::clashes;
use super::host::parents;
use super::route::{Misfit, Question, Route};
use super::{CleanPath, HostPattern};
use http::HeaderName;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// The routes, found by host, then by the longest path, then by the most headers, then by method.
///
/// A lookup costs as many probes as the path has segments, and no more than the deepest route has,
/// whatever the number of routes. Those at one path are asked one after the other. They are few: no
/// two of them may ask for as many headers and take the same method.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    any: ByPath,
    below: HashMap<String, ByPath>,
    exact: HashMap<String, ByPath>,
    /// The most bytes of a key of `below`.
    longest_below: usize,
}

impl RouteTable {
    /// A table of these routes. Fails with the places, in pairs, of routes that claim the same
    /// requests.
    pub fn new(routes: Vec<Route>) -> Result<Self, Vec<(usize, usize)>> {
        let clashes = clashes(&routes);
        if !clashes.is_empty() {
            return Err(clashes);
        }
        let mut table = Self::default();
        for (number, route) in routes.into_iter().enumerate() {
            let route = Route { number, ..route };
            let by_path = match &route.host {
                HostPattern::Any => &mut table.any,
                HostPattern::Below(parent) => {
                    table.longest_below = table.longest_below.max(parent.len());
                    table.below.entry(parent.clone()).or_default()
                }
                HostPattern::Is(host) => table.exact.entry(host.clone()).or_default(),
            };
            by_path.add(route);
        }
        let hosts = table.exact.values_mut().chain(table.below.values_mut());
        hosts.chain([&mut table.any]).for_each(ByPath::sort);
        Ok(table)
    }

    /// The route that a request takes.
    ///
    /// The routes of the request's own host are asked first; then those of wildcards, the longest
    /// first; and those for any host only if none of them fits.
    pub fn find(&self, question: &Question<'_>) -> Option<&Arc<Route>> {
        let own = self.exact.get(question.host).and_then(|routes| routes.find(question));
        let below = || self.below(question.host).find_map(|routes| routes.find(question));
        own.or_else(below).or_else(|| self.any.find(question))
    }

    /// All routes, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        let hosts = self.exact.values().chain(self.below.values()).chain([&self.any]);
        hosts.flat_map(|by_path| by_path.routes.values().flatten())
    }

    /// All routes: of those that fit a request, it takes the first.
    pub fn in_order(&self) -> Vec<&Arc<Route>> {
        let mut all: Vec<_> = self.iter().collect();
        all.sort_by_cached_key(|route| {
            let host = match &route.host {
                HostPattern::Is(host) => (0, Reverse(0), host.clone()),
                HostPattern::Below(parent) => (1, Reverse(parent.len()), parent.clone()),
                HostPattern::Any => (2, Reverse(0), String::new()),
            };
            let path = trim(&route.path);
            (host, Reverse(path.len()), path.to_owned(), route.rank())
        });
        all
    }

    /// What becomes of a request at each route with a path that it is at or below, in the order of
    /// matching.
    pub fn consider(&self, question: &Question<'_>) -> Vec<(&Arc<Route>, Verdict<'_>)> {
        let taken = self.find(question);
        let near = self.in_order().into_iter().filter(|route| holds(&route.path, question.path));
        near.map(|route| (route, verdict(route, taken, question))).collect()
    }

    fn below(&self, host: &str) -> impl Iterator<Item = &ByPath> {
        let parents = parents(host).filter(|parent| parent.len() <= self.longest_below);
        parents.filter_map(|parent| self.below.get(parent))
    }
}

/// What becomes of a request at a route whose path it is at or below.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict<'a> {
    /// It lacks this header.
    LacksHeader(&'a HeaderName),
    /// It is for another host.
    OtherHost,
    /// It has another method.
    OtherMethod,
    /// It takes this one.
    Taken,
    /// It takes another, which comes first.
    TooLate,
}

fn verdict<'a>(
    route: &'a Arc<Route>,
    taken: Option<&Arc<Route>>,
    question: &Question<'_>,
) -> Verdict<'a> {
    if taken.is_some_and(|taken| Arc::ptr_eq(taken, route)) {
        return Verdict::Taken;
    }
    if !route.host.covers(question.host) {
        return Verdict::OtherHost;
    }
    match route.misfit(question) {
        Some(Misfit::Header(name)) => Verdict::LacksHeader(name),
        Some(Misfit::Method) => Verdict::OtherMethod,
        None => Verdict::TooLate,
    }
}

/// The routes for one host, or one wildcard.
#[derive(Clone, Debug, Default)]
struct ByPath {
    /// The most bytes of a key of `routes`.
    longest: usize,
    /// By path, without its final slash.
    routes: HashMap<String, Vec<Arc<Route>>>,
}

impl ByPath {
    fn add(&mut self, route: Route) {
        let path = trim(&route.path);
        self.longest = self.longest.max(path.len());
        self.routes.entry(path.to_owned()).or_default().push(Arc::new(route));
    }

    fn sort(&mut self) {
        for same_path in self.routes.values_mut() {
            same_path.sort_by_key(|route| route.rank());
        }
    }

    fn find(&self, question: &Question<'_>) -> Option<&Arc<Route>> {
        let path = trim(question.path.as_str());
        // A path of a thousand segments must not cost a thousand probes.
        let mut prefix = match path.get(..=self.longest) {
            Some(head) if head.len() < path.len() => head.rsplit_once('/')?.0,
            _ => path,
        };
        loop {
            let here = self.routes.get(prefix).into_iter().flatten();
            let taken = here.into_iter().find(|route| route.misfit(question).is_none());
            if taken.is_some() {
                return taken;
            }
            (prefix, _) = prefix.rsplit_once('/')?;
        }
    }
}

/// A path without its final slash: the root is empty.
pub(super) fn trim(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// Whether a path is this one or below it.
fn holds(own: &str, path: &CleanPath) -> bool {
    let rest = path.as_str().strip_prefix(trim(own));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
