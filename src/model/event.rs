//! What happens that matters to security.

mod actor;
mod name;

pub use self::actor::Actor;
pub use self::name::{EventName, NotAnEvent};

use super::identity::Identity;
use super::user::{User, UserId, Username};
use crate::clock::Timestamp;
use serde_json::{Value, json};
use std::fmt;

/// Something that has happened. It holds no secret, and nothing that a stranger typed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
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

/// What is kept of events comes in trails, each bounded by itself, so that whoever can cause many
/// events of one cannot flush another.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Trail {
    /// What anyone can cause.
    Anyone,
    /// What becomes of gateways.
    Gateways,
    /// What operators do.
    Operators,
    /// What takes an account.
    Users,
}

impl Event {
    /// The most characters of a detail.
    const MOST_DETAIL: usize = 200;

    /// An event that concerns nobody in particular yet.
    pub fn new(name: EventName, actor: Actor, at: Timestamp) -> Self {
        Self { actor, at, detail: None, name, user: None }
    }

    /// The same, of this user's account.
    #[must_use]
    pub fn of(self, user: &User) -> Self {
        Self { user: Some((user.id, user.username.clone())), ..self }
    }

    /// The same, of the account that a request acts for.
    #[must_use]
    pub fn of_caller(self, caller: &Identity) -> Self {
        let name = Username::stored(caller.names.username().to_owned());
        Self { user: Some((caller.user, name)), ..self }
    }

    /// The same, with something more to say: a line of bounded length, whatever it holds.
    #[must_use]
    pub fn with(self, detail: impl fmt::Display) -> Self {
        let detail = detail.to_string();
        let is_plain = |char: char| !char.is_control() && !"\u{2028}\u{2029}".contains(char);
        let chars = detail.chars().take(Self::MOST_DETAIL);
        let line = chars.map(|char| if is_plain(char) { char } else { ' ' }).collect();
        Self { detail: Some(line), ..self }
    }

    /// What programs are told of it: in the log, by the command line, and in exports.
    pub fn to_json(&self) -> Value {
        json!({
            "timestamp": self.at.to_string(),
            "event": self.name.as_str(),
            "user": self.user.as_ref().map(|(_, name)| name.as_str()),
            "user_id": self.user.as_ref().map(|(id, _)| id.0),
            "address": self.actor.address().map(|address| address.to_string()),
            "actor": self.actor.kind(),
            "operator": self.actor.operator().map(Username::as_str),
            "detail": self.detail,
        })
    }

    /// Where it is kept.
    pub fn trail(&self) -> Trail {
        match &self.actor {
            Actor::Client(_) | Actor::Gateway => self.name.trail(),
            Actor::Admin(..) | Actor::ApiKey(..) | Actor::CommandLine => Trail::Operators,
        }
    }
}

impl Trail {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Anyone, Self::Gateways, Self::Operators, Self::Users];

    /// What stores call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Gateways => "gateways",
            Self::Operators => "operators",
            Self::Users => "users",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::identity::Names;

    fn event(actor: Actor) -> Event {
        Event::new(EventName::LoginFailed, actor, Timestamp::from_micros(1))
    }

    #[test]
    fn a_detail_is_one_line_of_bounded_length() {
        let said = event(Actor::Gateway).with("a\r\nb\u{2028}c\u{1b}[31m").detail.unwrap();
        assert_eq!(said, "a  b c [31m");
        let long = event(Actor::Gateway).with("é".repeat(1_000)).detail.unwrap();
        assert_eq!(long.chars().count(), 200);
    }

    #[test]
    fn what_an_operator_does_is_with_what_operators_do() {
        let client = Actor::Client("192.0.2.7".parse().unwrap());
        assert_eq!(event(client).trail(), Trail::Anyone);
        assert_eq!(event(Actor::CommandLine).trail(), Trail::Operators);
    }

    #[test]
    fn a_caller_is_the_user_of_the_event() {
        let names = Names::new("ada", "");
        let caller =
            Identity { is_staff: false, lasts: None, must_change: false, names, user: UserId(7) };
        let (id, name) = event(Actor::Gateway).of_caller(&caller).user.unwrap();
        assert_eq!((id, name.as_str()), (UserId(7), "ada"));
    }
}
