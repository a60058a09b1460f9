//! `[identity]` and what `[server]` says of requests.

use super::super::section::Section;
use super::super::values;
use super::{routes, upstreams};
use crate::gateway::{IdentityHeaders, Settings, fold};
use http::HeaderName;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::time::Duration;

/// What `[server]` says of the requests themselves.
pub(super) struct Answers {
    body_timeout: Duration,
    max_body: usize,
    trusted_proxies: Vec<IpNet>,
}

impl Answers {
    /// Reads its keys of `[server]`.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let networks = section.list("trusted_proxies", values::network).unwrap_or_default();
        let max_body = section.read("max_body", 1024 * 1024, values::memory);
        let body_timeout = section.read("body_timeout", Duration::from_secs(10), values::duration);
        let trusted_proxies = networks.into_iter().map(|(_, network)| network).collect();
        Self { body_timeout, max_body, trusted_proxies }
    }
}

/// The settings of the proxy, with those that were read of other sections.
pub(super) fn gateway(root: &mut Section<'_>, answers: Answers, scheme: String) -> Settings {
    let identity = root.section("identity", identity);
    let name_servers = upstreams::name_servers(root);
    let upstreams = upstreams::upstreams(root);
    let routes = routes::routes(root, &upstreams);
    Settings {
        identity,
        max_body: answers.max_body,
        name_servers,
        body_timeout: answers.body_timeout,
        routes,
        scheme,
        trusted_proxies: answers.trusted_proxies,
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
