//! What someone asks of a gateway, and how far it has come.

use crate::judge::Use;
use crate::server::{Attempt, Gate};
use authgate::auth::{Auth, AuthError, Lifetime, ManageError, NewTokenTerms, Proved};
use authgate::model::event::Actor;
use authgate::model::identity::{Identity, Names};
use authgate::model::token::{Token, TokenDigest};
use authgate::model::user::{User, UserId};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What is asked.
pub(crate) enum Deed {
    Delete(UserId),
    Issue(UserId, Lifetime),
    Logout(String),
    LogoutAll(UserId),
    SetActive(UserId, bool),
    Use(String),
}

/// What it came to.
pub(crate) enum Outcome {
    /// It is done, and whoever asked was told so.
    Changed,
    /// Here is the token.
    Issued(String),
    /// It could not be done: there is no such user any more, or they have changed.
    Nothing,
    /// The token is this user's, or nobody's.
    Used(Option<UserId>),
}

/// A deed under way.
pub(crate) struct Act {
    future: Pin<Box<dyn Future<Output = Outcome>>>,
    pub(crate) gate: Gate,
    pub(crate) number: Attempt,
    /// What the judge keeps of a use.
    pub(crate) used: Option<Use>,
    pub(crate) uses: Option<TokenDigest>,
}

impl Act {
    pub(crate) fn new(number: Attempt, gate: Gate, auth: Arc<Auth>, deed: Deed) -> Self {
        let uses = match &deed {
            Deed::Use(text) => Some(Token::new(text.clone()).digest()),
            _ => None,
        };
        let future = Box::pin(async move { auth.does(deed).await });
        Self { future, gate, number, used: None, uses }
    }

    /// Goes on to the next stop; says what came of it at the last.
    pub(crate) fn poll(&mut self) -> Option<Outcome> {
        match self.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(outcome) => Some(outcome),
        }
    }
}

trait Does {
    async fn does(&self, deed: Deed) -> Outcome;
    async fn finds(&self, user: UserId) -> Option<User>;
}

impl Does for Auth {
    async fn does(&self, deed: Deed) -> Outcome {
        let outcome = match deed {
            Deed::Delete(user) => match self.finds(user).await {
                Some(user) => self.delete_user(&user, Proved::command_line()).await,
                None => return Outcome::Nothing,
            },
            Deed::Issue(user, lifetime) => match self.finds(user).await {
                Some(user) => match self
                    .create_token(
                        user,
                        NewTokenTerms { lifetime, name: None },
                        Proved::command_line(),
                    )
                    .await
                {
                    Ok(issued) => return Outcome::Issued(issued.token.expose().to_owned()),
                    Err(error) => Err(error),
                },
                None => return Outcome::Nothing,
            },
            Deed::Logout(text) => {
                let done = self.logout(&Token::new(text), &identity(UserId(0)), CLIENT).await;
                done.map_err(ManageError::Auth)
            }
            Deed::LogoutAll(user) => {
                let done = self.logout_all(&identity(user), CLIENT).await;
                done.map_err(ManageError::Auth)
            }
            Deed::SetActive(user, active) => match self.finds(user).await {
                Some(user) if active => {
                    self.activate(&user, Proved::command_line()).await.map(drop)
                }
                Some(user) => self.deactivate(&user, Actor::CommandLine).await.map(drop),
                None => return Outcome::Nothing,
            },
            Deed::Use(text) => match self.authenticate(&Token::new(text), CLIENT).await {
                Ok(identity) => return Outcome::Used(Some(identity.user)),
                Err(AuthError::InactiveUser | AuthError::InvalidToken) => {
                    return Outcome::Used(None);
                }
                Err(error) => panic!("no verdict: {error}"),
            },
        };
        match outcome {
            Ok(()) => Outcome::Changed,
            // Someone was quicker; the gateway has looked at the server all the same.
            Err(_) => Outcome::Nothing,
        }
    }

    async fn finds(&self, user: UserId) -> Option<User> {
        let name = if user == UserId(1) { "ada" } else { "bob" };
        self.user_named(name).await.ok()
    }
}

/// Where all requests come from.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn identity(user: UserId) -> Identity {
    Identity { is_staff: false, lasts: None, must_change: false, names: Names::new("", ""), user }
}
