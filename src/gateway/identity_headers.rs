//! What the app is told of the caller.

use super::head::fold;
use crate::model::identity::Identity;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pingora::http::ResponseHeader;
use pingora::{ErrorType, OrErr, Result};
use std::borrow::Cow;

/// The headers that tell the app who calls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdentityHeaders {
    /// The user's address, if they have one.
    pub email: HeaderName,
    /// `true` or `false`.
    pub staff: HeaderName,
    /// The user's name.
    pub user: HeaderName,
    /// The user's number.
    pub user_id: HeaderName,
}

/// Says who calls, and knows what nobody else may say of that.
pub struct Identification {
    /// What the names of all of them begin with.
    family: Option<String>,
    /// The names, folded.
    folded: [String; 4],
    names: IdentityHeaders,
}

impl Identification {
    /// Speaks by these headers.
    pub fn new(names: IdentityHeaders) -> Self {
        let IdentityHeaders { email, staff, user, user_id } = &names;
        let folded = [email, staff, user, user_id].map(|name| fold(name.as_str()).into_owned());
        Self { family: family(&folded).map(str::to_owned), folded, names }
    }

    /// Whether a header, whose name is folded, could be taken for one that says who calls.
    pub fn is_forgeable(&self, folded: &str) -> bool {
        self.folded.iter().any(|own| own == folded)
            || self.family.as_ref().is_some_and(|family| folded.starts_with(family))
    }

    /// Says who calls. Whatever could be taken for that must be off.
    pub fn set(&self, headers: &mut HeaderMap, caller: &Identity) -> Result<()> {
        const FLAG: [HeaderValue; 2] =
            [HeaderValue::from_static("false"), HeaderValue::from_static("true")];
        let [no, yes] = FLAG;
        headers.insert(&self.names.user, encode(caller.names.username())?);
        headers.insert(&self.names.user_id, caller.user.0.into());
        headers.insert(&self.names.staff, if caller.is_staff { yes } else { no });
        if !caller.names.email().is_empty() {
            headers.insert(&self.names.email, encode(caller.names.email())?);
        }
        Ok(())
    }

    /// An app that repeats what it was told tells its clients nothing.
    pub(super) fn remove_from_response(&self, response: &mut ResponseHeader) {
        for name in self.forgeable(&response.headers) {
            response.remove_header(&name);
        }
    }

    /// Nor by what follows an answer.
    pub(super) fn remove_from_trailers(&self, trailers: &mut HeaderMap) {
        for name in self.forgeable(trailers) {
            trailers.remove(name);
        }
    }

    fn forgeable(&self, headers: &HeaderMap) -> Vec<HeaderName> {
        let names = headers.keys();
        names.filter(|name| self.is_forgeable(&fold(name.as_str()))).cloned().collect()
    }
}

/// What all the names begin with, up to a hyphen and without it: `x-auth` under the default names.
/// A family as wide as `x` would take the app's own headers, so it is none.
fn family(names: &[String; 4]) -> Option<&str> {
    let [first, rest @ ..] = names;
    let mut ends = first.rmatch_indices('-').map(|(hyphen, _)| hyphen);
    let is_shared = |end: &usize| {
        first.get(..=*end).is_some_and(|head| rest.iter().all(|name| name.starts_with(head)))
    };
    first.get(..ends.find(is_shared)?).filter(|family| family.contains('-'))
}

/// Printable ASCII stays as it is; all else becomes percent-encoded UTF-8. So does what readers of headers
/// may take for something else: the percent sign, a comma, by which lists are cut, and blanks at either
/// end, which would be off: " ada" is not ada.
fn encode(value: &str) -> Result<HeaderValue> {
    const NOT_PLAIN: &AsciiSet = &CONTROLS.add(b'%').add(b',');
    let mut encoded = Cow::from(utf8_percent_encode(value, NOT_PLAIN));
    let inner = encoded.trim_matches(' ');
    if inner.len() < encoded.len() {
        let before = encoded.len() - encoded.trim_start_matches(' ').len();
        let after = encoded.len() - inner.len() - before;
        let [before, after] = [before, after].map(|blanks| "%20".repeat(blanks));
        encoded = format!("{before}{inner}{after}").into();
    }
    HeaderValue::from_str(&encoded).or_err(ErrorType::InternalError, "identity")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_is_encoded() {
        assert_eq!(encode("a%b c\u{7f}").unwrap(), "a%25b c%7F");
    }

    #[test]
    fn what_readers_of_headers_would_cut_is_encoded() {
        for (name, told) in [
            ("John Smith", "John Smith"),
            (" ada", "%20ada"),
            ("ada b  ", "ada b%20%20"),
            ("   ", "%20%20%20"),
            ("ada, admin", "ada%2C admin"),
            ("\u{a0}ada", "%C2%A0ada"),
            ("\"ada\"; q=1", "\"ada\"; q=1"),
        ] {
            assert_eq!(encode(name).unwrap(), told, "{name:?}");
        }
    }
}
