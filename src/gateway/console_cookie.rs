//! The console's cookie, which no app gets to see: by it anyone could act as the operator.

use super::reply::titled;
use http::{HeaderMap, HeaderValue, header};
use pingora::Result;
use pingora::http::ResponseHeader;

/// What it is called where the browser speaks TLS. No other host, and nothing that speaks without
/// TLS, can set one of this name (RFC 6265bis, section 4.1.3.2).
pub const SECURE_NAME: &str = "__Host-authgate";
/// What it is called elsewhere.
pub const PLAIN_NAME: &str = "authgate";

/// Whether it is among these.
pub(super) fn is_in(headers: &HeaderMap) -> bool {
    headers.get_all(header::COOKIE).iter().any(|value| has_one(value.as_bytes()))
}

/// Takes it off, wherever it stands and however often. The others stay byte for byte.
pub(super) fn remove(headers: &mut HeaderMap) {
    if !is_in(headers) {
        return;
    }
    let header::Entry::Occupied(mut entry) = headers.entry(header::COOKIE) else { return };
    let kept = entry.iter().map(|value| without(value.as_bytes()));
    let kept = kept.filter(|value| !value.trim_ascii().is_empty());
    let kept: Vec<_> = kept.filter_map(|value| HeaderValue::from_bytes(&value).ok()).collect();
    let mut kept = kept.into_iter();
    match kept.next() {
        None => drop(entry.remove_entry_mult()),
        Some(first) => {
            entry.insert(first);
            kept.for_each(|value| entry.append(value));
        }
    }
}

/// Takes it off what an app says: whoever sets another one beside ours, or in its place, has a browser
/// show that to the console. Cookies know no ports, so wherever the console is.
pub(super) fn remove_from_response(response: &mut ResponseHeader) -> Result<()> {
    let Some(kept) = others_set(&response.headers) else { return Ok(()) };
    response.remove_header(&header::SET_COOKIE);
    for value in kept {
        response.append_header(titled(&header::SET_COOKIE), value)?;
    }
    Ok(())
}

/// The same in what follows an answer.
pub(super) fn remove_from_trailers(trailers: &mut HeaderMap) {
    let Some(kept) = others_set(trailers) else { return };
    trailers.remove(header::SET_COOKIE);
    trailers.extend(kept.into_iter().map(|value| (header::SET_COOKIE, value)));
}

/// The other cookies that are set; `None` if ours is not.
fn others_set(headers: &HeaderMap) -> Option<Vec<HeaderValue>> {
    let said = headers.get_all(header::SET_COOKIE);
    said.iter().any(sets_ours).then(|| said.iter().filter(|one| !sets_ours(one)).cloned().collect())
}

/// Whether a browser may keep this under one of our names. One without a name is sent as its value
/// alone, which may look like a name and a value.
fn sets_ours(value: &HeaderValue) -> bool {
    let pair = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    let is_before = |byte: &u8| *byte == b'=' || byte.is_ascii_whitespace();
    let begin = pair.iter().position(|byte| !is_before(byte)).unwrap_or(pair.len());
    pair.get(begin..).is_some_and(is_ours)
}

fn has_one(value: &[u8]) -> bool {
    value.split(|byte| *byte == b';').any(is_ours)
}

/// Whether a pair is ours, with whatever blanks a server would pass over.
fn is_ours(pair: &[u8]) -> bool {
    let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
    name == SECURE_NAME.as_bytes() || name == PLAIN_NAME.as_bytes()
}

fn without(value: &[u8]) -> Vec<u8> {
    let pairs = value.split(|byte| *byte == b';');
    let kept: Vec<_> = pairs.filter(|pair| !is_ours(pair)).collect();
    let whole = kept.join(&b";"[..]);
    // What was before the first that is left is gone, and its separator with it.
    if has_first(value) { whole.trim_ascii_start().to_vec() } else { whole }
}

fn has_first(value: &[u8]) -> bool {
    value.split(|byte| *byte == b';').next().is_some_and(is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(sent: &[&'static str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for value in sent {
            headers.append(header::COOKIE, HeaderValue::from_static(value));
        }
        remove(&mut headers);
        let left = headers.get_all(header::COOKIE).into_iter();
        left.map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn it_is_taken_off_wherever_it_stands() {
        for (sent, expected) in [
            ("authgate=x", None),
            ("__Host-authgate=x", None),
            ("authgate=x; a=1", Some("a=1")),
            ("a=1; authgate=x", Some("a=1")),
            ("a=1; authgate=x; b=2", Some("a=1; b=2")),
            ("a=1;authgate=x;b=2", Some("a=1;b=2")),
            ("authgate=x; __Host-authgate=y; a=1; authgate=z", Some("a=1")),
            ("a=1; authgate =x", Some("a=1")),
            ("a=1;\tauthgate\t= x", Some("a=1")),
            ("a=1; authgate", Some("a=1")),
        ] {
            assert_eq!(left(&[sent]), expected.into_iter().collect::<Vec<_>>(), "{sent}");
        }
    }

    #[test]
    fn an_app_sets_none_of_our_names_and_all_of_its_own() {
        let said = [
            "a=1; Path=/",
            "authgate=x; Path=/admin",
            "__Host-authgate=x; Path=/; Secure",
            " authgate\t=x",
            "authgate",
            "=authgate=x",
            " = authgate=x",
            "b=authgate=x; Path=/authgate",
            "authgate2=x",
            "a=2",
            "",
        ];
        let mut response = ResponseHeader::build(200, None).unwrap();
        for value in said {
            response.append_header("set-cookie", value).unwrap();
        }
        let mut trailers = response.headers.clone();
        remove_from_response(&mut response).unwrap();
        remove_from_trailers(&mut trailers);
        let expected = ["a=1; Path=/", "b=authgate=x; Path=/authgate", "authgate2=x", "a=2", ""];
        for headers in [&response.headers, &trailers] {
            let left: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
            assert_eq!(left, expected);
        }
    }

    #[test]
    fn it_is_taken_off_every_header_and_crumb() {
        assert_eq!(left(&["a=1", "authgate=x", "b=2; __Host-authgate=y"]), ["a=1", "b=2"]);
        assert_eq!(left(&["authgate=x", "__Host-authgate=y"]), [""; 0]);
    }

    #[test]
    fn other_cookies_stay_byte_for_byte() {
        for sent in [
            "a=authgate=x; b=authgate",
            "authgate2=x; xauthgate=y; __Host-authgate-app=z",
            "  a = \"1; b=2\" ;; c",
            "Authgate=x",
            "",
        ] {
            assert_eq!(left(&[sent]), [sent], "{sent}");
        }
    }
}
