//! What a page has at hand.

use super::asked::{Asked, Pairs};
use super::leave::Leave;
use super::page::{self, Nav};
use super::refusal::Refusal;
use super::{Console, Reading, Settings};
use crate::auth::{Auth, AuthError, Session, SessionId, Visitor};
use crate::gateway::{ConsoleAnswer, Gateway, PLAIN_NAME, SECURE_NAME};
use crate::model::event::Actor;
use crate::model::user::User;
use http::header;
use maud::{Markup, html};
use std::sync::Arc;

/// The way in: nobody is known yet.
#[derive(Clone, Copy)]
pub(super) struct Entrance<'a> {
    pub asked: &'a Asked,
    pub console: &'a Console,
    pub settings: &'a Settings,
}

/// The console as someone sees it who is signed in.
pub(super) struct Site<'a> {
    entrance: Entrance<'a>,
    pub id: SessionId,
    pub session: Session,
}

impl<'a> Entrance<'a> {
    /// The ids that the browser shows, whether or not there are such sessions. Without TLS there may
    /// be several: apps and other ports of the host can set cookies of the same name.
    pub(super) fn shown_ids(self) -> Vec<SessionId> {
        const MOST: usize = 8;
        let values = self.asked.cookies(self.cookie_name());
        values.filter_map(SessionId::parse).take(MOST).collect()
    }

    /// What the cookie is called.
    fn cookie_name(self) -> &'static str {
        if self.asked.is_secure { SECURE_NAME } else { PLAIN_NAME }
    }

    /// The `Set-Cookie` that gives the browser an id.
    pub(super) fn cookie(self, id: &SessionId) -> String {
        self.set_cookie(id.expose(), "")
    }

    /// The `Set-Cookie` that takes it away.
    pub(super) fn no_cookie(self) -> String {
        self.set_cookie("", "; Max-Age=0")
    }

    /// A name with `__Host-` demands the path `/`; without it the browser sends the cookie to the
    /// console alone.
    fn set_cookie(self, value: &str, more: &str) -> String {
        let name = self.cookie_name();
        let console = self.settings.path.as_str();
        let (path, secure) = if self.asked.is_secure { ("/", "; Secure") } else { (console, "") };
        format!("{name}={value}; Path={path}{secure}; HttpOnly; SameSite=Strict{more}")
    }

    /// The id for forms on pages that anyone gets. It is that of no session, and never becomes that
    /// of one.
    pub(super) fn id_for_forms(self) -> Result<SessionId, Refusal> {
        let mut shown = self.shown_ids();
        match (shown.pop(), shown.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Ok(SessionId::random()?),
        }
    }

    /// The form that was sent from such a page, with the id that it belongs to.
    pub(super) fn form(self) -> Result<(SessionId, Pairs), Refusal> {
        for id in self.shown_ids() {
            match self.asked.form(&id.form_key()) {
                Err(Refusal::Forged) => {}
                form => return Ok((id, form?)),
            }
        }
        Err(Refusal::Forged)
    }

    /// Whoever sits at the browser.
    pub(super) fn visitor(self) -> Visitor {
        let agent = self.asked.headers.get(header::USER_AGENT);
        let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        Visitor::new(self.asked.from, &agent.unwrap_or_default())
    }

    /// The parts of the path below the console's.
    fn segments(self) -> Vec<&'a str> {
        let below = self.settings.below(&self.asked.path).unwrap_or_default();
        below.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// Whether it is the stream, which the script of a page asks for, and not someone.
    pub(super) fn is_of_script(self) -> bool {
        matches!(self.segments().as_slice(), ["events", "live"])
    }

    /// Lets in whoever is signed in. Where the browser shows two sessions nobody knows whose it is:
    /// they sign in again, which ends both.
    pub(super) async fn enter(self) -> Result<Site<'a>, Refusal> {
        let mut found = None;
        let (auth, sessions) = (&self.console.auth, self.settings.sessions);
        for id in self.shown_ids() {
            // What comes again and again by itself is no use of the session.
            let session = if self.is_of_script() {
                auth.signed_in_by(&id, sessions).await?
            } else {
                auth.session(&id, sessions).await?
            };
            if let Some(session) = session
                && found.replace((id, session)).is_some()
            {
                return Err(Refusal::SignIn);
            }
        }
        let (id, session) = found.ok_or(Refusal::SignIn)?;
        Ok(Site { entrance: self, id, session })
    }

    /// Ends whatever session the browser shows: someone else signs in.
    pub(super) async fn end_shown(self) -> Result<(), Refusal> {
        for id in self.shown_ids() {
            self.console.auth.end_session(&id).await?;
        }
        Ok(())
    }
}

/// What someone must do before anything else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Due {
    /// They must choose another password.
    Password,
    /// They need an authenticator app.
    SecondFactor,
}

impl Due {
    /// The page for it, below the console's path.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Password => "/account/password/",
            Self::SecondFactor => "/account/totp/",
        }
    }

    /// Whether they may go there meanwhile.
    pub(super) fn lets_to(self, segments: &[&str]) -> bool {
        match (self, segments) {
            (_, ["logout"]) | (Self::Password, ["account", "password"]) => true,
            (Self::SecondFactor, ["account", "totp", rest @ ..]) => {
                matches!(rest, [] | ["confirm"])
            }
            (Self::Password | Self::SecondFactor, _) => false,
        }
    }
}

/// What someone must do before anything else.
pub(super) async fn due(
    auth: &Auth,
    settings: &Settings,
    user: &User,
) -> Result<Option<Due>, AuthError> {
    if user.must_change {
        return Ok(Some(Due::Password));
    }
    if settings.require_totp && !auth.has_second_factor(user.id).await? {
        return Ok(Some(Due::SecondFactor));
    }
    Ok(None)
}

impl<'a> Site<'a> {
    /// What must be done before anything else.
    pub(super) async fn due(&self) -> Result<Option<Due>, Refusal> {
        Ok(due(self.auth(), self.settings(), &self.session.user).await?)
    }

    /// Their leave, for what is sent for long.
    pub(super) fn leave(&self) -> Leave {
        Leave {
            auth: self.shared_auth(),
            from: self.asked().from,
            id: self.id.clone(),
            settings: Arc::clone(&self.entrance.console.settings),
        }
    }

    /// What is asked for.
    pub(super) fn asked(&self) -> &'a Asked {
        self.entrance.asked
    }

    /// The accounts.
    pub(super) fn auth(&self) -> &'a Auth {
        &self.entrance.console.auth
    }

    /// The accounts, for what goes on after this request was answered.
    pub(super) fn shared_auth(&self) -> Arc<Auth> {
        Arc::clone(&self.entrance.console.auth)
    }

    /// The parts of the path below the console's.
    pub(super) fn segments(&self) -> Vec<&'a str> {
        self.entrance.segments()
    }

    /// Lets only those requests pass that change nothing.
    pub(super) fn reads(&self) -> Result<(), Refusal> {
        if self.asked().is_read() { Ok(()) } else { Err(Refusal::MethodNotAllowed) }
    }

    /// Who acts, for events.
    pub(super) fn actor(&self) -> Actor {
        Actor::Admin(self.session.user.username.clone(), self.asked().from)
    }

    /// The proxy.
    pub(super) fn gateway(&self) -> &'a Gateway {
        &self.entrance.console.gateway
    }

    /// What was read of the settings.
    pub(super) fn reading(&self) -> Arc<Reading> {
        self.entrance.console.reading.load_full()
    }

    /// The way in.
    pub(super) fn entrance(&self) -> Entrance<'a> {
        self.entrance
    }

    /// A link to a page, by its path below the console's: `/users/7/`.
    pub(super) fn link(&self, path: &str) -> String {
        format!("{}{path}", self.entrance.settings.path)
    }

    /// A link to a page with a query: the pairs that have a value.
    pub(super) fn link_with(&self, path: &str, pairs: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
        let query = query.finish();
        self.link(path) + if query.is_empty() { "" } else { "?" } + &query
    }

    /// The page to which the browser goes after something was done, once the events tell of it.
    pub(super) async fn after(&self, path: &str, pairs: &[(&str, &str)]) -> ConsoleAnswer {
        self.auth().until_settled().await;
        page::redirect(&self.link_with(path, pairs))
    }

    /// The form that was sent, if one of our pages sent it.
    pub(super) fn form(&self) -> Result<Pairs, Refusal> {
        self.asked().form(&self.id.form_key())
    }

    /// What an operator may set of the console.
    pub(super) fn settings(&self) -> &'a Settings {
        self.entrance.settings
    }

    /// What every form must contain.
    pub(super) fn form_key(&self) -> Markup {
        html! { input type="hidden" name="form_key" value=(self.id.form_key()); }
    }

    /// A page in the console's frame.
    pub(super) fn page(&self, nav: Nav, title: &str, body: &Markup) -> ConsoleAnswer {
        page::framed(self, nav, title, body)
    }
}
