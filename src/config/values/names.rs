//! Names that others read too: of headers, schemes, hosts, paths and stores.

use super::super::written::Value;
use super::net::is_host;
use super::text;
use crate::auth::KeySecret;
use crate::gateway::fold;
use crate::policy::{CleanPath, HostPattern};
use crate::store;
use crate::store::redis::RedisStore;
use http::{HeaderName, Method};
use std::path::PathBuf;

/// A name that is not empty and can be printed in one line.
pub(in super::super) fn name(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    if text.is_empty() || text.contains(char::is_control) {
        return Err(format!("{text:?} is not a name"));
    }
    Ok(text.to_owned())
}

/// What a class of requests is called: a word that needs no escape anywhere, and is not the name of
/// another limit.
pub(in super::super) fn class_name(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    let is_good = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_good) {
        return Err(format!("{text:?} is not a name; write letters, digits, '-', '_' and '.'"));
    }
    if ["_per_account", "_per_network", "_and_network"].iter().any(|end| text.ends_with(end)) {
        return Err(format!("{text:?} may be taken for another limit; write another name"));
    }
    Ok(text.to_owned())
}

/// What stands before a token in the Authorization header.
pub(in super::super) fn scheme(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    if !is_token(text) {
        return Err(format!(r#"{text:?} is not a scheme; write a word such as "Token""#));
    }
    Ok(text.to_owned())
}

/// What each token begins with.
pub(in super::super) fn token_prefix(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    if text.len() > 10 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let advice = "write at most 10 printable ASCII characters without blanks";
        return Err(format!("{text:?} is not a prefix; {advice}"));
    }
    if KeySecret::is_mentioned(text.as_bytes()) {
        let problem = "would make tokens look like keys of the console, which reach no app";
        return Err(format!("{text:?} {problem}; write another"));
    }
    Ok(text.to_owned())
}

/// The name of a header that tells the app who calls.
pub(in super::super) fn header_name(value: &Value) -> Result<HeaderName, String> {
    let text = text(value)?;
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        format!(r#"{text:?} is not the name of a header; write one such as "X-Auth-User""#)
    })?;
    if is_taken(&fold(name.as_str())) {
        return Err(format!("{text:?} has a meaning of its own in HTTP; write another name"));
    }
    Ok(name)
}

fn is_taken(folded: &str) -> bool {
    const FAMILIES: [&str; 3] = ["content-", "proxy-", "x-forwarded-"];
    const NAMES: [&str; 14] = [
        "authorization",
        "connection",
        "cookie",
        "date",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-request-id",
    ];
    NAMES.contains(&folded) || FAMILIES.iter().any(|family| folded.starts_with(family))
}

/// A host as the Host header names it, without its port, or all hosts below one; in lower case.
pub(in super::super) fn host(value: &Value) -> Result<HostPattern, String> {
    let text = text(value)?;
    let (name, is_wildcard) = match text.strip_prefix("*.") {
        Some(parent) => (parent, true),
        None => (text, false),
    };
    let is_whole = name.starts_with('[') || name.split('.').all(|label| !label.is_empty());
    let is_wildcard_of_address = is_wildcard && name.starts_with('[');
    if !is_host(name) || !is_whole || is_wildcard_of_address {
        let advice = r#"write a name without a port, such as "app.example.com" or "*.example.com""#;
        return Err(format!("{text:?} is not a host; {advice}"));
    }
    let name = name.to_ascii_lowercase();
    Ok(if is_wildcard { HostPattern::Below(name) } else { HostPattern::Is(name) })
}

/// A method in upper case.
pub(in super::super) fn method(value: &Value) -> Result<Method, String> {
    let text = text(value)?;
    if text.contains(|char: char| char.is_ascii_lowercase()) || !is_token(text) {
        return Err(format!(r#"{text:?} is not a method; write one such as "GET", in upper case"#));
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| format!("{text:?} is not a method"))
}

/// The path that the console is at, without its final slash.
pub(in super::super) fn console_path(value: &Value) -> Result<String, String> {
    let path = route_path(value)?;
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Err("would take every path; write one such as \"/admin/\"".to_owned());
    }
    Ok(path.to_owned())
}

/// A path as requests have it after cleaning, for no other would ever match.
pub(in super::super) fn route_path(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    match CleanPath::parse(text) {
        Ok(clean) if clean.as_str() == text => Ok(text.to_owned()),
        Ok(clean) => Err(format!("{text:?} matches no request; write {:?}", clean.as_str())),
        Err(_) if !text.starts_with('/') => Err(format!("{text:?} must begin with \"/\"")),
        Err(error) => Err(format!("{text:?} matches no request: {error}")),
    }
}

/// Where users and tokens are kept. What is wrong never repeats the address: it may hold a password.
pub(in super::super) fn store_url(value: &Value) -> Result<store::Settings, String> {
    let advice = "write sqlite:PATH, redis://HOST:PORT/DB, redis+sentinel://HOST:PORT,HOST:PORT/NAME \
                  or redis+cluster://HOST:PORT,HOST:PORT (rediss for TLS)";
    let url = text(value)?;
    if let Some(path) = url.strip_prefix("sqlite:") {
        // Other programs write sqlite:///var/lib/x.db for the path /var/lib/x.db.
        let path = path.strip_prefix("//").unwrap_or(path);
        let path = (!path.is_empty()).then(|| PathBuf::from(path));
        let path = path.ok_or_else(|| format!("has no path; {advice}"))?;
        return Ok(store::Settings::Sqlite { path });
    }
    if !url.starts_with("redis") {
        return Err(format!("is not the address of a store; {advice}"));
    }
    if !RedisStore::is_address(url) {
        return Err(format!("is not an address of Redis; {advice}"));
    }
    Ok(store::Settings::Redis { authorities: None, replicas: 0, url: url.to_owned() })
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_good)
}
