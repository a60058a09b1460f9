//! A plain listener that serves nothing but the way to HTTPS.

use async_trait::async_trait;
use http::uri::Authority;
use http::{HeaderValue, Response, StatusCode, header};
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Sends each request to the same host and target by HTTPS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Redirect {
    /// The port of HTTPS.
    pub port: u16,
}

impl Redirect {
    /// The port that a URL need not name.
    pub const DEFAULT_PORT: u16 = 443;

    /// The answer to a request, by its host as the client wrote it, with or without a port, and its
    /// target in origin form. A host or target that could be read otherwise gets 400.
    pub fn answer(self, host: Option<&str>, target: &str) -> Response<Vec<u8>> {
        let location = host.and_then(|host| self.location(host, target));
        let mut answer = Response::new(Vec::new());
        answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        match location {
            Some(location) => {
                *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
                answer.headers_mut().insert(header::LOCATION, location);
            }
            None => *answer.status_mut() = StatusCode::BAD_REQUEST,
        }
        answer
    }

    fn location(self, host: &str, target: &str) -> Option<HeaderValue> {
        let host = without_port(host).filter(|host| is_host(host))?;
        // Each byte of a URL is visible; these three would end it or start another reading.
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\\#\"".contains(&byte);
        if !target.starts_with('/') || !target.bytes().all(is_plain) {
            return None;
        }
        let location = match self.port {
            Self::DEFAULT_PORT => format!("https://{host}{target}"),
            port => format!("https://{host}:{port}{target}"),
        };
        HeaderValue::try_from(location).ok()
    }
}

/// The app that redirects.
pub(super) struct Elsewhere(pub Redirect);

#[async_trait]
impl ServeHttp for Elsewhere {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let request = session.req_header();
        let host = request.headers.get(header::HOST).map(HeaderValue::to_str);
        let host = match (host, request.uri.authority()) {
            (Some(host), _) => host.ok(),
            (None, authority) => authority.map(Authority::as_str),
        };
        let target = str::from_utf8(request.raw_path()).unwrap_or_default();
        self.0.answer(host, target)
    }
}

fn without_port(host: &str) -> Option<&str> {
    let end = if host.starts_with('[') {
        host.find(']')? + 1
    } else {
        host.find(':').unwrap_or(host.len())
    };
    let (name, port) = host.split_at_checked(end)?;
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(name)
}

/// Whether this is a name as DNS has it, or an address as a URL has it.
fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[') {
        return address.strip_suffix(']').is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_part);
    // Browsers read a name that ends in a number as an address, in forms of their own.
    let ends_in_number = name
        .rsplit('.')
        .next()
        .is_some_and(|label| label.starts_with(|c: char| c.is_ascii_digit()));
    name.len() <= 253
        && name.split('.').all(is_label)
        && (!ends_in_number || text.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(port: u16, host: &str, target: &str) -> Option<String> {
        let answer = Redirect { port }.answer(Some(host), target);
        assert!(answer.body().is_empty());
        assert_eq!(answer.headers()["content-length"], "0");
        let location = answer.headers().get("location");
        let expected = if location.is_some() { 308 } else { 400 };
        assert_eq!(answer.status(), expected);
        location.map(|location| location.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_request_is_sent_to_its_own_host_and_target() {
        for (host, target, expected) in [
            ("example.com", "/", "https://example.com/"),
            ("example.com:80", "/a/b?c=d&e=%20", "https://example.com/a/b?c=d&e=%20"),
            ("Example.com.", "//evil.example/", "https://Example.com.//evil.example/"),
            ("192.0.2.7:8080", "/a", "https://192.0.2.7/a"),
            ("[2001:db8::1]:80", "/a", "https://[2001:db8::1]/a"),
            ("a_b-c.x2.internal", "/", "https://a_b-c.x2.internal/"),
        ] {
            assert_eq!(location(443, host, target).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_port_of_https_is_named_where_it_is_another() {
        assert_eq!(location(8443, "a.b:80", "/x").as_deref(), Some("https://a.b:8443/x"));
        assert_eq!(location(8443, "[::1]", "/x").as_deref(), Some("https://[::1]:8443/x"));
    }

    #[test]
    fn a_host_that_is_none_is_sent_nowhere() {
        for host in [
            "",
            ":80",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "user@example.com",
            "user:80@example.com",
            "example.com:80:80",
            "example.com:8x",
            "example..com",
            ".example.com",
            "exa%6dple.com",
            "ex\u{e4}mple.com",
            "example.com\r\nX: y",
            "[::1",
            "::1",
            "[example.com]",
            "[::1]x",
            "[fe80::1%25eth0]",
            "0x7f.1",
            "2130706433",
            "192.0.2.7.",
            &"a".repeat(64),
            &"a.".repeat(128),
        ] {
            assert_eq!(location(443, host, "/"), None, "{host:?}");
        }
        assert_eq!(Redirect { port: 443 }.answer(None, "/").status(), 400);
    }

    #[test]
    fn a_target_that_is_no_path_is_sent_nowhere() {
        for target in [
            "",
            "*",
            "@evil.example/",
            ".evil.example",
            "http://a/",
            "/a b",
            "/\r\nX: y",
            "/\\",
            "/\u{e4}",
        ] {
            assert_eq!(location(443, "example.com", target), None, "{target:?}");
        }
    }
}
