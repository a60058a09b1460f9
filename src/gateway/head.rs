//! What must be true of a request's head before anything else looks at it, and the one reading of
//! its target.

mod host;

use self::host::{authority, host_of};
use crate::api::Problem;
use crate::policy::CleanPath;
use http::header::{self, HeaderName};
use http::uri::Scheme;
use http::{Method, Uri, Version};
use pingora::http::RequestHeader;
use pingora::{ErrorType, OrErr};
use std::borrow::Cow;

/// The parts of a head that decide where a request goes.
#[derive(Debug)]
pub(super) struct Head {
    /// The host, in lower case and without a port; empty where HTTP/1.0 names none.
    pub host: String,
    /// The path.
    pub path: CleanPath,
    /// The query, with its question mark, as sent; or nothing.
    query: String,
}

impl Head {
    /// Reads the head of a request, or says which rule it breaks. `raw` is the head as it arrived:
    /// Pingora takes off what two of the rules are about. It takes nothing off HTTP/2, where `raw` may
    /// be empty: no transfer coding passes there, and the part after a `#` never comes to be.
    pub(super) fn read(request: &RequestHeader, raw: &[u8]) -> Result<Self, Problem> {
        // Methods differ by case (RFC 9110, section 9.1), but not to every app.
        if request.method.as_str().bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(Problem::BadRequest("The method must be in capital letters."));
        }
        if request.method == Method::CONNECT {
            return Err(Problem::MethodNotAllowed(request.method.clone()));
        }
        let authority = authority(request)?;
        check_framing(request, raw)?;
        check_expectation(request)?;
        if count(request, header::AUTHORIZATION) > 1 {
            return Err(Problem::BadRequest("There must be one Authorization header at most."));
        }
        if has_fragment(raw) {
            return Err(Problem::AmbiguousPath);
        }
        let target = str::from_utf8(request.raw_path()).map_err(|_| Problem::AmbiguousPath)?;
        let target = origin_form(target, authority)?;
        let (path, query) = match target.find('?') {
            Some(mark) => target.split_at(mark),
            None => (target, ""),
        };
        if !query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(Problem::BadRequest("The query has characters that must be escaped."));
        }
        let path = CleanPath::parse(if path.is_empty() { "/" } else { path })?;
        Ok(Self { host: host_of(authority), path, query: query.to_owned() })
    }

    /// Makes the request say what was read: the upstream gets these bytes and no others. It need not
    /// know of an expectation: whoever may pass may also send.
    pub(super) fn make_canonical(&self, request: &mut RequestHeader) -> Result<(), Problem> {
        request.remove_header(&header::EXPECT);
        let (path, query) = (self.path.as_str().as_bytes(), self.query.as_bytes());
        if request.raw_path().strip_prefix(path) == Some(query) {
            return Ok(());
        }
        set_target(request, &self.target(&self.path)).map_err(|_| Problem::AmbiguousPath)
    }

    /// The target with another path: the query stays.
    pub(super) fn target(&self, path: &CleanPath) -> String {
        [path.as_str(), &self.query].concat()
    }
}

/// Checks that a request can be passed on as it came: where it ends, which host it asks and what for
/// would be read in one way only.
pub(super) fn check_delivery(request: &RequestHeader, raw: &[u8]) -> Result<(), Problem> {
    if request.method == Method::CONNECT {
        return Err(Problem::MethodNotAllowed(request.method.clone()));
    }
    authority(request)?;
    check_framing(request, raw)?;
    if has_fragment(raw) { Err(Problem::AmbiguousPath) } else { Ok(()) }
}

/// Writes another path and query into a request. One of HTTP/2 keeps its authority.
pub(super) fn set_target(request: &mut RequestHeader, target: &str) -> pingora::Result<()> {
    let is_apart = request.version == Version::HTTP_2;
    let (Some(authority), true) = (request.uri.authority().cloned(), is_apart) else {
        return request.set_raw_path(target.as_bytes());
    };
    let scheme = request.uri.scheme().cloned().unwrap_or(Scheme::HTTP);
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(target).build();
    request.set_uri(uri.or_err(ErrorType::InvalidHTTPHeader, "target")?);
    Ok(())
}

fn count(request: &RequestHeader, name: HeaderName) -> usize {
    request.headers.get_all(name).iter().count()
}

/// Whether the request line has what Pingora would cut off: one program's fragment is another's path.
/// Empty lines may stand before it (RFC 9112, section 2.2).
fn has_fragment(raw: &[u8]) -> bool {
    let mut lines = raw.split(|byte| *byte == b'\n');
    let request_line = lines.find(|line| !line.trim_ascii().is_empty());
    request_line.is_some_and(|line| line.contains(&b'#'))
}

/// One length, in one way (RFC 9112, section 6).
fn check_framing(request: &RequestHeader, raw: &[u8]) -> Result<(), Problem> {
    const RULE: Problem = Problem::BadRequest("The body must have one length.");
    let is_chunked = request.headers.contains_key(header::TRANSFER_ENCODING);
    if is_chunked && names_length(raw) {
        return Err(RULE);
    }
    let mut lengths = request.headers.get_all(header::CONTENT_LENGTH).iter();
    let mut codings = request.headers.get_all(header::TRANSFER_ENCODING).iter();
    match (lengths.next(), lengths.next(), codings.next(), codings.next()) {
        (None, None, None, None) => Ok(()),
        (Some(length), None, None, None) => {
            let is_number = !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit);
            if is_number { Ok(()) } else { Err(Problem::BadRequest("The length is not a number.")) }
        }
        (None, None, Some(coding), None) if request.version == Version::HTTP_11 => {
            let is_known = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
            if is_known { Ok(()) } else { Err(Problem::UnknownTransferCoding) }
        }
        _ => Err(RULE),
    }
}

/// Whether a `Content-Length` arrived. Beside a transfer coding Pingora takes it off.
fn names_length(raw: &[u8]) -> bool {
    let mut lines = raw.split(|byte| *byte == b'\n');
    lines.any(|line| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"content-length")
    })
}

fn check_expectation(request: &RequestHeader) -> Result<(), Problem> {
    let mut expectations = request.headers.get_all(header::EXPECT).iter();
    if expectations.all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        Ok(())
    } else {
        Err(Problem::ExpectationFailed)
    }
}

/// A target without scheme and authority (RFC 9112, section 3.2.1), if those name this very host.
fn origin_form<'a>(target: &'a str, authority: &str) -> Result<&'a str, Problem> {
    if target.starts_with('/') {
        return Ok(target);
    }
    let rest = match target.split_at_checked("http://".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http://") => rest,
        _ => return Err(Problem::AmbiguousPath),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (named, target) = rest.split_at(end);
    if authority.is_empty() || !named.eq_ignore_ascii_case(authority) {
        return Err(Problem::BadRequest("The target names another host than the Host header."));
    }
    Ok(target)
}

/// Whether an app may take a header for one that decides, though its name is another: CGI and its
/// heirs read `Content_Length` as `Content-Length`.
pub(super) fn is_look_alike(name: &HeaderName, folded: &str) -> bool {
    const DECISIVE: [&str; 6] =
        ["authorization", "connection", "content-length", "host", "transfer-encoding", "upgrade"];
    folded != name.as_str() && DECISIVE.contains(&folded)
}

/// A header's name as the most careless reader takes it: case aside, and every character that is
/// no letter or digit a hyphen.
pub fn fold(name: &str) -> Cow<'_, str> {
    let is_folded = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.bytes().all(is_folded) {
        return Cow::Borrowed(name);
    }
    let fold =
        |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' };
    Cow::Owned(name.chars().map(fold).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, headers: &[(&str, &str)]) -> RequestHeader {
        let mut request = RequestHeader::build("POST", target.as_bytes(), None).unwrap();
        for (name, value) in headers {
            request.append_header((*name).to_owned(), *value).unwrap();
        }
        request
    }

    fn status(target: &str, headers: &[(&str, &str)]) -> u16 {
        Head::read(&request(target, headers), b"")
            .map_or_else(|problem| problem.response("Token").status().as_u16(), |_| 200)
    }

    #[test]
    fn there_is_one_host_and_it_is_one() {
        assert_eq!(status("/", &[("Host", "gw.test")]), 200);
        assert_eq!(status("/", &[]), 400);
        for host in [
            "", "a b", "a@b", "a/b", "a,b", ":80", "a:80:90", "a:x", "a]", "[a]", "a..", ".a",
            "a:+1", "::1",
        ] {
            assert_eq!(status("/", &[("Host", host)]), 400, "{host}");
        }
        assert_eq!(status("/", &[("Host", "a"), ("Host", "a")]), 400);
    }

    #[test]
    fn a_body_has_one_length() {
        let framed = |framing: &[(&str, &str)]| {
            let mut headers = vec![("Host", "gw.test")];
            headers.extend_from_slice(framing);
            status("/", &headers)
        };
        assert_eq!(framed(&[("Content-Length", "5")]), 200);
        assert_eq!(framed(&[("Transfer-Encoding", "Chunked")]), 200);
        for length in ["5, 5", "-1", "+5", "0x10", "", "5 5"] {
            assert_eq!(framed(&[("Content-Length", length)]), 400, "{length}");
        }
        assert_eq!(framed(&[("Content-Length", "5"), ("Content-Length", "5")]), 400);
        assert_eq!(framed(&[("Content-Length", "5"), ("Transfer-Encoding", "chunked")]), 400);
        for coding in ["gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked"] {
            assert_eq!(framed(&[("Transfer-Encoding", coding)]), 501, "{coding}");
        }
    }

    #[test]
    fn what_pingora_takes_off_is_seen() {
        let chunked = request("/", &[("Host", "gw.test"), ("Transfer-Encoding", "chunked")]);
        let raw = b"POST / HTTP/1.1\r\nHost: gw.test\r\ncontent-length: 5\r\n";
        assert!(Head::read(&chunked, raw).is_err());
        let plain = request("/a", &[("Host", "gw.test")]);
        assert!(Head::read(&plain, b"GET /a#/b HTTP/1.1\r\nHost: gw.test\r\n").is_err());
        let late = b"\r\n\nGET /a#/b HTTP/1.1\r\nHost: gw.test\r\n";
        assert!(Head::read(&plain, late).is_err());
        assert!(Head::read(&plain, b"GET /a HTTP/1.1\r\nX-Color: #fff\r\n").is_ok());
    }

    #[test]
    fn a_method_is_in_capital_letters() {
        for (method, is_good) in
            [("DELETE", true), ("M-SEARCH", true), ("delete", false), ("DELETe", false)]
        {
            let mut request = request("/", &[("Host", "gw.test")]);
            request.set_method(Method::from_bytes(method.as_bytes()).unwrap());
            assert_eq!(Head::read(&request, b"").is_ok(), is_good, "{method}");
        }
    }

    #[test]
    fn an_absolute_target_must_name_the_host() {
        let host = [("Host", "gw.test:80")];
        for target in ["http://gw.test:80/a", "HTTP://GW.test:80/a", "http://gw.test:80?q"] {
            assert_eq!(status(target, &host), 200, "{target}");
        }
        for target in ["http://other/a", "https://gw.test:80/a", "http://u@gw.test:80/a", "*", "a"]
        {
            assert_eq!(status(target, &host), 400, "{target}");
        }
    }

    #[test]
    fn a_request_of_http_2_has_one_host_and_keeps_it() {
        let mut request = request("/", &[]);
        request.set_version(Version::HTTP_2);
        request.set_uri(Uri::from_static("https://gw.test/%65cho?a"));
        Head::read(&request, b"").unwrap().make_canonical(&mut request).unwrap();
        assert_eq!(request.uri, "https://gw.test/echo?a");
        request.append_header("Host", "gw.test").unwrap();
        assert!(Head::read(&request, b"").is_ok());
        request.insert_header("Host", "other.test").unwrap();
        assert!(Head::read(&request, b"").is_err());
    }

    #[test]
    fn the_upstream_gets_what_was_read() {
        let mut request = request("http://gw.test/%65cho?a=%2f&b", &[("Host", "gw.test")]);
        Head::read(&request, b"").unwrap().make_canonical(&mut request).unwrap();
        assert_eq!(request.raw_path(), b"/echo?a=%2f&b");
    }
}
