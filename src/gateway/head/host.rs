//! Which host a request is for.

use crate::api::Problem;
use http::{Version, header};
use pingora::http::RequestHeader;
use std::net::Ipv6Addr;

/// The value of the one `Host` header (RFC 9112, section 3.2), or the authority of HTTP/2.
pub(super) fn authority(request: &RequestHeader) -> Result<&str, Problem> {
    const RULE: Problem =
        Problem::BadRequest("There must be one Host header, and it must be a host.");
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let named = request.uri.authority().filter(|_| request.version == Version::HTTP_2);
    let host = match (hosts.next(), hosts.next()) {
        // The app would be sent the other one.
        (Some(host), None) if named.is_some_and(|named| *host != named.as_str()) => {
            return Err(RULE);
        }
        (Some(host), None) => host.to_str().map_err(|_| RULE)?,
        (None, _) if request.version == Version::HTTP_2 => named.ok_or(RULE)?.as_str(),
        (None, _) if request.version < Version::HTTP_11 => return Ok(""),
        (Some(_), Some(_)) | (None, _) => return Err(RULE),
    };
    if is_host(host) { Ok(host) } else { Err(RULE) }
}

/// Whether a text is a name or an address, perhaps with a port (RFC 3986, section 3.2.2).
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, "0"),
    };
    let is_digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let is_port = port.is_empty() || is_digits && port.parse::<u16>().is_ok();
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_name_char = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
    let is_label = |label: &str| !label.is_empty() && label.chars().all(is_name_char);
    is_port
        && match literal {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => host.strip_suffix('.').unwrap_or(host).split('.').all(is_label),
        }
}

/// A host without its port and final dot, in lower case.
pub(super) fn host_of(authority: &str) -> String {
    let host = match authority.rsplit_once(':') {
        // A colon before the bracket is of the address.
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    };
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_without_port_case_and_dot() {
        for (authority, host) in [
            ("GW.test", "gw.test"),
            ("gw.test:8000", "gw.test"),
            ("gw.test:", "gw.test"),
            ("gw.test.:80", "gw.test"),
            ("[::1]:8000", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(host_of(authority), host);
        }
    }
}
