//! `/api/v1/…`: what the console does, for programs.
//!
//! A request shows an API key, and nothing else opens anything here: no cookie and no token. What can
//! be asked for stands in [`TABLE`]; a file here has the operations on one thing, each of which does
//! what the pages do, by [`crate::auth`].

mod account;
mod bulk;
mod document;
mod events;
mod explain;
mod limits;
mod networks;
mod operation;
mod overview;
mod reading;
mod routes;
mod settings;
mod tokens;
mod users;
mod values;

use self::operation::{Call, Served};
use super::asked::Asked;
use super::{Console, Settings};
use crate::api::{Credentials, Problem};
use crate::auth::{KeyCaller, KeySecret};
use http::{HeaderValue, Method, Response, header};

/// All that can be asked for.
const TABLE: &[&dyn Served] = &[
    &account::ShowDocument,
    &account::ShowKey,
    &events::List,
    &explain::Explain,
    &limits::List,
    &limits::Clear,
    &networks::List,
    &networks::Rule,
    &networks::Forget,
    &overview::Show,
    &routes::ListRoutes,
    &routes::ListUpstreams,
    &settings::List,
    &tokens::List,
    &tokens::Find,
    &tokens::Revoke,
    &users::List,
    &users::Create,
    &bulk::Act,
    &users::Show,
    &users::Change,
    &users::Delete,
    &users::SetPassword,
    &tokens::ListOf,
    &tokens::CreateFor,
    &tokens::RevokeAllOf,
];

/// Where it is, below the console's path.
pub(super) const PLACE: &str = "/api/v1";

/// Answers a request for a path below [`PLACE`].
pub(super) async fn answer(
    console: &Console,
    settings: &Settings,
    asked: &Asked,
    path: &str,
) -> Response<Vec<u8>> {
    let place = format!("{}{PLACE}", settings.path);
    let mut allowed = None;
    let answer = respond(console, settings, (asked, &place, path), &mut allowed).await;
    let mut response = answer.unwrap_or_else(|problem| problem.response("Bearer"));
    if let Some(allowed) = allowed.and_then(|methods| HeaderValue::try_from(methods).ok()) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

async fn respond(
    console: &Console,
    settings: &Settings,
    (asked, place, path): (&Asked, &str, &str),
    allowed: &mut Option<String>,
) -> Result<Response<Vec<u8>>, Problem> {
    if !settings.admits(asked.from) {
        return Err(Problem::Denied("The console cannot be reached from here.".to_owned()));
    }
    let caller = identify(console, settings, asked).await?;
    let mut found: Vec<_> =
        TABLE.iter().filter_map(|one| Some((one, parts(one.about().path, path)?))).collect();
    // `/users/bulk` is no user.
    let fewest = found.iter().map(|(_, parts)| parts.len()).min().ok_or(Problem::NotFound)?;
    found.retain(|(_, parts)| parts.len() == fewest);
    let method = if asked.method == Method::HEAD { &Method::GET } else { &asked.method };
    let Some((operation, parts)) = found.iter().find(|(one, _)| one.about().method == *method)
    else {
        let methods = found.iter().map(|(one, _)| one.about().method.to_string());
        *allowed = Some(methods.collect::<Vec<_>>().join(", "));
        return Err(Problem::MethodNotAllowed(asked.method.clone()));
    };
    let lacking = operation.about().right.filter(|right| !caller.key.rights.permit(*right));
    if let Some(right) = lacking {
        return Err(Problem::Denied(format!("The key does not have the right {right}.")));
    }
    let (auth, gateway) = (&*console.auth, &console.gateway);
    let reading = console.reading.load_full();
    let call = Call { asked, auth, caller: &caller, gateway, reading, place };
    operation.serve(&call, parts).await
}

/// Who calls. Only a key says so.
async fn identify(
    console: &Console,
    settings: &Settings,
    asked: &Asked,
) -> Result<KeyCaller, Problem> {
    // Tokens are for the apps. Nobody should think that one opened anything here.
    let no_token = || Problem::Denied("A token opens no door of the console.".to_owned());
    if asked.has_token() {
        return Err(no_token());
    }
    let mut values = asked.headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().map(HeaderValue::as_bytes);
    if values.next().is_some() {
        return Err(Problem::InvalidToken("Invalid token header. There are several."));
    }
    match Credentials::parse(value, "Bearer")? {
        Credentials::Foreign => Err(no_token()),
        Credentials::None => Err(Problem::NotAuthenticated),
        Credentials::Token(token) => {
            let secret = KeySecret::parse(token.expose()).ok_or_else(no_token)?;
            let caller = console.auth.key_caller(&secret, asked.from).await?;
            // Whoever knows the owner's password may have made the key.
            if caller.owner.must_change {
                return Err(Problem::MustChangePassword);
            }
            let owner = caller.owner.id;
            if settings.require_totp && !console.auth.has_second_factor(owner).await? {
                return Err(Problem::Denied(
                    "The key's owner must set up an authenticator app.".to_owned(),
                ));
            }
            Ok(caller)
        }
    }
}

/// The variable parts of a path, if it is of this template.
fn parts<'a>(template: &'static str, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (mut wanted, mut there) = (template.split('/'), path.split('/'));
    let mut parts = Vec::new();
    loop {
        match (wanted.next(), there.next()) {
            (None, None) => return Some(parts),
            (Some(wanted), Some(there)) => {
                let name = wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
                match name {
                    Some(name) if !there.is_empty() => parts.push((name, there)),
                    None if wanted == there => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_one_template_or_of_none() {
        assert_eq!(parts("/users", "/users"), Some(vec![]));
        assert_eq!(parts("/users", "/users/"), Some(vec![]));
        assert_eq!(parts("/users/{id}", "/users/7"), Some(vec![("id", "7")]));
        for path in ["", "/", "/user", "/Users", "/users/7/x", "//users", "/users//"] {
            assert_eq!(parts("/users", path), None, "{path}");
        }
        assert_eq!(parts("/users/{id}", "/users/"), None);
    }

    #[test]
    fn no_two_operations_are_one() {
        for (place, one) in TABLE.iter().enumerate() {
            let (one, rest) = (one.about(), &TABLE[place + 1..]);
            for other in rest.iter().map(|other| other.about()) {
                assert_ne!(one.id, other.id);
                assert_ne!((one.method.clone(), one.path), (other.method, other.path));
            }
        }
    }
}
