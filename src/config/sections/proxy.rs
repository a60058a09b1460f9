//! `[identity]`, `[cors]` and what `[server]` says of requests.

use super::super::section::Section;
use super::super::values;
use super::accounts::Shown;
use super::routes::Known;
use super::{cors, gate, routes, upstreams};
use crate::gateway::{ConsoleMount, Identification, IdentityHeaders, Settings, fold};
use crate::model::network::Exceptions;
use crate::policy::RateClass;
use http::HeaderName;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What `[server]` says of the requests themselves.
pub(super) struct Answers {
    body_timeout: Duration,
    head_timeout: Duration,
    keep_alive: Duration,
    max_body: usize,
    max_head: usize,
    trusted_proxies: Vec<IpNet>,
    write_timeout: Duration,
}

impl Answers {
    /// Reads its keys of `[server]`.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        const TEN_SECONDS: Duration = Duration::from_secs(10);
        let networks = section.list("trusted_proxies", values::network).unwrap_or_default();
        let max_body = section.read("max_body", 1024 * 1024, values::memory);
        Self {
            body_timeout: section.read("body_timeout", TEN_SECONDS, values::duration),
            head_timeout: section.read("head_timeout", TEN_SECONDS, values::duration),
            keep_alive: keep_alive(section),
            max_body,
            max_head: max_head(section),
            trusted_proxies: networks.into_iter().map(|(_, network)| network).collect(),
            write_timeout: section.read("write_timeout", Duration::from_mins(1), values::duration),
        }
    }
}

impl Answers {
    /// Whether proxies speak for clients.
    pub(super) fn is_proxied(&self) -> bool {
        !self.trusted_proxies.is_empty()
    }
}

fn keep_alive(section: &mut Section<'_>) -> Duration {
    let keep_alive = section.read("keep_alive", Duration::from_mins(1), values::duration);
    // Pingora counts it by seconds.
    if keep_alive < Duration::from_secs(1) {
        section.reject("keep_alive", "is too short to be kept; write \"1s\" or more");
    }
    keep_alive
}

fn max_head(section: &mut Section<'_>) -> usize {
    let max_head = section.read("max_head", 32 * 1024, values::memory);
    if !(1024..=1024 * 1024).contains(&max_head) {
        section.reject("max_head", "is out of bounds; write a size from \"1KiB\" to \"1MiB\"");
    }
    max_head
}

/// What `[limits]` says of requests.
pub(super) struct Limits {
    pub classes: Vec<Arc<RateClass>>,
    pub exceptions: Arc<Exceptions>,
}

/// The settings of the proxy, with those that were read of other sections.
pub(super) fn gateway(
    root: &mut Section<'_>,
    answers: Answers,
    shown: Shown,
    limits: Limits,
    console: Option<ConsoleMount>,
) -> Settings {
    let Shown { endpoints, scheme } = shown;
    let identity = root.section("identity", identity);
    let cors = root.section("cors", cors::of_endpoints);
    let name_servers = upstreams::name_servers(root);
    let upstreams = upstreams::upstreams(root);
    let identification = Identification::new(identity.clone());
    let mode = root.section("gate", |section| gate::mode(section, &upstreams, console.as_ref()));
    let known = Known {
        classes: &limits.classes,
        console: console.as_ref(),
        endpoints,
        upstreams: &upstreams,
    };
    let routes = routes::routes(root, &known, &identification);
    Settings {
        console,
        cors,
        endpoints,
        exceptions: limits.exceptions,
        identity,
        max_body: answers.max_body,
        head_timeout: answers.head_timeout,
        keep_alive: answers.keep_alive,
        max_head: answers.max_head,
        mode,
        name_servers,
        body_timeout: answers.body_timeout,
        routes,
        scheme,
        trusted_proxies: answers.trusted_proxies,
        write_timeout: answers.write_timeout,
        upstreams,
    }
}

fn identity(section: &mut Section<'_>) -> IdentityHeaders {
    let mut read =
        |key, name| section.read(key, HeaderName::from_static(name), values::header_name);
    let headers = IdentityHeaders {
        user: read("user", "x-auth-user"),
        user_id: read("user_id", "x-auth-user-id"),
        email: read("email", "x-auth-email"),
        staff: read("staff", "x-auth-staff"),
    };
    reject_twins(section, &headers);
    headers
}

/// Headers must differ for an app too, which may take `_` for `-` and small letters for great ones.
fn reject_twins(section: &mut Section<'_>, headers: &IdentityHeaders) {
    let IdentityHeaders { user, user_id, email, staff } = headers;
    let mut seen = BTreeMap::new();
    for (key, name) in [("user", user), ("user_id", user_id), ("email", email), ("staff", staff)] {
        if let Some(twin) = seen.insert(fold(name.as_str()), key) {
            // One of the two may be a default, which is not where the mistake was made.
            let (key, twin) = if section.has(key) { (key, twin) } else { (twin, key) };
            section.reject(key, &format!("apps may take it for the header of identity.{twin}"));
        }
    }
}
