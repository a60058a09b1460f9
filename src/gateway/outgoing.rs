//! What a request says on its way to the app.

use super::client::{self, Client};
use super::console_cookie;
use super::head::{self, fold};
use super::identity_headers::Identification;
use super::live::Live;
use super::once;
use super::upstream;
use crate::api::Credentials;
use crate::auth::KeySecret;
use crate::model::identity::Identity;
use crate::policy::{Access, HeaderEdits, Permit, Route};
use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use pingora::Result;
use pingora::http::RequestHeader;
use std::mem;

/// Edits the headers of a request as a plain map.
///
/// By Pingora's own methods each change would be made twice, a second time in a map of how names were
/// spelt. Without that map names go to the app in lower case, as from every client of HTTP/2.
fn edit(
    request: &mut RequestHeader,
    edit: impl FnOnce(&mut HeaderMap) -> Result<()>,
) -> Result<()> {
    let (blank, ()) = http::Request::new(()).into_parts();
    let mut parts = http::request::Parts::from(mem::replace(request, blank.into()));
    let edited = edit(&mut parts.headers);
    *request = parts.into();
    edited
}

/// What the app is told of a request by us and not by its client.
pub(super) struct Told<'a> {
    pub caller: Option<&'a Identity>,
    pub client: &'a Client,
    pub edits: &'a HeaderEdits,
    pub identification: &'a Identification,
    pub keeps_authorization: bool,
    pub request_id: &'a HeaderValue,
}

impl<'a> Told<'a> {
    /// What the app is told of a request that may pass.
    pub(super) fn of(
        permit: &'a Permit,
        client: &'a Client,
        live: &'a Live,
        request: &RequestHeader,
        request_id: &'a HeaderValue,
    ) -> Self {
        Self {
            caller: permit.caller(),
            client,
            edits: &permit.route().request_headers,
            identification: &live.identification,
            keeps_authorization: keeps_authorization(request, permit.route(), live),
            request_id,
        }
    }

    /// Writes it into a request, with the target that the app gets, if that is another one.
    pub(super) fn write(&self, request: &mut RequestHeader, target: Option<&str>) -> Result<()> {
        if let Some(target) = target {
            head::set_target(request, target)?;
        }
        let speaks_h2 = request.version == Version::HTTP_2;
        edit(request, |headers| {
            self.write_headers(headers)?;
            if speaks_h2 {
                upstream::restore_te(headers);
            }
            Ok(())
        })
    }

    /// Takes off, in every spelling, what a client must not say, and then says it ourselves.
    fn write_headers(&self, headers: &mut HeaderMap) -> Result<()> {
        let asked = self.client.asked_for(headers);
        let names = headers.keys();
        let forged: Vec<_> = names.filter(|name| self.must_go(name)).cloned().collect();
        for name in forged {
            headers.remove(name);
        }
        console_cookie::remove(headers);
        once::tidy(headers);
        self.client.describe(headers, asked, self.request_id)?;
        headers.extend(self.edits.set.iter().cloned());
        self.caller.map_or(Ok(()), |caller| self.identification.set(headers, caller))
    }

    fn must_go(&self, name: &HeaderName) -> bool {
        let folded = fold(name.as_str());
        self.identification.is_forgeable(&folded)
            || client::is_about_origin(&folded)
            || head::is_look_alike(name, &folded)
            || self.edits.names().any(|edited| fold(edited.as_str()) == folded)
            || (*name == header::AUTHORIZATION && !self.keeps_authorization)
    }
}

/// Writes a request that nobody guards, as it came: but for what is of the console, which is as secret
/// as ever and no app's.
pub(super) fn write_unguarded(request: &mut RequestHeader, target: Option<&str>) -> Result<()> {
    if let Some(target) = target {
        head::set_target(request, target)?;
    }
    let values = request.headers.get_all(header::AUTHORIZATION);
    let has_key = values.iter().any(|value| KeySecret::is_mentioned(value.as_bytes()));
    let speaks_h2 = request.version == Version::HTTP_2;
    // Where nothing is changed, names stay as they were spelt.
    if !has_key && !speaks_h2 && !console_cookie::is_in(&request.headers) {
        return Ok(());
    }
    edit(request, |headers| {
        console_cookie::remove(headers);
        if has_key {
            headers.remove(header::AUTHORIZATION);
        }
        if speaks_h2 {
            upstream::restore_te(headers);
        }
        Ok(())
    })
}

/// Names the server's own host to it where the client, which spoke HTTP/1.0, has named none: in HTTP/1.1
/// there must be one (RFC 9112, section 3.2).
pub(super) fn name_host(request: &mut RequestHeader, own: Option<&str>) -> Result<()> {
    request.insert_header(header::HOST, own.unwrap_or_default())
}

/// The app learns who calls from us alone, unless its route says otherwise. What is of another scheme
/// is a public app's own; a key of the console is no app's.
fn keeps_authorization(request: &RequestHeader, route: &Route, live: &Live) -> bool {
    let values = || request.headers.get_all(header::AUTHORIZATION).into_iter();
    let names_ours =
        |value: &HeaderValue| Credentials::mention(value.as_bytes(), &live.settings.scheme);
    let has_key = || values().any(|value| KeySecret::is_mentioned(value.as_bytes()));
    let may_keep = route.forwards_authorization
        || (route.access == Access::Public && !values().any(names_ours));
    may_keep && !has_key()
}

#[cfg(test)]
mod tests {
    use super::super::IdentityHeaders;
    use super::*;
    use crate::model::identity::Names;
    use crate::model::user::UserId;

    fn ada() -> Identity {
        let user = UserId(7);
        Identity {
            epoch: 0,
            is_staff: false,
            lasts: None,
            must_change: false,
            names: Names::new("Ünal", "ada@example.com"),
            user,
        }
    }

    fn identity_headers(names: [&'static str; 4]) -> IdentityHeaders {
        let [user, user_id, email, staff] = names.map(|name| name.parse().unwrap());
        IdentityHeaders { email, staff, user, user_id }
    }

    /// What the app is told after a client has sent these headers, beside where they came from.
    fn told(names: IdentityHeaders, sent: &[&str], caller: Option<&Identity>) -> Vec<String> {
        told_with(&HeaderEdits::default(), names, sent, caller)
    }

    fn told_with(
        edits: &HeaderEdits,
        names: IdentityHeaders,
        sent: &[&str],
        caller: Option<&Identity>,
    ) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for name in sent {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_static("evil"));
        }
        let told = Told {
            caller,
            client: &Client::at("192.0.2.1".parse().unwrap()),
            edits,
            identification: &Identification::new(names),
            keeps_authorization: false,
            request_id: &HeaderValue::from_static("id"),
        };
        told.write_headers(&mut headers).unwrap();
        let shown =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let mut shown: Vec<_> = shown.collect();
        let ours = ["x-forwarded-for: 192.0.2.1", "x-forwarded-proto: http", "x-request-id: id"];
        assert!(ours.iter().all(|ours| shown.contains(&(*ours).to_owned())), "{shown:?}");
        shown.retain(|line| !ours.contains(&line.as_str()));
        shown.sort();
        shown
    }

    fn by_default(sent: &[&str], caller: Option<&Identity>) -> Vec<String> {
        let names = ["X-Auth-User", "X-Auth-User-Id", "X-Auth-Email", "X-Auth-Staff"];
        told(identity_headers(names), sent, caller)
    }

    #[test]
    fn the_whole_family_is_taken_off_in_every_spelling() {
        let sent = ["X-Auth-User", "x_auth_user_id", "X-Auth_Email", "X-AUTH", "x-auth.staff"];
        assert_eq!(by_default(&sent, None), [""; 0]);
        assert_eq!(by_default(&["X-Authentic"], None), [""; 0]);
    }

    #[test]
    fn names_without_a_family_are_taken_off_by_themselves() {
        let names = identity_headers(["Remote-User", "X-Id", "X-Email", "X-Staff"]);
        assert_eq!(told(names, &["remote_user", "X_Id", "X-Other"], None), ["x-other: evil"]);
    }

    #[test]
    fn other_headers_stay() {
        assert_eq!(by_default(&["X-Aut", "X-User", "Cookie"], None).len(), 3);
    }

    #[test]
    fn credentials_and_what_looks_like_a_deciding_header_go() {
        let sent = ["Authorization", "Content_Length", "transfer.encoding", "HOST_"];
        assert_eq!(by_default(&sent, None), ["host_: evil"]);
    }

    #[test]
    fn who_calls_is_said_once_and_in_ascii() {
        let expected = [
            "x-auth-email: ada@example.com",
            "x-auth-staff: false",
            "x-auth-user-id: 7",
            "x-auth-user: %C3%9Cnal",
        ];
        assert_eq!(by_default(&["X-Auth-User", "X-Auth-User"], Some(&ada())), expected);
    }

    #[test]
    fn what_a_route_sets_or_removes_is_taken_off_in_every_spelling() {
        let [env, debug] = ["x-env", "x-debug"].map(|name| name.parse().unwrap());
        let edits =
            HeaderEdits { remove: vec![debug], set: vec![(env, HeaderValue::from_static("prod"))] };
        let names = ["X-Auth-User", "X-Auth-User-Id", "X-Auth-Email", "X-Auth-Staff"];
        let sent = ["X-Env", "X_ENV", "X-Debug", "x_debug", "X-Other"];
        let told = told_with(&edits, identity_headers(names), &sent, None);
        assert_eq!(told, ["x-env: prod", "x-other: evil"]);
    }

    #[test]
    fn what_a_client_says_of_its_origin_is_replaced() {
        let sent =
            ["X-Forwarded-Host", "X_Forwarded_Proto", "Forwarded", "X-Real-IP", "X-Original-URL"];
        assert_eq!(by_default(&sent, None), [""; 0]);
        let with_host = by_default(&["Host", "X-Forwarded-Host"], None);
        assert_eq!(with_host, ["host: evil", "x-forwarded-host: evil"]);
    }
}
