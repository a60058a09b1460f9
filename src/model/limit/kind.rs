//! The kinds of limits, by the names that they have in the settings.

/// What can be limited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LimitKind {
    /// Wrong codes of a user's authenticator app.
    ConsoleCodesPerUser,
    /// Failed attempts of an account to sign in at the console.
    ConsoleFailuresPerAccount,
    /// Failed attempts of an account, from a network, to sign in at the console.
    ConsoleFailuresPerAccountAndNetwork,
    /// Failed attempts, from a network, to sign in at the console.
    ConsoleFailuresPerNetwork,
    /// Failed logins of an account.
    LoginFailuresPerAccount,
    /// Failed logins of an account from a network.
    LoginFailuresPerAccountAndNetwork,
    /// Failed logins from a network.
    LoginFailuresPerNetwork,
    /// Logins of an account from a network, those that succeed too.
    LoginsPerAccountAndNetwork,
    /// Registrations from a network.
    RegistrationsPerNetwork,
    /// Requests of a class that the settings name.
    Requests,
    /// Unknown tokens from a network.
    UnknownTokensPerNetwork,
}

impl LimitKind {
    /// All but classes of requests.
    const NAMED: [Self; 10] = [
        Self::ConsoleCodesPerUser,
        Self::ConsoleFailuresPerAccount,
        Self::ConsoleFailuresPerAccountAndNetwork,
        Self::ConsoleFailuresPerNetwork,
        Self::LoginFailuresPerAccount,
        Self::LoginFailuresPerAccountAndNetwork,
        Self::LoginFailuresPerNetwork,
        Self::LoginsPerAccountAndNetwork,
        Self::RegistrationsPerNetwork,
        Self::UnknownTokensPerNetwork,
    ];

    /// The kind of the limit of that name; a name that is none of ours is a class's.
    pub fn named(name: &str) -> Self {
        Self::NAMED.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::Requests)
    }

    /// Its name in the settings. Classes of requests have names of their own there.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsoleCodesPerUser => "console_codes_per_user",
            Self::ConsoleFailuresPerAccount => "console_failures_per_account",
            Self::ConsoleFailuresPerAccountAndNetwork => "console_failures_per_account_and_network",
            Self::ConsoleFailuresPerNetwork => "console_failures_per_network",
            Self::LoginFailuresPerAccount => "login_failures_per_account",
            Self::LoginFailuresPerAccountAndNetwork => "login_failures_per_account_and_network",
            Self::LoginFailuresPerNetwork => "login_failures_per_network",
            Self::LoginsPerAccountAndNetwork => "logins_per_account_and_network",
            Self::RegistrationsPerNetwork => "registrations_per_network",
            Self::Requests => "requests",
            Self::UnknownTokensPerNetwork => "unknown_tokens_per_network",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AccountKey, LimitKey, Subject};
    use super::*;
    use crate::model::network::Network;
    use crate::model::user::UserId;

    #[test]
    fn what_is_limited_by_a_name_of_ours_is_of_no_class() {
        let (account, user) = (AccountKey::like("ada"), UserId(7));
        let network = Network::of("203.0.113.7".parse().unwrap());
        for key in [
            LimitKey::AllLoginsOfFrom(account, network),
            LimitKey::CodesOf(user),
            LimitKey::LoginsFrom(network),
            LimitKey::LoginsOf(account),
            LimitKey::LoginsOfFrom(account, network),
            LimitKey::RegistrationsFrom(network),
            LimitKey::SignInsFrom(network),
            LimitKey::SignInsOf(account),
            LimitKey::SignInsOfFrom(account, network),
            LimitKey::UnknownTokensFrom(network),
        ] {
            assert_eq!(LimitKind::named(key.limit()), key.kind());
            assert_ne!(key.kind(), LimitKind::Requests, "{key}");
        }
        let key = LimitKey::Requests("api".into(), Subject::User(user));
        assert_eq!(LimitKind::named(key.limit()), LimitKind::Requests);
    }
}
