//! What the app is told of the caller.

use super::head::fold;
use crate::model::identity::Identity;
use http::HeaderName;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};

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

impl IdentityHeaders {
    /// Takes off whatever the client said of itself, then says who it is.
    pub(super) fn replace(
        &self,
        outgoing: &mut RequestHeader,
        caller: Option<&Identity>,
    ) -> Result<()> {
        for name in self.forged_in(outgoing.headers.keys()) {
            outgoing.remove_header(&name);
        }
        let Some(caller) = caller else { return Ok(()) };
        outgoing.insert_header(self.user.clone(), encode(caller.names.username()))?;
        outgoing.insert_header(self.user_id.clone(), caller.user.to_string())?;
        outgoing.insert_header(self.staff.clone(), caller.is_staff.to_string())?;
        if !caller.names.email().is_empty() {
            outgoing.insert_header(self.email.clone(), encode(caller.names.email()))?;
        }
        Ok(())
    }

    /// An app that repeats what it was told tells its clients nothing.
    pub(super) fn remove_from_response(&self, response: &mut ResponseHeader) {
        for name in self.forged_in(response.headers.keys()) {
            response.remove_header(&name);
        }
    }

    fn forged_in<'a>(&self, names: impl Iterator<Item = &'a HeaderName>) -> Vec<HeaderName> {
        let own =
            [&self.email, &self.staff, &self.user, &self.user_id].map(|name| fold(name.as_str()));
        let family = family(&own);
        let is_forged = |name: &&HeaderName| {
            let folded = fold(name.as_str());
            own.contains(&folded) || family.is_some_and(|family| folded.starts_with(family))
        };
        names.filter(is_forged).cloned().collect()
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

/// Printable ASCII stays as it is; all else, and the percent sign, becomes percent-encoded UTF-8.
fn encode(value: &str) -> String {
    const NOT_PRINTABLE: &AsciiSet = &CONTROLS.add(b'%');
    utf8_percent_encode(value, NOT_PRINTABLE).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::identity::Names;
    use crate::model::token::TokenId;
    use crate::model::user::UserId;

    fn names(names: [&'static str; 4]) -> IdentityHeaders {
        let [user, user_id, email, staff] = names.map(|name| name.parse().unwrap());
        IdentityHeaders { email, staff, user, user_id }
    }

    fn default() -> IdentityHeaders {
        names(["X-Auth-User", "X-Auth-User-Id", "X-Auth-Email", "X-Auth-Staff"])
    }

    fn left(headers: &IdentityHeaders, sent: &[&str], caller: Option<&Identity>) -> Vec<String> {
        let mut outgoing = RequestHeader::build("GET", b"/", None).unwrap();
        for name in sent {
            outgoing.append_header((*name).to_owned(), "evil").unwrap();
        }
        headers.replace(&mut outgoing, caller).unwrap();
        let shown = outgoing
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let mut shown: Vec<_> = shown.collect();
        shown.sort();
        shown
    }

    fn ada() -> Identity {
        let user = UserId(7);
        Identity {
            expires: None,
            is_staff: false,
            names: Names::new("Ünal", "ada@example.com"),
            token: TokenId { user, head: 0 },
            user,
        }
    }

    #[test]
    fn the_whole_family_is_taken_off_in_every_spelling() {
        let sent = [
            "X-Auth-User",
            "x_auth_user_id",
            "X-Auth_Email",
            "X-AUTH",
            "x-auth.staff",
            "X-Authentic",
        ];
        assert_eq!(left(&default(), &sent, None), [""; 0]);
    }

    #[test]
    fn other_headers_stay() {
        assert_eq!(left(&default(), &["X-Aut", "X-User", "Cookie"], None).len(), 3);
    }

    #[test]
    fn who_calls_is_said_once_and_in_ascii() {
        let expected = [
            "x-auth-email: ada@example.com",
            "x-auth-staff: false",
            "x-auth-user-id: 7",
            "x-auth-user: %C3%9Cnal",
        ];
        assert_eq!(left(&default(), &["X-Auth-User", "X-Auth-User"], Some(&ada())), expected);
    }

    #[test]
    fn names_without_a_family_are_taken_off_by_themselves() {
        let headers = names(["Remote-User", "X-Id", "X-Email", "X-Staff"]);
        assert_eq!(left(&headers, &["remote_user", "X_Id", "X-Other"], None), ["x-other: evil"]);
    }

    #[test]
    fn a_percent_sign_is_encoded() {
        assert_eq!(encode("a%b c\u{7f}"), "a%25b c%7F");
    }
}
