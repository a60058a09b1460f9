//! Who is at the other end of the connection, and what the app is told of them.

use super::reply::REQUEST_ID;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use pingora::http::RequestHeader;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::proxy::Session;
use pingora::{ErrorType, OrErr, Result};
use rand::RngExt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The client of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Client {
    /// Its address: that of the connection, or the nearest one that no trusted proxy has.
    pub address: IpAddr,
    /// The value of `X-Forwarded-For` for the app.
    forwarded_for: String,
    /// Whether a trusted proxy speaks for it.
    is_proxied: bool,
    /// Whether the connection speaks TLS.
    is_secure: bool,
}

/// The name by which a client called the server in its TLS handshake, in small letters. Stands in the
/// `extension` of the connection's `SslDigest`, and so at hand for each request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerName(pub String);

impl ServerName {
    /// The name of a URL's host as clients call it: an address is not called.
    pub fn called(host: &str) -> Option<Self> {
        let name = host.split_once(':').map_or(host, |(name, _)| name);
        let is_name = !name.starts_with('[') && name.parse::<IpAddr>().is_err();
        is_name.then(|| Self(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()))
    }

    /// What the client of a session has called, if it speaks TLS and said so.
    pub(super) fn of(session: &Session) -> Option<&Self> {
        session.digest()?.ssl_digest.as_ref()?.extension.get()
    }
}

impl Client {
    /// The client of a session.
    pub(super) fn of(session: &Session, trusted: &[IpNet]) -> Self {
        let peer = match session.client_addr() {
            Some(SocketAddr::Inet(address)) => address.ip().to_canonical(),
            Some(SocketAddr::Unix(_)) | None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let tls = session.digest().and_then(|digest| digest.ssl_digest.as_ref());
        Self::behind(peer, session.req_header(), trusted).over_tls(tls.is_some())
    }

    /// The same over a connection that speaks TLS, or not.
    pub(super) fn over_tls(self, is_secure: bool) -> Self {
        Self { is_secure, ..self }
    }

    /// Whether the client called another host in its TLS handshake than the one that it asks: it must
    /// not have the answers of one by the certificate, or the connection, of another (RFC 9110,
    /// section 15.5.20). A trusted proxy has names of its own.
    pub(super) fn is_misdirected(&self, called: Option<&ServerName>, host: &str) -> bool {
        // HTTP/1.0 may ask none.
        let is_other = |called: &ServerName| !host.is_empty() && called.0 != host;
        !self.is_proxied && called.is_some_and(is_other)
    }

    /// The client of a request that comes from this address.
    pub(super) fn behind(peer: IpAddr, request: &RequestHeader, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        if !is_trusted(&peer) {
            return Self::at(peer);
        }
        let chain = forwarded_for(request);
        let nearest = chain.iter().rev().find(|address| !is_trusted(address));
        let address = nearest.or(chain.first()).copied().unwrap_or(peer);
        let chain: Vec<_> = chain.iter().chain([&peer]).map(IpAddr::to_string).collect();
        Self { address, forwarded_for: chain.join(", "), is_proxied: true, is_secure: false }
    }

    /// A client who speaks for itself.
    pub(super) fn at(address: IpAddr) -> Self {
        let forwarded_for = address.to_string();
        Self { address, forwarded_for, is_proxied: false, is_secure: false }
    }

    /// The id of a request: that which a trusted proxy gave it, or a new one.
    pub(super) fn request_id(&self, request: &RequestHeader) -> HeaderValue {
        let is_sane = |id: &&HeaderValue| {
            (1..=128).contains(&id.len())
                && id.as_bytes().iter().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(c))
        };
        let given = self.is_proxied.then(|| request.headers.get(&REQUEST_ID)).flatten();
        given.filter(is_sane).cloned().unwrap_or_else(random_id)
    }

    /// The host and port that the browser has asked for, and whether it speaks TLS.
    pub(super) fn site(&self, request: &RequestHeader) -> (String, bool) {
        let Asked { host, protocol } = self.asked_for(&request.headers);
        let authority = request.uri.authority().map(|authority| authority.as_str().to_owned());
        let host = host.and_then(|host| host.to_str().ok().map(str::to_owned)).or(authority);
        let is_secure = protocol.map_or(self.is_secure, |protocol| protocol == "https");
        (host.unwrap_or_default(), is_secure)
    }

    /// What a trusted proxy says of the protocol and the host that were asked for; by default, what
    /// we know ourselves.
    pub(super) fn asked_for(&self, headers: &HeaderMap) -> Asked {
        let told = |name| self.is_proxied.then(|| headers.get(name)).flatten();
        Asked {
            host: told(&FORWARDED_HOST).or_else(|| headers.get(header::HOST)).cloned(),
            protocol: told(&FORWARDED_PROTO).cloned(),
        }
    }

    /// Tells the app where a request comes from. Whatever the client said of that must be off.
    pub(super) fn describe(
        &self,
        headers: &mut HeaderMap,
        asked: Asked,
        request_id: &HeaderValue,
    ) -> Result<()> {
        let forwarded_for = HeaderValue::try_from(&self.forwarded_for);
        headers.insert(FORWARDED_FOR, forwarded_for.or_err(ErrorType::InternalError, "address")?);
        let ours = if self.is_secure { "https" } else { "http" };
        let protocol = asked.protocol.unwrap_or(HeaderValue::from_static(ours));
        headers.insert(FORWARDED_PROTO, protocol);
        if let Some(host) = asked.host {
            headers.insert(FORWARDED_HOST, host);
        }
        headers.insert(REQUEST_ID, request_id.clone());
        Ok(())
    }
}

/// What a client asked for, before any proxy changed it.
pub(super) struct Asked {
    host: Option<HeaderValue>,
    protocol: Option<HeaderValue>,
}

fn random_id() -> HeaderValue {
    let mut id = [0; 32];
    let is_written = hex::encode_to_slice(rand::rng().random::<[u8; 16]>(), &mut id).is_ok();
    let value = is_written.then(|| HeaderValue::from_bytes(&id).ok()).flatten();
    value.unwrap_or(HeaderValue::from_static("none"))
}

/// The addresses of all `X-Forwarded-For` headers, from the left. What stands left of something
/// that is no address cannot be believed.
fn forwarded_for(request: &RequestHeader) -> Vec<IpAddr> {
    let values: Vec<_> = request.headers.get_all("x-forwarded-for").iter().collect();
    let parts = values.iter().rev().flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    let addresses = parts.map_while(|part| address_of(str::from_utf8(part).ok()?.trim()));
    let mut addresses: Vec<_> = addresses.map(|address| address.to_canonical()).collect();
    addresses.reverse();
    addresses
}

/// An address, perhaps in brackets or with the port that some proxies write.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok();
    let address = text.parse().ok().or_else(|| bare().map(IpAddr::V6));
    address.or_else(|| with_port().map(|address| address.ip()))
}

/// Whether some app takes a header, whose name is folded, for the client's address, or for a host,
/// path or method that routes have not judged.
pub(super) fn is_about_origin(folded: &str) -> bool {
    const OTHERS: [&str; 20] = [
        "cf-connecting-ip",
        "client-ip",
        "forwarded",
        "proxy",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-envoy-original-path",
        "x-host",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-host",
        "x-original-uri",
        "x-original-url",
        "x-real-ip",
        "x-request-id",
        "x-rewrite-url",
        "x-scheme",
        "x-url-scheme",
    ];
    folded.starts_with("x-forwarded") || OTHERS.contains(&folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> RequestHeader {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        for (name, value) in headers {
            request.append_header((*name).to_owned(), *value).unwrap();
        }
        request
    }

    fn behind(peer: &str, forwarded: &[&str]) -> Client {
        let headers: Vec<_> = forwarded.iter().map(|value| ("X-Forwarded-For", *value)).collect();
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        Client::behind(peer.parse().unwrap(), &request(&headers), &trusted)
    }

    #[test]
    fn nobody_is_believed_by_default() {
        let client = behind("192.0.2.1", &["198.51.100.9"]);
        assert_eq!(client.address.to_string(), "192.0.2.1");
        assert_eq!(client.forwarded_for, "192.0.2.1");
    }

    #[test]
    fn behind_trusted_proxies_the_first_other_address_from_the_right_counts() {
        let client = behind("10.0.0.1", &["203.0.113.66, 198.51.100.9", "10.0.0.2"]);
        assert_eq!(client.address.to_string(), "198.51.100.9");
        assert_eq!(client.forwarded_for, "203.0.113.66, 198.51.100.9, 10.0.0.2, 10.0.0.1");
    }

    #[test]
    fn an_address_may_have_a_port() {
        for (written, expected) in [
            ("198.51.100.9:4711", "198.51.100.9"),
            ("[2001:db8::9]:4711", "2001:db8::9"),
            ("[2001:db8::9]", "2001:db8::9"),
        ] {
            let client = behind("10.0.0.1", &["203.0.113.66", written]);
            assert_eq!(client.address.to_string(), expected);
        }
    }

    #[test]
    fn bytes_that_are_no_text_end_what_is_believed() {
        let mut request = request(&[("X-Forwarded-For", "203.0.113.66")]);
        let odd = HeaderValue::from_bytes(b"\xff, 198.51.100.9").unwrap();
        request.append_header("X-Forwarded-For", odd).unwrap();
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let client = Client::behind("10.0.0.1".parse().unwrap(), &request, &trusted);
        assert_eq!(client.address.to_string(), "198.51.100.9");
        assert_eq!(client.forwarded_for, "198.51.100.9, 10.0.0.1");
    }

    #[test]
    fn what_stands_left_of_nonsense_is_not_believed() {
        let client = behind("10.0.0.1", &["203.0.113.66, unknown, 10.0.0.2"]);
        assert_eq!(client.address.to_string(), "10.0.0.2");
        assert_eq!(client.forwarded_for, "10.0.0.2, 10.0.0.1");
    }

    #[test]
    fn a_request_id_is_taken_from_trusted_proxies_alone() {
        let request = request(&[("X-Request-Id", "abc-1")]);
        assert_eq!(behind("10.0.0.1", &[]).request_id(&request), "abc-1");
        assert_eq!(behind("192.0.2.1", &[]).request_id(&request).len(), 32);
    }
}
