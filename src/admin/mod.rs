//! The console: pages for operators, and the same over HTTP for programs.
//!
//! A request comes in as a [`ConsoleRequest`], from whichever listener. [`gateway::Console::answer`] finds out
//! who sends it; each page is a function of a `Site` in a file of its own, and says what it
//! has to say with `page`. Nothing here knows Pingora, and nothing but [`crate::auth`] changes
//! anything.

mod account;
mod api;
mod asked;
mod assets;
mod attention;
mod chart;
mod events;
mod fields;
mod keys;
mod leave;
mod limits;
mod notice;
mod overview;
mod page;
mod proof;
mod refusal;
mod routes;
mod second_factor;
mod settings;
mod setup;
mod sign_in;
mod site;
mod tokens;
mod users;

use self::asked::Asked;
use self::refusal::Refusal;
use self::site::{Entrance, Site};

pub use self::settings::{Reading, Setting};

use crate::auth::{Auth, SessionSettings};
use crate::clock::Timestamp;
use crate::gateway::{self, ConsoleAnswer, ConsoleRequest, Gateway};
use arc_swap::{ArcSwap, ArcSwapOption};
use async_trait::async_trait;
use http::{HeaderValue, Method, Response, header};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// What an operator may set of the console.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// From where it may be reached; from anywhere, if there are none.
    pub networks: Vec<IpNet>,
    /// The path that it is at and below, without a final slash.
    pub path: String,
    /// Whether all who sign in need an authenticator app.
    pub require_totp: bool,
    /// How long sessions hold.
    pub sessions: SessionSettings,
}

impl Settings {
    /// Whether it may be reached from an address.
    fn admits(&self, from: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&from))
    }

    /// What a path is below the console's.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        let below = path.strip_prefix(self.path.as_str());
        below.filter(|below| below.is_empty() || below.starts_with('/'))
    }
}

/// What a path below the console's is below the API's.
fn below_api(path: &str) -> Option<&str> {
    path.strip_prefix(api::PLACE).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The console of a gateway.
pub struct Console {
    auth: Arc<Auth>,
    gateway: Gateway,
    reading: ArcSwap<Reading>,
    /// Shared with what is sent for long.
    settings: Arc<ArcSwapOption<Settings>>,
    /// Those who follow events.
    watchers: events::Watchers,
}

impl Console {
    /// The console of this gateway, and what was read of the settings; with none of its own there is
    /// no console.
    pub fn new(
        auth: Arc<Auth>,
        gateway: Gateway,
        settings: Option<Settings>,
        reading: Reading,
    ) -> Self {
        let reading = ArcSwap::from_pointee(reading);
        let settings = Arc::new(ArcSwapOption::new(settings.map(Arc::new)));
        Self { auth, gateway, reading, settings, watchers: events::Watchers::default() }
    }

    /// Works by other settings from now on.
    pub fn apply(&self, settings: Option<Settings>, reading: Reading) {
        self.settings.store(settings.map(Arc::new));
        self.reading.store(Arc::new(reading));
    }

    /// Notes that other settings were read, at that time, but cannot be put to work, and why.
    pub fn settings_refused(&self, at: Timestamp, why: &str) {
        let mut reading = Reading::clone(&self.reading.load());
        reading.refused = Some((at, why.to_owned()));
        self.reading.store(Arc::new(reading));
    }

    async fn respond(&self, settings: &Settings, asked: &Asked) -> Result<ConsoleAnswer, Refusal> {
        if let Some(path) = settings.below(&asked.path).and_then(below_api) {
            return Ok(ConsoleAnswer::Whole(api::answer(self, settings, asked, path).await));
        }
        if !settings.admits(asked.from) {
            return Err(Refusal::Forbidden("The console cannot be reached from here."));
        }
        // Tokens are for the apps. Nobody should think that one opened anything here.
        if asked.has_credentials() {
            return Err(Refusal::Forbidden("A token opens no door of the console."));
        }
        let Some(below) = settings.below(&asked.path) else {
            return Ok(page::redirect(&format!("{}/", settings.path)));
        };
        let segments: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
        if let ["assets", name] = segments.as_slice() {
            return assets::answer(asked, name);
        }
        // Pages are got, and forms sent; what is for programs says itself what it takes.
        if !matches!(asked.method, Method::GET | Method::HEAD | Method::POST) {
            return Err(Refusal::MethodNotAllowed);
        }
        let entrance = Entrance { asked, console: self, settings };
        if !entrance.is_of_script() {
            asked.check_destination()?;
        }
        match segments.as_slice() {
            ["login"] => return sign_in::answer(entrance).await,
            ["login", "code"] => return sign_in::code(entrance).await,
            ["setup"] => return setup::answer(entrance).await,
            _ => {}
        }
        let site = entrance.enter().await?;
        if let Some(page) = site.due().await?.filter(|due| !due.lets_to(&segments)) {
            return Ok(page::redirect(&site.link(page.path())));
        }
        let answer = Self::route(&site, &segments).await;
        answer.or_else(|refusal| refusal.within(&site))
    }

    /// Each page of those who are signed in.
    async fn route(site: &Site<'_>, segments: &[&str]) -> Result<ConsoleAnswer, Refusal> {
        match segments {
            ["account", "keys"] => keys::answer(site).await,
            ["account", "keys", id, "revoke"] => keys::revoke(site, id).await,
            [] => overview::answer(site).await,
            ["account", rest @ ..] => account::answer(site, rest).await,
            ["events", rest @ ..] => events::answer(site, rest).await,
            ["limits", rest @ ..] => limits::answer(site, rest).await,
            ["logout"] => sign_in::leave(site).await,
            ["routes", rest @ ..] => routes::answer(site, rest).await,
            ["settings"] => settings::answer(site),
            ["tokens", rest @ ..] => tokens::answer(site, rest).await,
            ["users", rest @ ..] => users::answer(site, rest).await,
            _ => Err(Refusal::NotFound),
        }
    }
}

#[async_trait]
impl gateway::Console for Console {
    async fn answer(&self, request: ConsoleRequest) -> ConsoleAnswer {
        let Some(settings) = self.settings.load_full() else {
            return ConsoleAnswer::Whole(crate::api::Problem::NotFound.response(""));
        };
        let asked = Asked::read(request);
        let answer = self.respond(&settings, &asked).await;
        let mut answer = answer.unwrap_or_else(|refusal| refusal.answer(&settings, &asked));
        harden(&mut answer);
        answer
    }
}

/// Tells the browser what it must not do with what it gets, whatever that is.
fn harden(answer: &mut ConsoleAnswer) {
    const TERMS: [(header::HeaderName, &str); 6] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: with it a browser sends forms with the origin `null`.
        (header::REFERRER_POLICY, "same-origin"),
        // Not `same-origin`: an app of our origin may say that, too, and then keeps hold of the window
        // in which it opened a page. Where a browser does not know this one, it is as if nothing were
        // said, and a page of another site keeps hold: it gets the sign-in page alone, since the
        // session's cookie is `SameSite=Strict`.
        (header::HeaderName::from_static("cross-origin-opener-policy"), "noopener-allow-popups"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let headers = match answer {
        ConsoleAnswer::Live(response, _) | ConsoleAnswer::Stream(response, _) => {
            response.headers_mut()
        }
        ConsoleAnswer::Whole(response) => response.headers_mut(),
    };
    for (name, value) in TERMS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let no_store = || HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert_with(no_store);
}

/// Whether a method only reads.
fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// An answer without a body, yet.
fn empty(status: http::StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use futures_util::stream;

    #[test]
    fn a_stream_cannot_be_framed_or_kept_either() {
        let mut answer = ConsoleAnswer::Stream(Response::new(()), stream::empty().boxed());
        harden(&mut answer);
        let ConsoleAnswer::Stream(head, _) = answer else { panic!("no stream") };
        let policy = head.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(head.headers()[header::X_FRAME_OPTIONS], "DENY");
        assert_eq!(head.headers()[header::CACHE_CONTROL], "no-store");
    }
}
