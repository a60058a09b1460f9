//! `authgate routes`

use super::tell::Tell;
use super::{Failure, output};
use crate::config::Flags;
use crate::gateway::{RouteWords, SET_BY_ROUTE, UpstreamSettings};
use crate::policy::{Cors, HeaderEdits, HostPattern, Origins, Route};
use crate::server::control::Command;
use clap::Args;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Map, Value, json};
use std::time::Duration;

#[derive(Args)]
pub(super) struct Routes {
    #[command(flatten)]
    gateway: Tell,
    /// Those of the running gateway, and how many requests each had in the last hour there
    #[arg(long)]
    running: bool,
    /// As a JSON array, with all that each route changes
    #[arg(long)]
    json: bool,
}

impl Routes {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.running {
            return self.show_running();
        }
        let gateway = self.gateway.settings.load(Flags::default())?.gateway;
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

    fn show_running(self) -> Result<(), Failure> {
        let told = self.gateway.ask(Command::Routes)?;
        let routes: Vec<Value> = serde_json::from_str(&told)
            .map_err(|_| Failure::Refused("the gateway gives no sensible answer".to_owned()))?;
        if self.json {
            output::json(&routes.into());
            return Ok(());
        }
        let row = |route: &Value| {
            let word = |key| route.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let hour = route.get("last_hour").unwrap_or(&Value::Null);
            let number = |key| hour.get(key).map_or_else(String::new, Value::to_string);
            let [host, path, methods] = ["host", "path", "methods"].map(word);
            let [access, upstream] = ["access", "upstream"].map(word);
            let [all, unknown] = ["all", "unauthorized"].map(number);
            let [forbidden, failed] = ["forbidden", "failed"].map(number);
            [host, path, methods, access, upstream, all, unknown, forbidden, failed]
        };
        let heads =
            ["HOST", "PATH", "METHODS", "ACCESS", "UPSTREAM", "LAST HOUR", "401", "403", "5XX"];
        output::table(heads, routes.iter().map(row).collect(), "There are no routes.");
        Ok(())
    }
}

/// The name of the upstream that a route leads to.
pub(super) fn upstream_of<'u>(route: &Route, upstreams: &'u [UpstreamSettings]) -> Option<&'u str> {
    upstreams.get(route.upstream?).map(|upstream| upstream.name.as_str())
}

/// What a route takes, leads to and changes, a cell each.
pub(super) fn as_row(route: &Route, upstreams: &[UpstreamSettings]) -> [String; 7] {
    let words = RouteWords::of(route, upstreams);
    let RouteWords { access, changes, headers, host, methods, path, upstream } = words;
    [host, path, methods, headers, access, upstream, changes]
}

/// All of a route.
pub(super) fn as_json(route: &Route, upstreams: &[UpstreamSettings]) -> Value {
    let names =
        |names: &[HeaderName]| json!(names.iter().map(HeaderName::as_str).collect::<Vec<_>>());
    let methods = route.methods.as_ref();
    let methods = methods.map(|methods| methods.iter().map(Method::as_str).collect::<Vec<_>>());
    let seconds = |limit: Option<Duration>| limit.map(|limit| limit.as_secs_f64());
    let set = |edits: &HeaderEdits| {
        // The values are not shown: one may be what an app knows the gateway by.
        let pairs = edits.set.iter().map(|(name, _)| (name.to_string(), json!(SET_BY_ROUTE)));
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
fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
