//! The four endpoints that the gateway answers itself: functions from request to response.

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
pub use self::drf::Problem;
pub use self::grpc::is_grpc;
pub use self::rate_limit::rate_limit_fields;

use crate::auth::Auth;
use crate::model::identity::Identity;
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
    /// `/api/login/`
    Login,
    /// `/api/logout/`
    Logout,
    /// `/api/logoutall/`
    LogoutAll,
    /// `/api/register/`
    Register,
}

impl Endpoint {
    /// The endpoint at a path, with or without its final slash.
    pub fn at(path: &str) -> Option<Self> {
        match path.strip_suffix('/').unwrap_or(path) {
            "/api/login" => Some(Self::Login),
            "/api/logout" => Some(Self::Logout),
            "/api/logoutall" => Some(Self::LogoutAll),
            "/api/register" => Some(Self::Register),
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
    let ApiRequest { body, content_type, credentials, endpoint, from, method } = request;
    let caller = identify(auth, credentials?, from).await?;
    let caller = match endpoint {
        Endpoint::Login | Endpoint::Register => None,
        Endpoint::Logout | Endpoint::LogoutAll => Some(caller.ok_or(Problem::NotAuthenticated)?),
    };
    if method == Method::OPTIONS {
        return Ok(drf::reply(http::StatusCode::OK, &metadata::of(endpoint)));
    }
    if method != Method::POST {
        return Err(Problem::MethodNotAllowed(method));
    }
    match (endpoint, caller) {
        (Endpoint::Login, _) => {
            login::login(auth, form::read(&content_type, body).await?, from).await
        }
        (Endpoint::Register, _) => register::register(auth, &content_type, body, from).await,
        (Endpoint::Logout, Some((token, caller))) => {
            logout::logout(auth, &token, &caller, from).await
        }
        (Endpoint::LogoutAll, Some((_, caller))) => logout::logout_all(auth, &caller, from).await,
        (Endpoint::Logout | Endpoint::LogoutAll, None) => Err(Problem::NotAuthenticated),
    }
}

/// A dead token is refused even where nobody need show one.
async fn identify(
    auth: &Auth,
    credentials: Credentials,
    from: IpAddr,
) -> Result<Option<(Token, Identity)>, Problem> {
    match credentials {
        Credentials::Foreign | Credentials::None => Ok(None),
        Credentials::Token(token) => {
            let identity = auth.authenticate(&token, from).await?;
            Ok(Some((token, identity)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_at_its_path_with_and_without_the_slash() {
        assert_eq!(Endpoint::at("/api/login/"), Some(Endpoint::Login));
        assert_eq!(Endpoint::at("/api/logoutall"), Some(Endpoint::LogoutAll));
        for other in ["/", "/api", "/api/login/x", "/API/login/", "/api/loginx", "/api/login//"] {
            assert_eq!(Endpoint::at(other), None, "{other}");
        }
    }
}
