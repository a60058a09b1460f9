//! Who is at the other end of the connection, and what the app is told of them.

use super::head::fold;
use super::reply::REQUEST_ID;
use http::header;
use ipnet::IpNet;
use pingora::Result;
use pingora::http::RequestHeader;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::proxy::Session;
use rand::RngExt;
use std::net::{IpAddr, Ipv4Addr};

/// The client of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Client {
    /// Its address: that of the connection, or the nearest one that no trusted proxy has.
    pub address: IpAddr,
    /// The value of `X-Forwarded-For` for the app.
    forwarded_for: String,
    /// Whether a trusted proxy speaks for it.
    is_proxied: bool,
}

impl Client {
    /// The client of a session.
    pub(super) fn of(session: &Session, trusted: &[IpNet]) -> Self {
        let peer = match session.client_addr() {
            Some(SocketAddr::Inet(address)) => address.ip().to_canonical(),
            Some(SocketAddr::Unix(_)) | None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        Self::behind(peer, session.req_header(), trusted)
    }

    fn behind(peer: IpAddr, request: &RequestHeader, trusted: &[IpNet]) -> Self {
        let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        if !is_trusted(&peer) {
            return Self { address: peer, forwarded_for: peer.to_string(), is_proxied: false };
        }
        let chain = forwarded_for(request);
        let nearest = chain.iter().rev().find(|address| !is_trusted(address));
        let address = nearest.or(chain.first()).copied().unwrap_or(peer);
        let chain: Vec<_> = chain.iter().chain([&peer]).map(IpAddr::to_string).collect();
        Self { address, forwarded_for: chain.join(", "), is_proxied: true }
    }

    /// The id of a request: that which a trusted proxy gave it, or a new one.
    pub(super) fn request_id(&self, request: &RequestHeader) -> String {
        let given = request.headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let is_sane = |id: &&str| {
            (1..=128).contains(&id.len())
                && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        match given.filter(|_| self.is_proxied).filter(is_sane) {
            Some(id) => id.to_owned(),
            None => hex::encode(rand::rng().random::<[u8; 16]>()),
        }
    }

    /// Tells the app where a request comes from. Whatever a client that is not trusted said of
    /// that is taken off first, and so is what could make an app read another path than we did.
    pub(super) fn describe(&self, outgoing: &mut RequestHeader, request_id: &str) -> Result<()> {
        let kept =
            |name: &'static str| outgoing.headers.get(name).filter(|_| self.is_proxied).cloned();
        let (protocol, host) = (kept("x-forwarded-proto"), kept("x-forwarded-host"));
        let host = host.or_else(|| outgoing.headers.get(header::HOST).cloned());
        let forged = outgoing.headers.keys().filter(|name| is_about_origin(name.as_str()));
        for name in forged.cloned().collect::<Vec<_>>() {
            outgoing.remove_header(&name);
        }
        outgoing.insert_header("X-Forwarded-For", &self.forwarded_for)?;
        match protocol {
            Some(protocol) => outgoing.insert_header("X-Forwarded-Proto", protocol)?,
            None => outgoing.insert_header("X-Forwarded-Proto", "http")?,
        }
        if let Some(host) = host {
            outgoing.insert_header("X-Forwarded-Host", host)?;
        }
        outgoing.insert_header(REQUEST_ID, request_id)
    }
}

/// The addresses of all `X-Forwarded-For` headers, from the left. What stands left of something
/// that is no address cannot be believed.
fn forwarded_for(request: &RequestHeader) -> Vec<IpAddr> {
    let values = request.headers.get_all("x-forwarded-for").iter();
    let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    let parts = values.iter().rev().flat_map(|value| value.rsplit(','));
    let addresses = parts.map_while(|part| part.trim().parse::<IpAddr>().ok());
    let mut addresses: Vec<_> = addresses.map(|address| address.to_canonical()).collect();
    addresses.reverse();
    addresses
}

/// Headers that some app takes for the client's address, or for a host, path or method that routes
/// have not judged.
fn is_about_origin(name: &str) -> bool {
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
    let folded = fold(name);
    folded.starts_with("x-forwarded") || OTHERS.contains(&folded.as_str())
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

    #[test]
    fn what_a_client_says_of_its_origin_is_replaced() {
        let mut outgoing = request(&[
            ("Host", "gw.test"),
            ("X-Forwarded-Host", "evil"),
            ("X_Forwarded_Proto", "evil"),
            ("Forwarded", "for=evil"),
            ("X-Real-IP", "evil"),
            ("X-Original-URL", "/evil"),
        ]);
        behind("192.0.2.1", &[]).describe(&mut outgoing, "id").unwrap();
        let mut left: Vec<_> = outgoing
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        left.sort();
        let expected = [
            "host: gw.test",
            "x-forwarded-for: 192.0.2.1",
            "x-forwarded-host: gw.test",
            "x-forwarded-proto: http",
            "x-request-id: id",
        ];
        assert_eq!(left, expected);
    }
}
