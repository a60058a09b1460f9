//! `[[routes]]`: which requests lead to which upstream.

use super::super::mistake::Place;
use super::super::report::nearest;
use super::super::section::Section;
use super::super::values;
use crate::gateway::UpstreamSettings;
use crate::policy::{Access, Route, RouteTable};

/// The table of routes. Where none is written, one that leads all users to the first upstream.
pub(super) fn routes(root: &mut Section<'_>, upstreams: &[UpstreamSettings]) -> RouteTable {
    let written = root.sections("routes", |section| route(section, upstreams));
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
    Route {
        access: Access::User,
        host: None,
        methods: None,
        path: "/".to_owned(),
        upstream: Some(0),
    }
}

/// A route and its place; `None` where it cannot be known which requests it takes.
fn route(section: &mut Section<'_>, upstreams: &[UpstreamSettings]) -> Option<(Place, Route)> {
    let path = section.require("path", values::route_path);
    let host = section.read("host", None, |value| values::host(value).map(Some));
    let methods = section.filled_list("methods", values::method);
    let methods = methods.map(|methods| methods.into_iter().map(|(_, method)| method).collect());
    let access = access(section);
    let find = |value: &_| find_upstream(values::text(value)?, upstreams);
    let upstream = section.read("upstream", None, |value| find(value).map(Some));
    if access != Access::Nobody && !section.has("upstream") {
        section.reject("upstream", "is missing");
    }
    Some((section.place(), Route { access, host, methods, path: path?, upstream }))
}

fn access(section: &mut Section<'_>) -> Access {
    let choices = Access::NAMES.map(|(access, name)| (name, access));
    section.read("access", Access::User, values::choice(&choices))
}

fn find_upstream(name: &str, upstreams: &[UpstreamSettings]) -> Result<usize, String> {
    let place = upstreams.iter().position(|upstream| upstream.name == name);
    place.ok_or_else(|| {
        let names = upstreams.iter().map(|upstream| upstream.name.as_str());
        let advice = nearest(name, names)
            .map_or_else(String::new, |nearest| format!("; did you mean {nearest:?}?"));
        format!("{name:?} is not the name of an upstream{advice}")
    })
}
