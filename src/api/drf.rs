//! Django REST framework's words: every refusal becomes a response here, and nowhere else.

use super::BodyError;
use super::rate_limit::rate_limit_fields;
use crate::auth::{
    AuthError, ChangeError, ManageError, NetworkError, RegisterError, Throttle, Weakness,
};
use crate::clock::seconds_up;
use crate::policy::{AmbiguousPath, Refusal};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use rand::RngExt;
use serde_json::{Map, Value, json};

/// Every way in which the gateway says no.
#[derive(Clone, Debug)]
pub enum Problem {
    /// The path can be read in more than one way.
    AmbiguousPath,
    /// No server behind the gateway gave an answer.
    BadGateway,
    /// The request breaks a rule of HTTP; in which way.
    BadRequest(&'static str),
    /// The body broke off.
    BodyIncomplete,
    /// The body took too long to arrive.
    BodyTooSlow,
    /// More work waits than can be done in time.
    Busy,
    /// It cannot be done as things are; why.
    Conflict(String),
    /// The caller may not do this; why.
    Denied(String),
    /// The request expects what the gateway cannot do.
    ExpectationFailed,
    /// Some fields are wrong: field → messages.
    Fields(Map<String, Value>),
    /// The caller may not do this.
    Forbidden,
    /// A server behind the gateway took too long.
    GatewayTimeout,
    /// The head of the request is larger than this many bytes.
    HeadTooLarge(usize),
    /// Something that should not happen has happened.
    Internal,
    /// The token does not hold; in knox's words.
    InvalidToken(&'static str),
    /// The body is not what its type says; in which way.
    Malformed(String),
    /// There is no such method here.
    MethodNotAllowed(Method),
    /// The host is another one than that which the client called in its TLS handshake.
    Misdirected,
    /// The caller must choose another password first.
    MustChangePassword,
    /// The name was taken while, or under a spelling in which, it seemed free.
    NameTaken,
    /// The body is nested too deeply.
    NestedTooDeeply,
    /// The caller must say who they are.
    NotAuthenticated,
    /// Nothing is here.
    NotFound,
    /// Nobody may register.
    RegistrationClosed,
    /// The caller has to wait.
    Throttled(Throttle),
    /// The user has as many tokens as they may have.
    TokenLimit,
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// The gateway cannot serve anyone now.
    Unavailable,
    /// The transfer coding is not one that the gateway knows.
    UnknownTransferCoding,
    /// No endpoint reads this media type.
    UnsupportedMediaType(String),
}

impl Problem {
    /// The response that says so. `scheme` is that of the `Authorization` header.
    pub fn response(&self, scheme: &str) -> Response<Vec<u8>> {
        let (status, body) = self.status_and_body();
        let mut response = reply(status, &body);
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_str(scheme);
            headers.extend(scheme.ok().map(|scheme| (header::WWW_AUTHENTICATE, scheme)));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            // Whoever knows better what is here says so instead.
            headers.insert(header::ALLOW, HeaderValue::from_static(ALLOWED));
        }
        self.tell_when(headers);
        response
    }

    /// Tells when to come again, where that may help.
    pub(super) fn tell_when(&self, headers: &mut HeaderMap) {
        let seconds = match self {
            // Those who were too many at once must not come again all at once.
            Self::Busy => rand::rng().random_range(1..=5),
            Self::Throttled(Throttle { limit, rule, wait }) => {
                headers.extend(rate_limit_fields(limit, *rule, 0, *wait));
                seconds_up(*wait)
            }
            Self::Unavailable => 1,
            _ => return,
        };
        headers.insert(header::RETRY_AFTER, seconds.into());
    }

    /// Whether an endpoint says so, which then also says what it allows. The others are said before
    /// an endpoint is asked, or after it has failed.
    pub(super) fn is_of_an_endpoint(&self) -> bool {
        !matches!(self, Self::NameTaken | Self::NestedTooDeeply | Self::TooLarge(_))
    }

    fn status_and_body(&self) -> (StatusCode, Value) {
        match self {
            Self::AmbiguousPath | Self::BadRequest(_) | Self::BodyIncomplete => {
                (StatusCode::BAD_REQUEST, self.detail())
            }
            Self::Malformed(_) | Self::NestedTooDeeply => (StatusCode::BAD_REQUEST, self.detail()),
            Self::Fields(fields) => (StatusCode::BAD_REQUEST, Value::Object(fields.clone())),
            Self::NameTaken => (StatusCode::BAD_REQUEST, json!({ "username": [NAME_TAKEN] })),
            Self::InvalidToken(_) | Self::NotAuthenticated => {
                (StatusCode::UNAUTHORIZED, self.detail())
            }
            Self::Conflict(_) => (StatusCode::CONFLICT, self.detail()),
            Self::Denied(_)
            | Self::Forbidden
            | Self::MustChangePassword
            | Self::RegistrationClosed => (StatusCode::FORBIDDEN, self.detail()),
            Self::TokenLimit => {
                let words = "Maximum amount of tokens allowed per user exceeded.";
                (StatusCode::FORBIDDEN, json!({ "error": words }))
            }
            Self::NotFound => (StatusCode::NOT_FOUND, self.detail()),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, self.detail()),
            Self::BodyTooSlow => (StatusCode::REQUEST_TIMEOUT, self.detail()),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, self.detail()),
            Self::UnsupportedMediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, self.detail()),
            Self::ExpectationFailed => (StatusCode::EXPECTATION_FAILED, self.detail()),
            Self::HeadTooLarge(_) => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, self.detail()),
            Self::Throttled(_) => (StatusCode::TOO_MANY_REQUESTS, self.detail()),
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, self.detail()),
            Self::UnknownTransferCoding => (StatusCode::NOT_IMPLEMENTED, self.detail()),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, self.detail()),
            Self::BadGateway => (StatusCode::BAD_GATEWAY, self.detail()),
            Self::Busy | Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, self.detail()),
            Self::GatewayTimeout => (StatusCode::GATEWAY_TIMEOUT, self.detail()),
        }
    }

    fn detail(&self) -> Value {
        json!({ "detail": self.words() })
    }

    /// What is wrong, in words for people; nothing where it is told field by field.
    pub fn words(&self) -> String {
        match self {
            Self::AmbiguousPath => "The path can be read in more than one way.".to_owned(),
            Self::BadGateway => "Bad gateway.".to_owned(),
            Self::BadRequest(words) | Self::InvalidToken(words) => (*words).to_owned(),
            Self::BodyIncomplete => "The request body is incomplete.".to_owned(),
            Self::BodyTooSlow => "The request body took too long to arrive.".to_owned(),
            Self::ExpectationFailed => "Unknown expectation.".to_owned(),
            Self::HeadTooLarge(most) => format!("The request head is larger than {most} bytes."),
            Self::Misdirected => "TLS was spoken with another host.".to_owned(),
            Self::Forbidden => "You do not have permission to perform this action.".to_owned(),
            Self::GatewayTimeout => "Gateway timeout.".to_owned(),
            Self::Internal => "Internal error.".to_owned(),
            Self::Conflict(words) | Self::Denied(words) | Self::Malformed(words) => words.clone(),
            Self::MethodNotAllowed(method) => format!("Method \"{method}\" not allowed."),
            Self::MustChangePassword => "You must change your password.".to_owned(),
            Self::NestedTooDeeply => "JSON parse error - nested too deeply".to_owned(),
            Self::NotAuthenticated => "Authentication credentials were not provided.".to_owned(),
            Self::NotFound => "Not found.".to_owned(),
            Self::RegistrationClosed => "Registration is closed.".to_owned(),
            Self::Throttled(throttle) => {
                let seconds = seconds_up(throttle.wait);
                let s = if seconds == 1 { "" } else { "s" };
                format!("Request was throttled. Expected available in {seconds} second{s}.")
            }
            Self::TooLarge(most) => format!("The request body is larger than {most} bytes."),
            Self::Busy | Self::Unavailable => "Service temporarily unavailable.".to_owned(),
            Self::UnknownTransferCoding => "Unknown transfer coding.".to_owned(),
            Self::UnsupportedMediaType(sent) => {
                format!("Unsupported media type \"{sent}\" in request.")
            }
            Self::Fields(_) | Self::NameTaken | Self::TokenLimit => String::new(),
        }
    }
}

/// The methods that apps may be asked with: all but those that are about the way and not about what is
/// at its end.
const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// What Django says of a name that belongs to another.
pub(super) const NAME_TAKEN: &str = "A user with that username already exists.";

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::BadCredentials => {
                let words = "Unable to log in with provided credentials.";
                Self::Fields(Map::from_iter([("non_field_errors".to_owned(), json!([words]))]))
            }
            AuthError::InactiveUser => Self::InvalidToken("User inactive or deleted."),
            AuthError::InvalidToken => Self::InvalidToken("Invalid token."),
            AuthError::Throttled(throttle) => Self::Throttled(throttle),
            AuthError::TokenLimit => Self::TokenLimit,
            AuthError::Unproved => Self::Forbidden,
            AuthError::Busy => Self::Busy,
            AuthError::Hash(ref fault) => {
                let error: &dyn std::error::Error = fault;
                tracing::error!(error, "cannot serve");
                Self::Unavailable
            }
            // What is wrong with the store is told where it is seen, once a second.
            AuthError::Store(ref fault) => {
                let error: &dyn std::error::Error = fault;
                tracing::debug!(error, "cannot serve");
                Self::Unavailable
            }
        }
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        match error {
            // Whoever asks is not the one who is locked out.
            ManageError::Auth(AuthError::InactiveUser) => {
                Self::Conflict("The user is locked out.".to_owned())
            }
            ManageError::Auth(error) => error.into(),
            ManageError::Changed(_)
            | ManageError::KeysMayGoOn(_)
            | ManageError::LastOperator(_)
            | ManageError::OperatorsBusy
            | ManageError::OwnAccount
            | ManageError::OwnPassword
            | ManageError::OwnSessions => Self::Conflict(sentence(&error.to_string())),
            ManageError::NoSuchToken | ManageError::NoSuchUser(_) => Self::NotFound,
            ManageError::WeakPassword(weaknesses) => weak("password", &weaknesses),
        }
    }
}

/// An error's words as a sentence.
pub fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    let mut sentence: String = first.chain(chars).collect();
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

impl From<NetworkError> for Problem {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::AllowedByFile(_)
            | NetworkError::LocksOut { .. }
            | NetworkError::TooMany => Self::Conflict(sentence(&error.to_string())),
            NetworkError::Store(error) => AuthError::Store(error).into(),
            NetworkError::Unproved => AuthError::Unproved.into(),
        }
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Auth(error) => error.into(),
            RegisterError::NameTaken => Self::NameTaken,
            RegisterError::WeakPassword(weaknesses) => weak("password", &weaknesses),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Auth(error) => error.into(),
            ChangeError::KeysEnded(error) => (*error).into(),
            ChangeError::SamePassword => {
                let words = "Your new password must not be the old one.";
                Self::Fields(Map::from_iter([("new_password".to_owned(), json!([words]))]))
            }
            ChangeError::MissingCode | ChangeError::WrongCode => {
                Self::Fields(Map::from_iter([("code".to_owned(), json!([error.to_string()]))]))
            }
            ChangeError::WeakPassword(weaknesses) => weak("new_password", &weaknesses),
            ChangeError::WrongPassword => {
                let words = "Your old password was entered incorrectly. Please enter it again.";
                Self::Fields(Map::from_iter([("old_password".to_owned(), json!([words]))]))
            }
        }
    }
}

impl From<Throttle> for Problem {
    fn from(throttle: Throttle) -> Self {
        Self::Throttled(throttle)
    }
}

fn weak(field: &str, weaknesses: &[Weakness]) -> Problem {
    let messages = weaknesses.iter().map(|weakness| json!(weakness.to_string()));
    let messages = Value::Array(messages.collect());
    Problem::Fields(Map::from_iter([(field.to_owned(), messages)]))
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::CredentialsRequired => Self::NotAuthenticated,
            Refusal::Forbidden => Self::Forbidden,
            Refusal::MustChangePassword => Self::MustChangePassword,
        }
    }
}

impl From<AmbiguousPath> for Problem {
    fn from(_: AmbiguousPath) -> Self {
        Self::AmbiguousPath
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Incomplete => Self::BodyIncomplete,
            BodyError::TooLarge(most) => Self::TooLarge(most),
            BodyError::NoRoom => Self::Busy,
            BodyError::TooSlow => Self::BodyTooSlow,
        }
    }
}

/// A JSON response with the headers that Django's middleware adds to every one.
pub(super) fn reply(status: StatusCode, body: &Value) -> Response<Vec<u8>> {
    let mut response = bare(status);
    *response.body_mut() = body.to_string().into_bytes();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// A response without a body.
pub(super) fn bare(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    let headers = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    response.headers_mut().extend(headers);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn a_refusal_for_want_of_a_good_token_names_the_scheme() {
        for problem in [Problem::NotAuthenticated, Problem::InvalidToken("Invalid token.")] {
            let response = problem.response("Bearer");
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        }
    }

    #[test]
    fn our_own_fault_is_never_a_401_and_says_when_to_try_again() {
        let fault = AuthError::Store(StoreError::unavailable("down"));
        for (error, moments) in [(AuthError::Busy, 1..=5), (fault, 1..=1)] {
            let response = Problem::from(error).response("Token");
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            let moment = response.headers()[header::RETRY_AFTER].to_str().unwrap();
            assert!(moments.contains(&moment.parse().unwrap()), "{moment}");
            assert_eq!(response.body(), br#"{"detail":"Service temporarily unavailable."}"#);
        }
    }
}
