//! What a page has at hand.

use super::asked::{Asked, Pairs};
use super::page::{self, Nav};
use super::refusal::Refusal;
use super::{Console, Reading, Settings};
use crate::auth::{Auth, Session, SessionId};
use crate::gateway::{ConsoleAnswer, Gateway};
use crate::model::event::Actor;
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
    /// The id of a session that the browser shows, whether or not there is one.
    pub(super) fn shown_id(self) -> Option<SessionId> {
        SessionId::parse(self.asked.cookie(self.cookie_name())?)
    }

    /// What the cookie is called. With TLS no other host, and nothing that speaks without TLS, can set
    /// one of this name (RFC 6265bis, section 4.1.3.2).
    fn cookie_name(self) -> &'static str {
        if self.asked.is_secure { "__Host-authgate" } else { "authgate" }
    }

    /// The `Set-Cookie` that gives the browser an id.
    pub(super) fn cookie(self, id: &SessionId) -> String {
        self.set_cookie(id.expose(), "")
    }

    /// The `Set-Cookie` that takes it away.
    pub(super) fn no_cookie(self) -> String {
        self.set_cookie("", "; Max-Age=0")
    }

    fn set_cookie(self, value: &str, more: &str) -> String {
        let name = self.cookie_name();
        let secure = if self.asked.is_secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/{secure}; HttpOnly; SameSite=Strict{more}")
    }

    /// Lets in whoever is signed in.
    pub(super) async fn enter(self) -> Result<Site<'a>, Refusal> {
        let id = self.shown_id().ok_or(Refusal::SignIn)?;
        let session = self.console.auth.session(&id, self.settings.sessions).await?;
        let session = session.ok_or(Refusal::SignIn)?;
        Ok(Site { entrance: self, id, session })
    }
}

impl<'a> Site<'a> {
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

    /// The form that was sent, if one of our pages sent it.
    pub(super) fn form(&self) -> Result<Pairs, Refusal> {
        self.asked().form(&self.id.form_key())
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
