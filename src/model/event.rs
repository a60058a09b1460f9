//! What happens that matters to security.

use super::user::{User, UserId, Username};
use crate::clock::Timestamp;
use std::net::IpAddr;

/// Something that has happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// Who did it, and from where.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// What else there is to say, without secrets: such as which limit, or which token.
    pub detail: Option<String>,
    /// What.
    pub name: EventName,
    /// Whose account it concerns.
    pub user: Option<(UserId, Username)>,
}

/// Who does something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Actor {
    /// A client at this address.
    Client(IpAddr),
    /// An operator at the command line.
    CommandLine,
    /// The gateway itself.
    Gateway,
}

/// What can happen. Its name in logs never changes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum EventName {
    /// A limit is not reached any more.
    LimitLeft,
    /// A limit is reached: what is beyond it is refused.
    LimitReached,
    /// An operator has cleared limits.
    LimitsCleared,
    /// A name or a password was wrong.
    LoginFailed,
    /// Someone logged in.
    LoginSucceeded,
    /// Someone made an account.
    Registered,
}

impl EventName {
    /// The name in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LimitLeft => "limit_left",
            Self::LimitReached => "limit_reached",
            Self::LimitsCleared => "limits_cleared",
            Self::LoginFailed => "login_failed",
            Self::LoginSucceeded => "login_succeeded",
            Self::Registered => "registered",
        }
    }
}

impl Event {
    /// An event that concerns nobody in particular yet.
    pub fn new(name: EventName, actor: Actor, at: Timestamp) -> Self {
        Self { actor, at, detail: None, name, user: None }
    }

    /// The same, of this user's account.
    #[must_use]
    pub fn of(self, user: &User) -> Self {
        Self { user: Some((user.id, user.username.clone())), ..self }
    }

    /// The same, with something more to say.
    #[must_use]
    pub fn with(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }
}
