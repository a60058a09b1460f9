//! Paths that mean the same to us and to the upstream.

use percent_encoding::percent_decode;
use std::fmt::Write;

/// A path with one reading: what policy matches is, byte for byte, what goes upstream.
///
/// Escapes of unreserved characters (RFC 3986, section 2.3) are undone and all others are in upper
/// case. There are no empty, dot or parameter segments, no backslashes and no control characters,
/// neither plain nor escaped, and nothing that is escaped twice. Dot segments are seen through the
/// characters of Unicode that look like dots and slashes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CleanPath(String);

impl CleanPath {
    /// Reads the path of a request target, without its query.
    pub fn parse(raw: &str) -> Result<Self, AmbiguousPath> {
        // Most paths have nothing to undo.
        if raw.bytes().all(|byte| is_unreserved(byte) || byte == b'/') {
            has_one_reading(raw)?;
            return Ok(Self(raw.to_owned()));
        }
        let clean = normalize(raw)?;
        has_one_reading(&clean)?;
        let decoded = percent_decode(clean.as_bytes()).decode_utf8();
        let decoded = decoded.map_err(|_| AmbiguousPath)?;
        has_one_reading(&decoded)?;
        let has_other_segments = decoded.matches('/').count() != clean.matches('/').count();
        if has_other_segments || has_escape(&decoded) {
            return Err(AmbiguousPath);
        }
        if !decoded.is_ascii() {
            has_one_reading(&fold_look_alikes(&decoded))?;
        }
        Ok(Self(clean))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The path could be read in more than one way.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the path can be read in more than one way")]
pub struct AmbiguousPath;

/// Undoes the escapes that mean nothing and writes the others in one way.
fn normalize(raw: &str) -> Result<String, AmbiguousPath> {
    let mut clean = String::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = (bytes.next().and_then(hex), bytes.next().and_then(hex));
                let (Some(high), Some(low)) = digits else { return Err(AmbiguousPath) };
                let decoded = high << 4 | low;
                if is_unreserved(decoded) {
                    clean.push(char::from(decoded));
                } else {
                    // Writing to a String cannot fail.
                    let _ = write!(clean, "%{decoded:02X}");
                }
            }
            b'#' | b'?' => return Err(AmbiguousPath),
            b'!'..=b'~' => clean.push(char::from(byte)),
            _ => return Err(AmbiguousPath),
        }
    }
    Ok(clean)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Whether a path that was decoded once could be decoded again.
fn has_escape(decoded: &str) -> bool {
    decoded.as_bytes().windows(3).any(|window| match window {
        [b'%', high, low] => hex(*high).is_some() && hex(*low).is_some(),
        _ => false,
    })
}

/// The path as an app reads it that takes other characters for the dots and slashes that they look
/// like: some systems do so where text meets file names.
fn fold_look_alikes(path: &str) -> String {
    let fold = |char| match char {
        '\u{2024}'..='\u{2026}' | '\u{ff0e}' => '.',
        '\u{2044}' | '\u{2215}' | '\u{ff0f}' | '\u{ff3c}' => '/',
        other => other,
    };
    path.chars().map(fold).collect()
}

/// RFC 3986, section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn has_one_reading(path: &str) -> Result<(), AmbiguousPath> {
    let segments = path.strip_prefix('/').ok_or(AmbiguousPath)?;
    let is_confusing = |char: char| char.is_control() || char == '\\' || char == ';';
    if path.contains(is_confusing) {
        return Err(AmbiguousPath);
    }
    let mut segments = segments.split('/').rev();
    // Only the last segment may be empty: that is a final slash.
    let last = segments.next().unwrap_or_default();
    if (!last.is_empty() && is_dots(last)) || segments.any(is_dots) {
        return Err(AmbiguousPath);
    }
    Ok(())
}

/// Whether a segment is empty, dots, or what some systems take for dots: with blanks, or cut off
/// where a query or a fragment could begin.
fn is_dots(segment: &str) -> bool {
    let segment = segment.split(['?', '#']).next().unwrap_or_default();
    segment.chars().all(|char| char == '.' || char.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_stays_as_it_is() {
        for path in [
            "/",
            "/a",
            "/a/",
            "/a.b/c-d_e~f",
            "/a%20b",
            "/%C3%A9",
            "/a:b@c!$&'()*+,=",
            "/tags/c%23",
            "/what%3F",
            "/.well-known/x",
            "/Fate%EF%BC%8FZero",
            "/and%20so%20on%E2%80%A6",
        ] {
            assert_eq!(CleanPath::parse(path).unwrap().as_str(), path);
        }
    }

    #[test]
    fn escapes_are_written_in_one_way() {
        for (raw, clean) in [
            ("/%65cho", "/echo"),
            ("/%7euser", "/~user"),
            ("/%c3%a9", "/%C3%A9"),
            ("/100%25", "/100%25"),
            ("/5%25zz", "/5%25zz"),
        ] {
            assert_eq!(CleanPath::parse(raw).unwrap().as_str(), clean);
        }
    }

    #[test]
    fn what_can_be_read_two_ways_is_refused() {
        for path in [
            "",
            "a",
            "*",
            "?q",
            "\\p",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/a/./b",
            "/a/../b",
            "/a/..",
            "/%2e%2e/b",
            "/.%2E/b",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a;v=1",
            "/a%3bb",
            "/..;/b",
            "/%00",
            "/a%0ab",
            "/a%7f",
            "/a#b",
            "/%",
            "/%4",
            "/%zz",
            "/%c0%af",
            "/%ff",
            "/é",
            "/a b",
            "/%252e%252e/b",
            "/%25252e%25252e/b",
            "/a%252fb",
            "/..%20/b",
            "/.../b",
            "/a%255cb",
            "/%2520/b",
            "/%2561dmin",
            "/a/..%3Fx/b",
            "/a/..%23",
            "/a/%3fx",
        ] {
            assert_eq!(CleanPath::parse(path), Err(AmbiguousPath), "{path}");
        }
    }

    #[test]
    fn dot_segments_are_seen_through_what_looks_like_dots_and_slashes() {
        for path in [
            "/a/%EF%BC%8E%EF%BC%8E/b",
            "/a/%E2%80%A5/b",
            "/a/.%E2%80%A4",
            "/a/..%EF%BC%8Fb",
            "/a/..%EF%BC%BCb",
            "/a%E2%81%84..%E2%88%95b",
        ] {
            assert_eq!(CleanPath::parse(path), Err(AmbiguousPath), "{path}");
        }
    }
}
