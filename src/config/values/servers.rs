//! What may be said of the servers behind the gateway.

use super::super::written::{Table, Value};
use super::net::is_host;
use super::{number, text};
use crate::gateway::{Authorities, ServerSettings};
use http::HeaderName;
use std::net::SocketAddr;

/// A server behind the gateway: its address, alone or with its weight.
pub(in super::super) fn server(value: &Value) -> Result<ServerSettings, String> {
    match value {
        Value::Table(table) => weighted(table),
        other => plain(text(other)?),
    }
}

fn weighted(table: &Table) -> Result<ServerSettings, String> {
    if let Some(unknown) = table.keys().find(|key| !["address", "weight"].contains(&key.as_str())) {
        return Err(format!("a server has an `address` and a `weight`, but no `{unknown}`"));
    }
    let address = table.get("address").ok_or("the `address` of a server is missing")?;
    let mut server = plain(text(&address.value)?)?;
    if let Some(weight) = table.get("weight") {
        let read = number(1..=ServerSettings::MOST_WEIGHT);
        server.weight = read(&weight.value).map_err(|problem| format!("weight: {problem}"))?;
    }
    Ok(server)
}

fn plain(text: &str) -> Result<ServerSettings, String> {
    if text.contains('@') {
        // What stands before it may be a password, so that nothing of it is shown.
        return Err("a name or password has no use here; write HOST:PORT".to_owned());
    }
    let without = |scheme| text.strip_prefix(scheme).map(|rest: &str| rest.trim_end_matches('/'));
    let (address, is_tls) = match (without("http://"), without("https://")) {
        (Some(plain), _) => (plain, false),
        (_, Some(secure)) => (secure, true),
        (None, None) => (text, false),
    };
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    if is_host(host) && port.parse::<u16>().is_ok_and(|port| port != 0) {
        return Ok(ServerSettings { address: address.to_owned(), is_tls, weight: 1 });
    }
    let advice = r#"write HOST:PORT, such as "127.0.0.1:9000", or https://HOST:PORT"#;
    Err(format!("{text:?} is not a server; {advice}"))
}

/// A name server.
pub(in super::super) fn name_server(value: &Value) -> Result<SocketAddr, String> {
    let text = text(value)?;
    let example = r#"write IP:PORT, such as "10.0.0.2:53""#;
    text.parse().map_err(|_| format!("{text:?} is not a name server; {example}"))
}

/// The name of a header.
pub(in super::super) fn any_header(value: &Value) -> Result<HeaderName, String> {
    let text = text(value)?;
    let name = HeaderName::from_bytes(text.as_bytes());
    name.map_err(|_| {
        format!(r#"{text:?} is not the name of a header; write one such as "X-Shard""#)
    })
}

/// A path that a server is asked for, with or without a query.
pub(in super::super) fn health_path(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    if !text.starts_with('/') || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(r#"{text:?} is not a path; write one such as "/healthz""#));
    }
    Ok(text.to_owned())
}

/// The host of a health check, as the Host header names it.
pub(in super::super) fn health_host(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "80"));
    if is_host(text) || (is_host(host) && port.parse::<u16>().is_ok()) {
        return Ok(text.to_owned());
    }
    Err(format!(r#"{text:?} is not a host; write one such as "app.example.com""#))
}

/// The name that servers prove by their certificates.
pub(in super::super) fn server_name(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    if text.parse::<std::net::IpAddr>().is_ok() || is_host(text) {
        return Ok(text.to_owned());
    }
    Err(format!(r#"{text:?} is not the name of a server; write one such as "app.internal""#))
}

/// Whether servers are taken for who they say they are without proof: only by its own words.
pub(in super::super) fn is_blind(value: &Value) -> Result<bool, String> {
    const WORDS: &str = "insecure-trust-any-server";
    match value {
        Value::Boolean(true) => Ok(false),
        Value::String(word) | Value::Text(word) if word == "true" => Ok(false),
        Value::String(word) | Value::Text(word) if word == WORDS => Ok(true),
        _ => Err(format!("is true, or, where anyone may pose as a server, {WORDS:?}")),
    }
}

/// A file of certificates to trust.
pub(in super::super) fn authorities(value: &Value) -> Result<Authorities, String> {
    let file = text(value)?;
    let pem = read_file(file)?;
    Authorities::from_pem(&pem).map_err(|problem| format!("{file:?} {problem}"))
}

/// The same, as the file has it.
pub(in super::super) fn pem_of_authorities(value: &Value) -> Result<Vec<u8>, String> {
    authorities(value)?;
    content(value)
}

/// The content of a file that is named.
pub(in super::super) fn content(value: &Value) -> Result<Vec<u8>, String> {
    read_file(text(value)?)
}

fn read_file(name: &str) -> Result<Vec<u8>, String> {
    std::fs::read(name).map_err(|error| format!("{name:?} cannot be read: {error}"))
}
