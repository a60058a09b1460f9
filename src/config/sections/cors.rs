//! `[cors]`, and the table of that name in a route.

use super::super::mistake::Place;
use super::super::section::Section;
use super::super::values;
use crate::policy::{Cors, Origins};
use http::{HeaderName, HeaderValue, Method, header};
use std::time::Duration;

/// What browsers are told of the endpoints: nothing unless an origin is named.
pub(super) fn of_endpoints(section: &mut Section<'_>) -> Option<Cors> {
    let methods = vec![Method::POST];
    read(section, methods, [header::AUTHORIZATION, header::CONTENT_TYPE].to_vec())
}

/// What browsers are told of a route that takes these methods, or all.
pub(super) fn of_route(section: &mut Section<'_>, methods: Option<Vec<Method>>) -> Option<Cors> {
    let all = || {
        let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH];
        methods.into_iter().chain([Method::DELETE]).collect()
    };
    let headers = [header::AUTHORIZATION, header::CONTENT_TYPE].to_vec();
    let cors = read(section, methods.unwrap_or_else(all), headers);
    if section.place() == Place::Default {
        return None;
    }
    if cors.is_none() && !section.has("origins") {
        section.reject("origins", "is missing");
    } else if cors.is_none() {
        section.reject("origins", "must name at least one");
    }
    cors
}

fn read(section: &mut Section<'_>, methods: Vec<Method>, headers: Vec<HeaderName>) -> Option<Cors> {
    let origins = section.list("origins", values::origin);
    let named_methods = section.filled_list("methods", values::method);
    let named_headers = section.list("headers", values::field_name);
    let exposed = section.list("expose_headers", values::field_name).unwrap_or_default();
    let credentials = section.read("credentials", false, values::boolean);
    let max_age = section.read("max_age", Duration::from_mins(10), values::duration_or_zero);
    let origins: Vec<_> = origins?.into_iter().map(|(_, origin)| origin).collect();
    if credentials && origins.contains(&None) {
        let problem = "cannot go with the origin \"*\": any page could act as its visitor";
        section.reject("credentials", problem);
    }
    let methods = named_methods.map_or(methods, |named| named.into_iter().map(second).collect());
    let headers = named_headers.map_or(headers, |named| named.into_iter().map(second).collect());
    let origins: Option<Vec<_>> =
        if origins.is_empty() { return None } else { origins.into_iter().collect() };
    Some(Cors {
        credentials,
        expose_headers: list(exposed.iter().map(|(_, name)| name.as_str())),
        headers: list(headers.iter().map(HeaderName::as_str)),
        max_age: max_age.as_secs().into(),
        methods: list(methods.iter().map(Method::as_str))?,
        origins: origins.map_or(Origins::Any, Origins::These),
    })
}

fn second<A, B>((_, second): (A, B)) -> B {
    second
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> Option<HeaderValue> {
    let names: Vec<_> = names.collect();
    (!names.is_empty()).then(|| HeaderValue::from_str(&names.join(", ")).ok()).flatten()
}
