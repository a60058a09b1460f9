//! The endpoints that the gateway answers itself: functions from request to response.

mod change_password;
mod credentials;
mod drf;
mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
mod grpc;
mod login;
mod logout;
mod metadata;
mod rate_limit;
mod register;

pub use self::credentials::Credentials;
pub use self::drf::{Problem, sentence};
pub use self::grpc::is_grpc;
pub use self::rate_limit::rate_limit_fields;

use crate::auth::{Auth, AuthError};
use crate::model::token::Token;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, header};
use std::net::IpAddr;

/// A request to one of the endpoints.
pub struct ApiRequest {
    /// The body, or why there is none. Only endpoints that need it look at it.
    pub body: Result<Bytes, BodyError>,
    /// The `Content-Type`, as sent.
    pub content_type: String,
    /// What its `Authorization` header says.
    pub credentials: Result<Credentials, Problem>,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The address of the client.
    pub from: IpAddr,
    /// The method.
    pub method: Method,
    /// With what program the client asks, as [`crate::model::token::TokenAbout::tidy`] keeps it.
    pub user_agent: Option<String>,
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyError {
    /// It broke off.
    Incomplete,
    /// The bodies that are here already take all the memory that there is for them.
    NoRoom,
    /// It is larger than this many bytes.
    TooLarge(usize),
    /// It took too long to arrive.
    TooSlow,
}

/// What the gateway answers itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Endpoint {
    /// `/api/password/change/`
    ChangePassword,
    /// `/api/login/`
    Login,
    /// `/api/logout/`
    Logout,
    /// `/api/logoutall/`
    LogoutAll,
    /// `/api/register/`
    Register,
}

/// Which endpoints there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Endpoints {
    /// Whether users may change their passwords. Where they may not, the path is like any other.
    pub change_password: bool,
}

impl Endpoints {
    /// The path of an endpoint that is at, above or below a path, which has no final slash.
    pub fn near(self, path: &str) -> Option<&'static str> {
        const PATHS: [&str; 5] = [
            "/api/login/",
            "/api/logout/",
            "/api/logoutall/",
            "/api/password/change/",
            "/api/register/",
        ];
        let path = format!("{path}/");
        let mut own = PATHS.into_iter().filter(|own| self.at(own).is_some());
        own.find(|own| own.starts_with(&path) || path.starts_with(own))
    }

    /// The endpoint at a path, with or without its final slash.
    pub fn at(self, path: &str) -> Option<Endpoint> {
        match path.strip_suffix('/').unwrap_or(path) {
            "/api/login" => Some(Endpoint::Login),
            "/api/logout" => Some(Endpoint::Logout),
            "/api/logoutall" => Some(Endpoint::LogoutAll),
            "/api/password/change" if self.change_password => Some(Endpoint::ChangePassword),
            "/api/register" => Some(Endpoint::Register),
            _ => None,
        }
    }
}

/// Answers a request, in the order of Django REST framework's checks: credentials, method, media
/// type, body, fields, the work. `scheme` is that of the `Authorization` header.
pub async fn answer(auth: &Auth, request: ApiRequest, scheme: &str) -> Response<Vec<u8>> {
    let (mut response, is_ours) = match respond(auth, request).await {
        Ok(response) => (response, true),
        Err(problem) => (problem.response(scheme), problem.is_of_an_endpoint()),
    };
    if is_ours {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    }
    response
}

async fn respond(auth: &Auth, request: ApiRequest) -> Result<Response<Vec<u8>>, Problem> {
    let ApiRequest { body, content_type, credentials, endpoint, from, method, user_agent } =
        request;
    // A dead token is refused even where nobody need show one.
    let caller = match credentials? {
        Credentials::Foreign | Credentials::None => None,
        Credentials::Token(token) => match auth.authenticate(&token, from).await {
            Ok(identity) => Some((token, identity)),
            Err(error) => {
                if method == Method::POST {
                    end_later(auth, endpoint, &token, &error);
                }
                return Err(error.into());
            }
        },
    };
    let caller = match endpoint {
        Endpoint::Login | Endpoint::Register => None,
        Endpoint::ChangePassword | Endpoint::Logout | Endpoint::LogoutAll => {
            Some(caller.ok_or(Problem::NotAuthenticated)?)
        }
    };
    if method == Method::OPTIONS {
        return Ok(drf::reply(http::StatusCode::OK, &metadata::of(endpoint)));
    }
    if method != Method::POST {
        return Err(Problem::MethodNotAllowed(method));
    }
    match (endpoint, caller) {
        (Endpoint::ChangePassword, Some((token, caller))) => {
            let form = form::read(&content_type, body).await?;
            change_password::change_password(auth, (&token, &caller), form, from).await
        }
        (Endpoint::Login, _) => {
            login::login(auth, form::read(&content_type, body).await?, from, user_agent).await
        }
        (Endpoint::Register, _) => {
            let form = register::read(auth, &content_type, body).await?;
            register::register(auth, form, from, user_agent).await
        }
        (Endpoint::Logout, Some((token, caller))) => {
            logout::logout(auth, &token, &caller, from).await
        }
        (Endpoint::LogoutAll, Some((_, caller))) => logout::logout_all(auth, &caller, from).await,
        (Endpoint::ChangePassword | Endpoint::Logout | Endpoint::LogoutAll, None) => {
            Err(Problem::NotAuthenticated)
        }
    }
}

/// Who wants to end tokens while the store cannot tell whose they are hears that it is not done. It is
/// begun all the same.
fn end_later(auth: &Auth, endpoint: Endpoint, token: &Token, why: &AuthError) {
    let AuthError::Store(_) = why else { return };
    match endpoint {
        Endpoint::Logout => auth.logout_later(token),
        Endpoint::LogoutAll => auth.logout_all_later(token),
        Endpoint::ChangePassword | Endpoint::Login | Endpoint::Register => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_at_its_path_with_and_without_the_slash() {
        let usual = Endpoints::default();
        assert_eq!(usual.at("/api/login/"), Some(Endpoint::Login));
        assert_eq!(usual.at("/api/logoutall"), Some(Endpoint::LogoutAll));
        for other in ["/", "/api", "/api/login/x", "/API/login/", "/api/loginx", "/api/login//"] {
            assert_eq!(usual.at(other), None, "{other}");
        }
    }

    #[test]
    fn passwords_are_changed_only_where_that_is_offered() {
        for path in ["/api/password/change", "/api/password/change/"] {
            assert_eq!(Endpoints::default().at(path), None);
            let all = Endpoints { change_password: true };
            assert_eq!(all.at(path), Some(Endpoint::ChangePassword));
        }
    }
}
