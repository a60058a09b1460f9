//! Headers that an app must get once: a cookie's, and those of a trace.

use http::{HeaderMap, HeaderName, HeaderValue, header};

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

/// Sees to it that each is there once, or not at all.
pub(super) fn tidy(headers: &mut HeaderMap) {
    join_cookies(headers);
    keep_a_sound_trace(headers);
}

/// Makes one header of a cookie's crumbs, in which HTTP/2 may send it (RFC 9113, section 8.2.3): of
/// several headers an app of HTTP/1 might read the first alone.
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let crumbs = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    let whole = crumbs.collect::<Vec<_>>().join(&b"; "[..]);
    match HeaderValue::from_bytes(&whole) {
        Ok(whole) => drop(headers.insert(header::COOKIE, whole)),
        // Cannot be: each crumb was a value.
        Err(_) => drop(headers.remove(header::COOKIE)),
    }
}

/// Takes a trace (W3C Trace Context) off unless it is said once and in the one way there is: apps and
/// their collectors read it, and log it.
fn keep_a_sound_trace(headers: &mut HeaderMap) {
    let mut parents = headers.get_all(PARENT).iter();
    let is_sound = match (parents.next(), parents.next()) {
        (None, _) => return,
        (Some(parent), None) => is_parent(parent.as_bytes()),
        (Some(_), Some(_)) => false,
    };
    if !is_sound {
        headers.remove(PARENT);
        headers.remove(STATE);
    }
}

/// `VERSION-TRACE-PARENT-FLAGS`, in lower-case hexadecimal; later versions may add to it.
fn is_parent(value: &[u8]) -> bool {
    const LENGTHS: [usize; 4] = [2, 32, 16, 2];
    const LONGEST: usize = 128;
    let mut parts = value.split(|byte| *byte == b'-');
    let parts: [_; 4] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let is_hex = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_zero = |part: &[u8]| part.iter().all(|byte| *byte == b'0');
    let [version, trace, parent, _] = parts;
    let are_sound =
        parts.iter().zip(LENGTHS).all(|(part, length)| part.len() == length && is_hex(part));
    let is_end = match version {
        b"00" => value.len() == 55,
        b"ff" => false,
        _ => value.len() <= LONGEST && value.iter().all(u8::is_ascii_graphic),
    };
    are_sound && is_end && !is_zero(trace) && !is_zero(parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const SOUND: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// What is left of these parents, and of the state beside them.
    fn kept(parents: &[&str]) -> (usize, usize) {
        let mut headers = HeaderMap::new();
        for parent in parents {
            headers.append(PARENT, HeaderValue::from_str(parent).unwrap());
        }
        headers.append(STATE, HeaderValue::from_static("a=b"));
        tidy(&mut headers);
        (headers.get_all(PARENT).iter().count(), headers.get_all(STATE).iter().count())
    }

    #[test]
    fn the_crumbs_of_a_cookie_become_one_header_in_their_order() {
        let mut headers = HeaderMap::new();
        for crumb in ["a=1", "b=2; c=3", "d=4"] {
            headers.append(header::COOKIE, HeaderValue::from_static(crumb));
        }
        tidy(&mut headers);
        let cookies: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3; d=4"]);
    }

    #[test]
    fn a_sound_trace_stays() {
        assert_eq!(kept(&[SOUND]), (1, 1));
        assert_eq!(kept(&[&SOUND.replacen("00", "01", 1)]), (1, 1));
        assert_eq!(kept(&[&(SOUND.replacen("00", "01", 1) + "-more")]), (1, 1));
    }

    #[test]
    fn a_trace_that_is_malformed_or_said_twice_goes() {
        let long = SOUND.replacen("00", "01", 1) + "-" + &"a".repeat(8_000);
        for parents in [
            &[SOUND, SOUND][..],
            &[""],
            &[&SOUND.to_uppercase()],
            &[&SOUND.replacen("00", "ff", 1)],
            &[&(SOUND.to_owned() + "-more")],
            &[&(SOUND.to_owned() + "%0d%0a")],
            &["00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
            &["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"],
            &["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"],
            &[&long],
        ] {
            assert_eq!(kept(parents), (0, 0), "{parents:?}");
        }
    }
}
