//! What happens that matters to security.

use super::identity::Identity;
use super::user::{User, UserId, Username};
use crate::clock::Timestamp;
use serde_json::{Value, json};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

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

/// Who does something.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Actor {
    /// An operator at the console: who, and from where.
    Admin(Username, IpAddr),
    /// A program with an API key of this operator, at this address.
    ApiKey(Username, IpAddr),
    /// A client at this address.
    Client(IpAddr),
    /// An operator at the command line.
    CommandLine,
    /// The gateway itself.
    Gateway,
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

/// Defines the names in one table: the variant, the text, and the trail of what a client causes.
macro_rules! event_names {
    ($($(#[$doc:meta])* $name:ident = $text:literal in $trail:ident,)*) => {
        /// What can happen. Its name in logs never changes.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum EventName {
            $($(#[$doc])* $name,)*
        }

        impl EventName {
            /// All that can happen.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in logs.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The trail in which it is, if no operator causes it.
            pub const fn trail(self) -> Trail {
                match self {
                    $(Self::$name => Trail::$trail,)*
                }
            }
        }
    };
}

event_names! {
    /// A name or a password was wrong.
    LoginFailed = "login_failed" in Anyone,
    /// Someone logged in.
    LoginSucceeded = "login_succeeded" in Users,
    /// An operator signed in at the console.
    ConsoleSignedIn = "console_signed_in" in Operators,
    /// A name or a password was wrong at the console, or its user is not staff.
    ConsoleSignInFailed = "console_sign_in_failed" in Anyone,
    /// An operator signed out of the console.
    ConsoleSignedOut = "console_signed_out" in Operators,
    /// The password was right, and the code of the authenticator app was not.
    SecondFactorFailed = "second_factor_failed" in Operators,
    /// An operator set an authenticator app up.
    SecondFactorEnabled = "second_factor_enabled" in Operators,
    /// An authenticator app counts no more.
    SecondFactorDisabled = "second_factor_disabled" in Operators,
    /// A recovery code was used in place of the authenticator app.
    RecoveryCodeUsed = "recovery_code_used" in Operators,
    /// New recovery codes took the place of the old ones.
    RecoveryCodesMade = "recovery_codes_made" in Operators,
    /// Sessions at the console were ended, all of a user but one.
    SessionsEnded = "sessions_ended" in Operators,
    /// Someone made an account for themselves.
    Registered = "registered" in Anyone,
    /// Someone ended a token of theirs.
    LoggedOut = "logged_out" in Users,
    /// Someone ended all their tokens.
    LoggedOutEverywhere = "logged_out_everywhere" in Users,
    /// A password was replaced, and the tokens of its user ended.
    PasswordChanged = "password_changed" in Users,
    /// An operator made an account.
    UserCreated = "user_created" in Operators,
    /// An operator changed something of an account, and its tokens live on.
    UserChanged = "user_changed" in Operators,
    /// An operator took the list of users with them.
    UsersExported = "users_exported" in Operators,
    /// An operator took a list of events with them.
    EventsExported = "events_exported" in Operators,
    /// An account was deleted with all its tokens.
    UserDeleted = "user_deleted" in Operators,
    /// A user was let in again.
    UserActivated = "user_activated" in Operators,
    /// A user was locked out, and their tokens ended.
    UserDeactivated = "user_deactivated" in Operators,
    /// A user was made staff.
    StaffGranted = "staff_granted" in Operators,
    /// A user is staff no more, and their tokens ended.
    StaffWithdrawn = "staff_withdrawn" in Operators,
    /// An operator issued a token.
    TokenCreated = "token_created" in Operators,
    /// An operator ended a token.
    TokenRevoked = "token_revoked" in Operators,
    /// An operator ended all tokens of a user.
    TokensRevoked = "tokens_revoked" in Operators,
    /// An operator made an API key.
    ApiKeyCreated = "api_key_created" in Operators,
    /// An operator ended an API key.
    ApiKeyRevoked = "api_key_revoked" in Operators,
    /// A limit began to refuse.
    LimitReached = "limit_reached" in Anyone,
    /// A limit that refused has ceased to.
    LimitLeft = "limit_left" in Anyone,
    /// An operator lifted limits.
    LimitsCleared = "limits_cleared" in Operators,
    /// An operator has limits not hold for a network.
    NetworkAllowed = "network_allowed" in Operators,
    /// An operator has a network refused.
    NetworkDenied = "network_denied" in Operators,
    /// An operator has a network treated like all others again.
    NetworkForgotten = "network_forgotten" in Operators,
    /// A gateway serves.
    GatewayStarted = "gateway_started" in Gateways,
    /// A gateway serves no more.
    GatewayStopped = "gateway_stopped" in Gateways,
    /// A gateway has read its settings again.
    SettingsReloaded = "settings_reloaded" in Gateways,
    /// A gateway was to read its settings again and could not: those before hold.
    ReloadRefused = "reload_refused" in Gateways,
    /// The store does not tell a gateway of changes.
    StoreLost = "store_lost" in Gateways,
    /// It does again.
    StoreBack = "store_back" in Gateways,
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

impl Actor {
    /// All kinds, as logs have them.
    pub const KINDS: [&str; 5] = ["client", "admin", "api_key", "command_line", "gateway"];

    /// What kind of actor it is, as logs have it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Admin(..) => "admin",
            Self::ApiKey(..) => "api_key",
            Self::Client(_) => "client",
            Self::CommandLine => "command_line",
            Self::Gateway => "gateway",
        }
    }

    /// Where it acts from, if that is known.
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Admin(_, address) | Self::ApiKey(_, address) | Self::Client(address) => {
                Some(address.to_canonical())
            }
            Self::CommandLine | Self::Gateway => None,
        }
    }

    /// Which operator it is, if that is known.
    pub const fn operator(&self) -> Option<&Username> {
        match self {
            Self::Admin(name, _) | Self::ApiKey(name, _) => Some(name),
            Self::Client(_) | Self::CommandLine | Self::Gateway => None,
        }
    }

    /// The actor of that kind, address and operator; `None` if there can be no such.
    pub fn read(kind: &str, address: Option<&str>, operator: Option<&str>) -> Option<Self> {
        let operator = operator.map(|name| Username::stored(name.to_owned()));
        match (kind, address, operator) {
            ("admin", Some(address), Some(name)) => Some(Self::Admin(name, address.parse().ok()?)),
            ("api_key", Some(address), Some(name)) => {
                Some(Self::ApiKey(name, address.parse().ok()?))
            }
            ("client", Some(address), None) => address.parse().ok().map(Self::Client),
            ("command_line", None, None) => Some(Self::CommandLine),
            ("gateway", None, None) => Some(Self::Gateway),
            _ => None,
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

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for EventName {
    type Err = NotAnEvent;

    fn from_str(text: &str) -> Result<Self, NotAnEvent> {
        Self::ALL.iter().copied().find(|name| name.as_str() == text).ok_or(NotAnEvent)
    }
}

/// The text is no event's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no such event; docs/events.md names them all")]
pub struct NotAnEvent;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::identity::Names;

    fn event(actor: Actor) -> Event {
        Event::new(EventName::LoginFailed, actor, Timestamp::from_micros(1))
    }

    #[test]
    fn every_name_reads_back_and_is_in_the_documentation() {
        let page = std::fs::read_to_string("docs/events.md").unwrap();
        for name in EventName::ALL {
            assert_eq!(name.as_str().parse(), Ok(*name));
            assert!(page.contains(&format!("| `{name}` |")), "{name}");
        }
        assert!("login".parse::<EventName>().is_err());
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
    fn every_actor_reads_back() {
        let clients = ["192.0.2.7", "2001:db8::1"].map(|ip| Actor::Client(ip.parse().unwrap()));
        let (ada, here) = (Username::parse("ada").unwrap(), "192.0.2.7".parse().unwrap());
        let operators = [Actor::Admin(ada.clone(), here), Actor::ApiKey(ada, here)];
        let others = [Actor::CommandLine, Actor::Gateway];
        for actor in clients.into_iter().chain(operators).chain(others) {
            let address = actor.address().map(|address| address.to_string());
            let operator = actor.operator().map(Username::as_str);
            let read = Actor::read(actor.kind(), address.as_deref(), operator);
            assert_eq!(read.as_ref(), Some(&actor));
        }
        assert_eq!(Actor::read("client", None, None), None);
        assert_eq!(Actor::read("admin", Some("192.0.2.7"), None), None);
    }

    #[test]
    fn an_address_of_ipv4_is_written_in_one_way() {
        let mapped = Actor::Client("::ffff:192.0.2.7".parse().unwrap());
        assert_eq!(mapped.address().unwrap().to_string(), "192.0.2.7");
    }

    #[test]
    fn a_caller_is_the_user_of_the_event() {
        let names = Names::new("ada", "");
        let caller = Identity {
            epoch: 0,
            is_staff: false,
            lasts: None,
            must_change: false,
            names,
            user: UserId(7),
        };
        let (id, name) = event(Actor::Gateway).of_caller(&caller).user.unwrap();
        assert_eq!((id, name.as_str()), (UserId(7), "ada"));
    }
}
