//! What a route changes: the path and headers of requests, the headers of answers.

use super::super::mistake::Place;
use super::super::section::Section;
use super::super::values;
use super::super::written::Value;
use crate::gateway::{Identification, fold};
use crate::policy::{HeaderEdits, Rewriting};
use http::{HeaderName, HeaderValue};
use std::collections::BTreeMap;

/// What becomes of the paths of a route at this one.
pub(super) fn rewriting(section: &mut Section<'_>, path: Option<&str>) -> Rewriting {
    let strip = section.read("strip_prefix", String::new(), |value| strip_prefix(value, path));
    let add = section.read("add_prefix", String::new(), values::route_path);
    Rewriting::new(&strip, &add)
}

/// The part that is taken off: every path of the route must begin with it.
fn strip_prefix(value: &Value, path: Option<&str>) -> Result<String, String> {
    // That there is none is reported already.
    let Some(path) = path else { return Ok(String::new()) };
    let whole = path.trim_end_matches('/');
    let prefix = match value {
        Value::Boolean(false) => return Ok(String::new()),
        Value::Boolean(true) => whole.to_owned(),
        Value::Text(text) if text == "false" => return Ok(String::new()),
        Value::Text(text) if text == "true" => whole.to_owned(),
        other => values::route_path(other)?,
    };
    let prefix = prefix.trim_end_matches('/');
    let rest = whole.strip_prefix(prefix);
    if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Err(format!("{prefix:?} is not what every path of the route begins with"));
    }
    if prefix.is_empty() {
        return Err("leaves nothing to take off: every path begins with \"/\"".to_owned());
    }
    Ok(prefix.to_owned())
}

/// What is changed in the headers of requests.
pub(super) fn request_headers(section: &mut Section<'_>, own: &Identification) -> HeaderEdits {
    let keys = ["set_request_headers", "remove_request_headers"];
    let mut edits = edits(section, keys, own, values::reserved_in_requests);
    // A request without a host is none.
    let before = edits.remove.len();
    edits.remove.retain(|name| fold(name.as_str()) != "host");
    if edits.remove.len() != before {
        section.reject(keys[1], "\"Host\" must be there; it can be set");
    }
    edits
}

/// What is changed in the headers of answers. Where the route has `cors`, that says what browsers
/// are told.
pub(super) fn response_headers(
    section: &mut Section<'_>,
    own: &Identification,
    has_cors: bool,
) -> HeaderEdits {
    let keys = ["set_response_headers", "remove_response_headers"];
    let reserved = move |folded: &str| {
        let is_cors = has_cors && folded.starts_with("access-control-");
        let cors = is_cors.then_some("is said by this route's `cors`");
        cors.or_else(|| values::reserved_in_answers(folded))
    };
    edits(section, keys, own, reserved)
}

fn edits(
    section: &mut Section<'_>,
    [set, remove]: [&'static str; 2],
    own: &Identification,
    reserved: impl Fn(&str) -> Option<&'static str>,
) -> HeaderEdits {
    let check = |name: &HeaderName| {
        let folded = fold(name.as_str());
        let identity = own.is_forgeable(&folded).then_some("is authgate's own: it says who calls");
        let why = identity.or_else(|| reserved(&folded));
        why.map_or(Ok(()), |why| Err(format!("{:?} {why}", name.as_str())))
    };
    let set_headers = section.named(set, |name, value| {
        let (name, value) = values::field_value(name, value)?;
        check(&name).map(|()| (name, value))
    });
    let removed = section.list(remove, |value| {
        let name = values::field_name(value)?;
        check(&name).map(|()| name)
    });
    let removed = removed.unwrap_or_default().into_iter().map(|(_, name)| name).collect();
    HeaderEdits { remove: removed, set: without_twins(section, set, set_headers) }
}

/// Apps may take `X_Env` for `X-Env`.
fn without_twins(
    section: &mut Section<'_>,
    key: &str,
    headers: Vec<(Place, (HeaderName, HeaderValue))>,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut seen = BTreeMap::new();
    let mut set = Vec::new();
    for (place, (name, value)) in headers {
        let first = seen.entry(fold(name.as_str()).into_owned()).or_insert_with(|| place.clone());
        if *first == place {
            set.push((name, value));
        } else {
            let problem = format!("{:?} is set at {first} already", name.as_str());
            section.note(key, place, problem);
        }
    }
    set
}
