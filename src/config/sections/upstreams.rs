//! `[[upstreams]]` and `[dns]`: the servers behind the gateway, and who knows their names.

use super::super::mistake::Place;
use super::super::section::Section;
use super::super::values;
use crate::gateway::{
    Balance, ClientIdentity, Ejection, HealthCheck, Protocol, ServerSettings, TlsSettings,
    UpstreamSettings,
};
use http::HeaderName;
use std::net::SocketAddr;
use std::time::Duration;

/// Who is asked for the addresses of upstreams; none is whom the system asks.
pub(super) fn name_servers(root: &mut Section<'_>) -> Vec<SocketAddr> {
    let servers = root.section("dns", |section| section.list("servers", values::name_server));
    servers.into_iter().flatten().map(|(_, server)| server).collect()
}

/// The upstreams. Where none is written, one for an app on this machine.
pub(super) fn upstreams(root: &mut Section<'_>) -> Vec<UpstreamSettings> {
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
    let address = "127.0.0.1:9000".to_owned();
    UpstreamSettings {
        balance: Balance::RoundRobin,
        connect_timeout: Duration::from_secs(5),
        ejection: Some(Ejection { after: 3, lasts: Duration::from_secs(10) }),
        health: None,
        idle_timeout: Duration::from_mins(1),
        max_connections: None,
        name: "app".to_owned(),
        protocol: Protocol::Auto,
        read_timeout: Duration::from_mins(1),
        retries: 2,
        servers: vec![ServerSettings { address, is_tls: false, weight: 1 }],
        tls: TlsSettings::default(),
        total_timeout: None,
        upgrade_timeout: Duration::from_hours(1),
        write_timeout: Duration::from_mins(1),
    }
}

fn upstream(section: &mut Section<'_>) -> (Place, UpstreamSettings) {
    let default = default_upstream();
    let name = section.require("name", values::name).unwrap_or_default();
    let mut servers = servers(section);
    let tls = section.section("tls", tls);
    if section.has("tls") {
        for server in &mut servers {
            server.is_tls = true;
        }
    }
    let has = |is_tls| servers.iter().any(|server| server.is_tls == is_tls);
    if has(true) && has(false) {
        let problem = "some are https:// and some are not: make them all alike, or two upstreams";
        section.reject("servers", problem);
    }
    let protocol = protocol(section, &servers);
    let balance = balance(section);
    let ejection = ejection(section);
    let retries = section.read("retries", default.retries, values::number(0..=10));
    let most = section.read("max_connections", 0, values::number(0..=1_000_000));
    let total_timeout = section.read("total_timeout", None, values::duration_or_never);
    let health = section.section("health", health);
    let health = section.has("health").then_some(health);
    let mut timeout = |key, default| section.read(key, default, values::duration);
    let settings = UpstreamSettings {
        balance,
        connect_timeout: timeout("connect_timeout", default.connect_timeout),
        ejection,
        health,
        idle_timeout: timeout("idle_timeout", default.idle_timeout),
        max_connections: usize::try_from(most).ok().filter(|most: &usize| *most > 0),
        name,
        protocol,
        read_timeout: timeout("read_timeout", default.read_timeout),
        retries,
        servers,
        tls,
        total_timeout,
        upgrade_timeout: timeout("upgrade_timeout", default.upgrade_timeout),
        write_timeout: timeout("write_timeout", default.write_timeout),
    };
    (section.place_of("name"), settings)
}

fn servers(section: &mut Section<'_>) -> Vec<ServerSettings> {
    let servers = section.filled_list("servers", values::server);
    if !section.has("servers") {
        section.reject("servers", "is missing");
    }
    let mut seen: Vec<ServerSettings> = Vec::new();
    for (place, server) in servers.into_iter().flatten() {
        if seen.iter().any(|other| other.address == server.address) {
            let problem = format!("{:?} is there already; give it a weight", server.address);
            section.note("servers", place, problem);
        } else {
            seen.push(server);
        }
    }
    seen
}

fn protocol(section: &mut Section<'_>, servers: &[ServerSettings]) -> Protocol {
    let choices = [
        ("auto", Protocol::Auto),
        ("http1", Protocol::Http1),
        ("h2", Protocol::H2),
        ("h2c", Protocol::H2c),
    ];
    let protocol = section.read("protocol", Protocol::Auto, values::choice(&choices));
    let has = |is_tls| servers.iter().any(|server| server.is_tls == is_tls);
    match protocol {
        Protocol::H2 if has(false) => {
            let problem =
                "\"h2\" is spoken over TLS; write https://HOST:PORT, or \"h2c\" without it";
            section.reject("protocol", problem);
        }
        Protocol::H2c if has(true) => {
            section.reject("protocol", "\"h2c\" has no TLS; write \"h2\"");
        }
        Protocol::Auto | Protocol::H2 | Protocol::H2c | Protocol::Http1 => {}
    }
    protocol
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Way {
    HashAddress,
    HashHeader,
    HashUser,
    LeastConnections,
    RoundRobin,
}

fn balance(section: &mut Section<'_>) -> Balance {
    let choices = [
        ("round-robin", Way::RoundRobin),
        ("least-connections", Way::LeastConnections),
        ("hash-user", Way::HashUser),
        ("hash-address", Way::HashAddress),
        ("hash-header", Way::HashHeader),
    ];
    let way = section.read("balance", Way::RoundRobin, values::choice(&choices));
    let header = section.read("hash_header", None, |value| values::any_header(value).map(Some));
    if section.has("hash_header") && way != Way::HashHeader {
        section.reject("hash_header", "has no use unless balance is \"hash-header\"");
    }
    match (way, header) {
        (Way::HashHeader, Some(header)) => Balance::HashHeader(header),
        (Way::HashHeader, None) => {
            if !section.has("hash_header") {
                section.reject("hash_header", "is missing");
            }
            Balance::HashHeader(HeaderName::from_static("x-shard"))
        }
        (Way::HashAddress, _) => Balance::HashAddress,
        (Way::HashUser, _) => Balance::HashUser,
        (Way::LeastConnections, _) => Balance::LeastConnections,
        (Way::RoundRobin, _) => Balance::RoundRobin,
    }
}

fn ejection(section: &mut Section<'_>) -> Option<Ejection> {
    let after = section.read("eject_after", 3, values::number(0..=1000));
    let lasts = section.read("eject_for", Duration::from_secs(10), values::duration);
    (after > 0).then_some(Ejection { after, lasts })
}

fn health(section: &mut Section<'_>) -> HealthCheck {
    let path = section.read("path", None, |value| values::health_path(value).map(Some));
    let host = section.read("host", None, |value| values::health_host(value).map(Some));
    let expect = section.list("expect", values::number(200..=599)).unwrap_or_default();
    for key in ["host", "expect"] {
        if path.is_none() && section.has(key) {
            section.reject(key, "has no use without a path");
        }
    }
    HealthCheck {
        expect: expect.into_iter().map(|(_, status)| status).collect(),
        healthy_after: section.read("healthy_after", 2, values::number(1..=100)),
        host,
        interval: section.read("interval", Duration::from_secs(5), values::duration),
        path,
        timeout: section.read("timeout", Duration::from_secs(2), values::duration),
        unhealthy_after: section.read("unhealthy_after", 3, values::number(1..=100)),
    }
}

fn tls(section: &mut Section<'_>) -> TlsSettings {
    let authorities = section.read("ca", None, |value| values::authorities(value).map(Some));
    let server_name =
        section.read("server_name", None, |value| values::server_name(value).map(Some));
    let is_blind = section.read("verify", false, values::is_blind);
    if is_blind && section.has("ca") {
        section.reject("ca", "has no use while `verify` trusts any server");
    }
    TlsSettings { authorities, client: client(section), is_blind, server_name }
}

fn client(section: &mut Section<'_>) -> Option<ClientIdentity> {
    let mut read = |key| section.read(key, None, |value| values::content(value).map(Some));
    let (chain, key) = (read("client_certificate"), read("client_key"));
    for (one, other) in [("client_certificate", "client_key"), ("client_key", "client_certificate")]
    {
        if section.has(one) && !section.has(other) {
            section.reject(other, &format!("is missing; {one} needs it"));
        }
    }
    let identity = ClientIdentity::from_pem(&chain?, &key?);
    identity.map_err(|problem| section.reject("client_certificate", &problem)).ok()
}
