//! `authgate routes`

use super::{Failure, SettingsFile, output};
use crate::config::Flags;
use crate::gateway::UpstreamSettings;
use crate::policy::{Cors, HeaderEdits, HostPattern, Origins, Route};
use clap::Args;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Map, Value, json};
use std::time::Duration;

#[derive(Args)]
pub(super) struct Routes {
    #[command(flatten)]
    settings: SettingsFile,
    /// As a JSON array, with all that each route changes
    #[arg(long)]
    json: bool,
}

impl Routes {
    pub(super) fn run(self) -> Result<(), Failure> {
        let gateway = self.settings.load(Flags::default())?.gateway;
        let routes = gateway.routes.in_order().into_iter();
        if self.json {
            output::json(&routes.map(|route| as_json(route, &gateway.upstreams)).collect());
            return Ok(());
        }
        let heads = ["HOST", "PATH", "METHODS", "HEADERS", "ACCESS", "UPSTREAM", "CHANGES"];
        let rows = routes.map(|route| as_row(route, &gateway.upstreams)).collect();
        output::table(heads, rows, "There are no routes.");
        Ok(())
    }
}

/// The name of the upstream that a route leads to.
pub(super) fn upstream_of<'u>(route: &Route, upstreams: &'u [UpstreamSettings]) -> Option<&'u str> {
    upstreams.get(route.upstream?).map(|upstream| upstream.name.as_str())
}

/// What a route takes, leads to and changes, a cell each.
pub(super) fn as_row(route: &Route, upstreams: &[UpstreamSettings]) -> [String; 7] {
    let methods = route.methods.as_ref().map(|methods| join(methods.iter().map(Method::as_str)));
    let headers = join(route.headers.iter().map(HeaderName::as_str));
    let headers = if headers.is_empty() { "*".to_owned() } else { headers };
    let changes = changes(route);
    [
        route.host.to_string(),
        route.path.clone(),
        methods.unwrap_or_else(|| "*".to_owned()),
        headers,
        route.access.to_string(),
        upstream_of(route, upstreams).unwrap_or("-").to_owned(),
        if changes.is_empty() { "-".to_owned() } else { changes.join(", ") },
    ]
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

/// All of a route.
pub(super) fn as_json(route: &Route, upstreams: &[UpstreamSettings]) -> Value {
    let names =
        |names: &[HeaderName]| json!(names.iter().map(HeaderName::as_str).collect::<Vec<_>>());
    let methods = route.methods.as_ref();
    let methods = methods.map(|methods| methods.iter().map(Method::as_str).collect::<Vec<_>>());
    let seconds = |limit: Option<Duration>| limit.map(|limit| limit.as_secs_f64());
    let set = |edits: &HeaderEdits| {
        let pairs = edits.set.iter().map(|(name, value)| (name.to_string(), json!(text(value))));
        Value::Object(pairs.collect::<Map<_, _>>())
    };
    json!({
        "host": (route.host != HostPattern::Any).then(|| route.host.to_string()),
        "path": route.path,
        "methods": methods,
        "headers": names(&route.headers),
        "access": route.access.to_string(),
        "upstream": upstream_of(route, upstreams),
        "rate_class": route.rate.as_ref().map(|class| &*class.name),
        "read_timeout": seconds(route.read_timeout),
        "total_timeout": seconds(route.total_timeout),
        "max_body": route.max_body,
        "strip_prefix": route.rewriting.strips(),
        "add_prefix": route.rewriting.adds(),
        "set_request_headers": set(&route.request_headers),
        "remove_request_headers": names(&route.request_headers.remove),
        "set_response_headers": set(&route.response_headers),
        "remove_response_headers": names(&route.response_headers.remove),
        "forward_authorization": route.forwards_authorization,
        "cors": route.cors.as_ref().map(cors_as_json),
    })
}

fn cors_as_json(cors: &Cors) -> Value {
    let origins = match &cors.origins {
        Origins::Any => json!(["*"]),
        Origins::These(origins) => json!(origins.iter().map(text).collect::<Vec<_>>()),
    };
    json!({
        "origins": origins,
        "methods": text(&cors.methods),
        "headers": cors.headers.as_ref().map(text),
        "expose_headers": cors.expose_headers.as_ref().map(text),
        "credentials": cors.credentials,
        "max_age": text(&cors.max_age),
    })
}

/// The value of a header as it is shown.
pub(super) fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
