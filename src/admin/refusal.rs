//! Every way in which the console says no, and the page that says so.

use super::asked::Asked;
use super::page::{self, Nav};
use super::site::Site;
use super::{Settings, empty};
use crate::api::{BodyError, sentence};
use crate::auth::{AuthError, ManageError, RegisterError};
use crate::clock::seconds_up;
use crate::gateway::ConsoleAnswer;
use crate::store::StoreError;
use http::{HeaderValue, Method, StatusCode, header};
use maud::html;
use std::borrow::Cow;

/// Why a page is not shown, or nothing was changed.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The request makes no sense; in which way.
    BadRequest(String),
    /// Its body did not arrive.
    Body(BodyError),
    /// More work waits than can be done in time.
    Busy,
    /// It does not come from one of our pages.
    Forged,
    /// Something failed that is not the store.
    Failed,
    /// Whoever sends it may not; why.
    Forbidden(&'static str),
    /// The store could not tell how far something came; what that means.
    HalfDone(&'static str),
    /// There is no such method here.
    MethodNotAllowed,
    /// A script asks for what is a page for people.
    NotAPage,
    /// There is no such page.
    NotFound,
    /// What was wanted cannot be; why.
    Refused(String),
    /// Nobody is signed in.
    SignIn,
    /// Someone has tried too much: how many seconds to wait.
    Throttled(u64),
    /// The store could not tell.
    Unavailable,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::Body(BodyError::Incomplete) | Self::Refused(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Body(BodyError::TooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyError::NoRoom)
            | Self::Busy
            | Self::Failed
            | Self::HalfDone(_)
            | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Forged | Self::Forbidden(_) | Self::NotAPage => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::SignIn => StatusCode::FOUND,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// What it says, for people.
    pub(super) fn words(&self) -> String {
        match self {
            Self::BadRequest(words) | Self::Refused(words) => words.clone(),
            Self::Body(BodyError::TooLarge(most)) => {
                format!("That is too much: at most {most} bytes can be sent at once.")
            }
            Self::Body(_) => "What was sent did not arrive whole. Please try again.".to_owned(),
            Self::Busy => "The gateway is busy. Please try again in a few seconds.".to_owned(),
            Self::Failed => "The gateway could not do this. Its log says why.".to_owned(),
            Self::Forged => {
                "This request did not come from a page of the console, or its page is too old. \
                 Nothing was changed."
                    .to_owned()
            }
            Self::Forbidden(words) | Self::HalfDone(words) => (*words).to_owned(),
            Self::MethodNotAllowed => "This page does not take such a request.".to_owned(),
            Self::NotAPage => "Pages of the console are not for scripts.".to_owned(),
            Self::NotFound => "There is no such page.".to_owned(),
            Self::SignIn => "Please sign in.".to_owned(),
            Self::Throttled(1) => "Too many attempts. Please wait for a second.".to_owned(),
            Self::Throttled(seconds) => {
                format!("Too many attempts. Please wait for {seconds} seconds.")
            }
            Self::Unavailable => {
                "The store of accounts does not answer, or takes no change. Nothing was changed; \
                 those whose tokens are in memory are served still."
                    .to_owned()
            }
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Forged | Self::Forbidden(_) | Self::NotAPage => "Not permitted",
            Self::NotFound => "Not found",
            Self::Busy | Self::Failed | Self::HalfDone(_) | Self::Unavailable => "Unavailable",
            _ => "Not done",
        }
    }

    /// The answer to one who is signed in: within the console's frame.
    pub(super) fn within(self, site: &Site<'_>) -> Result<ConsoleAnswer, Self> {
        if let Self::SignIn = self {
            return Err(self);
        }
        if let Self::MethodNotAllowed = self
            && site.asked().is_read()
            && let Some(page) = page_of(&site.segments())
        {
            return Ok(page::redirect(&site.link(&page)));
        }
        let body = html! {
            p.alert role="alert" { (self.words()) }
            p { a href=(site.link("/")) { "Back to the overview" } }
        };
        Ok(self.finish(site.page(Nav::None, self.title(), &body), &site.asked().method))
    }

    /// The answer to anyone else.
    pub(super) fn answer(&self, settings: &Settings, asked: &Asked) -> ConsoleAnswer {
        if let Self::SignIn = self {
            let next = way_back(settings, asked);
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            return page::redirect(&format!("{}/login/?next={next}", settings.path));
        }
        let body = html! {
            h1 { (self.title()) }
            p.alert role="alert" { (self.words()) }
        };
        self.finish(page::plain(&settings.path, self.title(), &body), &asked.method)
    }

    fn finish(&self, answer: ConsoleAnswer, method: &Method) -> ConsoleAnswer {
        let ConsoleAnswer::Whole(mut response) = answer else { return answer };
        *response.status_mut() = self.status();
        if let Self::MethodNotAllowed = self {
            let allowed = match *method {
                Method::GET | Method::HEAD => "POST",
                Method::POST => "GET, HEAD",
                _ => "GET, HEAD, POST",
            };
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        let seconds = match self {
            Self::Busy | Self::Failed | Self::HalfDone(_) | Self::Unavailable => 2,
            Self::Throttled(seconds) => *seconds,
            _ => return ConsoleAnswer::Whole(response),
        };
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        ConsoleAnswer::Whole(response)
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Busy => Self::Busy,
            AuthError::Throttled(throttle) => Self::Throttled(seconds_up(throttle.wait)),
            // That the store is away is told where it is seen, once a second.
            AuthError::Store(StoreError::Unavailable(_)) => Self::Unavailable,
            AuthError::Store(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the console cannot be served");
                Self::Unavailable
            }
            AuthError::Hash(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "not hashed");
                Self::Failed
            }
            error @ (AuthError::BadCredentials
            | AuthError::InactiveUser
            | AuthError::InvalidToken
            | AuthError::TokenLimit
            | AuthError::Unproved) => Self::Refused(sentence(&error.to_string())),
        }
    }
}

impl From<ManageError> for Refusal {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::Auth(error) => error.into(),
            error => Self::Refused(sentence(&error.to_string())),
        }
    }
}

impl From<RegisterError> for Refusal {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Auth(error) => error.into(),
            error => Self::Refused(sentence(&error.to_string())),
        }
    }
}

/// Where to go once signed in: what was asked for, or for a form the page that it stands on. What was
/// typed there is lost, but nothing is sent twice.
fn way_back<'a>(settings: &Settings, asked: &'a Asked) -> Cow<'a, str> {
    if asked.is_read() {
        return asked.target();
    }
    let referer = asked.headers.get(header::REFERER).and_then(|referer| referer.to_str().ok());
    let page = referer.and_then(|referer| referer.strip_prefix(asked.origin().as_str()));
    let is_ours = |page: &&str| {
        let path = page.split('?').next().unwrap_or_default();
        settings.below(path).is_some_and(|below| !below.is_empty())
    };
    page.filter(is_ours).map_or_else(|| format!("{}/", settings.path).into(), Cow::Borrowed)
}

/// The page with the form for a path that takes forms alone.
fn page_of(segments: &[&str]) -> Option<String> {
    match segments {
        ["logout"] => Some("/".to_owned()),
        [part, _, ..] => Some(format!("/{part}/")),
        [] | [_] => None,
    }
}

/// What is not there.
pub(super) fn nothing() -> ConsoleAnswer {
    ConsoleAnswer::Whole(empty(StatusCode::NOT_FOUND))
}
