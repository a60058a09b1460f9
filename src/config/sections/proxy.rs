//! `[identity]`, `[cors]`, `[[upstreams]]` and what `[server]` says of requests.

use super::super::mistake::Place;
use super::super::section::Section;
use super::super::values;
use super::{cors, routes};
use crate::gateway::{Identification, IdentityHeaders, Settings, UpstreamSettings, fold};
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
    let cors = root.section("cors", cors::of_endpoints);
    let upstreams = upstreams(root);
    let identification = Identification::new(identity.clone());
    let routes = routes::routes(root, &upstreams, &identification);
    Settings {
        cors,
        identity,
        max_body: answers.max_body,
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

fn upstreams(root: &mut Section<'_>) -> Vec<UpstreamSettings> {
    let Some(written) = root.sections("upstreams", upstream) else {
        return vec![default_upstream()];
    };
    if written.is_empty() {
        root.reject("upstreams", "must name at least one");
    }
    let mut upstreams: Vec<UpstreamSettings> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    for (place, upstream) in written {
        // That one has no name is reported already.
        let is_twin =
            |other: &UpstreamSettings| !other.name.is_empty() && other.name == upstream.name;
        let twin = upstreams.iter().position(is_twin);
        if let Some(first) = twin.and_then(|twin| places.get(twin)) {
            let problem = format!("{:?} is also the name of the one at {first}", upstream.name);
            root.note("upstreams.name", place.clone(), problem);
        }
        places.push(place);
        upstreams.push(upstream);
    }
    upstreams
}

fn default_upstream() -> UpstreamSettings {
    UpstreamSettings {
        name: "app".to_owned(),
        servers: vec!["127.0.0.1:9000".to_owned()],
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_mins(1),
        write_timeout: Duration::from_mins(1),
        idle_timeout: Duration::from_mins(1),
        upgrade_timeout: Duration::from_hours(1),
    }
}

fn upstream(section: &mut Section<'_>) -> (Place, UpstreamSettings) {
    let default = default_upstream();
    let name = section.require("name", values::name).unwrap_or_default();
    let servers = section.filled_list("servers", values::server);
    if !section.has("servers") {
        section.reject("servers", "is missing");
    }
    let mut timeout = |key, default| section.read(key, default, values::duration);
    let settings = UpstreamSettings {
        name,
        servers: servers.into_iter().flatten().map(|(_, server)| server).collect(),
        connect_timeout: timeout("connect_timeout", default.connect_timeout),
        read_timeout: timeout("read_timeout", default.read_timeout),
        write_timeout: timeout("write_timeout", default.write_timeout),
        idle_timeout: timeout("idle_timeout", default.idle_timeout),
        upgrade_timeout: timeout("upgrade_timeout", default.upgrade_timeout),
    };
    (section.place_of("name"), settings)
}
