//! Headers that an operator names, and the origins of web pages.

use super::super::written::Value;
use super::net::is_host;
use super::text;
use http::{HeaderName, HeaderValue};

/// The name of any header.
pub(in super::super) fn field_name(value: &Value) -> Result<HeaderName, String> {
    parse_name(text(value)?)
}

fn parse_name(text: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(text.as_bytes())
        .map_err(|_| format!(r#"{text:?} is not the name of a header; write one such as "X-Env""#))
}

/// A header with its value. What is wrong does not repeat the value, which may be a secret.
pub(in super::super) fn field_value(
    name: &str,
    value: &Value,
) -> Result<(HeaderName, HeaderValue), String> {
    let name = parse_name(name)?;
    let text = text(value)?;
    let is_sound = text.trim() == text && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let value = HeaderValue::from_str(text).ok().filter(|_| is_sound);
    let advice = "write printable ASCII without blanks at its ends";
    let value = value
        .ok_or_else(|| format!("what {name} is set to is not the value of a header; {advice}"))?;
    Ok((name, value))
}

/// Whether a header, whose name is folded, says where a message ends or what becomes of its
/// connection.
fn is_framing(folded: &str) -> bool {
    const NAMES: [&str; 9] = [
        "connection",
        "content-length",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.contains(&folded) || folded.starts_with("proxy-")
}

/// Why no route may change a header of requests, whose name is folded.
pub(in super::super) fn reserved_in_requests(folded: &str) -> Option<&'static str> {
    const OURS: [&str; 4] =
        ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"];
    if is_framing(folded) || folded == "expect" {
        return Some("is HTTP's own: the proxy sees to it");
    }
    if folded == "authorization" {
        return Some("is not for settings; `forward_authorization` lets the client's pass");
    }
    OURS.contains(&folded).then_some("is authgate's own: it says who is at the other end")
}

/// Why no route may change a header of answers, whose name is folded.
pub(in super::super) fn reserved_in_answers(folded: &str) -> Option<&'static str> {
    if is_framing(folded) {
        return Some("is HTTP's own: the proxy sees to it");
    }
    (folded == "x-request-id").then_some("is authgate's own: it names the request in every log")
}

/// The origin of a web page, exactly as browsers write it; `None` is any.
pub(in super::super) fn origin(value: &Value) -> Result<Option<HeaderValue>, String> {
    let advice = r#"write one as browsers do, such as "https://app.example.com", or "*""#;
    let text = text(value)?;
    if text == "*" {
        return Ok(None);
    }
    if text == "null" {
        return Err("\"null\" is the origin of every sandboxed page, anybody's".to_owned());
    }
    if text.contains('@') {
        // What stands before it may be a password, so that nothing of it is shown.
        return Err(format!("an origin has no name or password; {advice}"));
    }
    let (scheme, authority) = text.split_once("://").unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_scheme = scheme.starts_with(|char: char| char.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || b"+-.0123456789".contains(&byte));
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|n| n.to_string() == port));
    let is_lower = !text.contains(|char: char| char.is_ascii_uppercase());
    if !is_scheme || !is_host(host) || !is_port || !is_lower {
        return Err(format!("{text:?} is not an origin; {advice}"));
    }
    if matches!((scheme, port), ("http", Some("80")) | ("https", Some("443"))) {
        return Err(format!("{text:?} matches no request: browsers leave that port out"));
    }
    HeaderValue::from_str(text).map(Some).map_err(|_| format!("{text:?} is not an origin"))
}
