//! What can happen, by name.

use super::Trail;
use std::fmt;
use std::str::FromStr;

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
    /// An operator took the accounts of another program over.
    UsersImported = "users_imported" in Operators,
    /// An operator saved the whole store to a file.
    StoreSaved = "store_saved" in Operators,
    /// An operator put what was saved in the place of the store's content.
    StoreRestored = "store_restored" in Operators,
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
    /// The store was emptied, or is another one than before.
    StoreEpochChanged = "store_epoch_changed" in Gateways,
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

    #[test]
    fn every_name_reads_back_and_is_in_the_documentation() {
        let page = std::fs::read_to_string("docs/events.md").unwrap();
        for name in EventName::ALL {
            assert_eq!(name.as_str().parse(), Ok(*name));
            assert!(page.contains(&format!("| `{name}` |")), "{name}");
        }
        assert!("login".parse::<EventName>().is_err());
    }
}
