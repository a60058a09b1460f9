//! What is limited, and whose it is.

use super::kind::LimitKind;
use crate::model::network::Network;
use crate::model::user::{UserId, Username};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use unicode_normalization::UnicodeNormalization;

/// What is limited, and whose it is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum LimitKey {
    /// Wrong codes of a user's authenticator app.
    CodesOf(UserId),
    /// Failed logins of an account.
    LoginsOf(AccountKey),
    /// Failed logins of an account from a network.
    LoginsOfFrom(AccountKey, Network),
    /// Failed logins from a network.
    LoginsFrom(Network),
    /// Logins of an account from a network, those that succeed too.
    AllLoginsOfFrom(AccountKey, Network),
    /// Registrations from a network.
    RegistrationsFrom(Network),
    /// Requests of a class.
    Requests(Arc<str>, Subject),
    /// Failed attempts of an account to sign in at the console.
    SignInsOf(AccountKey),
    /// Failed attempts of an account, from a network, to sign in at the console.
    SignInsOfFrom(AccountKey, Network),
    /// Failed attempts, from a network, to sign in at the console.
    SignInsFrom(Network),
    /// Unknown tokens from a network.
    UnknownTokensFrom(Network),
}

/// Who sends requests.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Subject {
    /// Clients of a network.
    Network(Network),
    /// Whoever has a token, by the head of its digest.
    Token(u64),
    /// A user.
    User(UserId),
}

impl LimitKey {
    /// What is limited.
    pub fn kind(&self) -> LimitKind {
        match self {
            Self::AllLoginsOfFrom(..) => LimitKind::LoginsPerAccountAndNetwork,
            Self::CodesOf(_) => LimitKind::ConsoleCodesPerUser,
            Self::LoginsOf(_) => LimitKind::LoginFailuresPerAccount,
            Self::LoginsOfFrom(..) => LimitKind::LoginFailuresPerAccountAndNetwork,
            Self::LoginsFrom(_) => LimitKind::LoginFailuresPerNetwork,
            Self::RegistrationsFrom(_) => LimitKind::RegistrationsPerNetwork,
            Self::Requests(..) => LimitKind::Requests,
            Self::SignInsOf(_) => LimitKind::ConsoleFailuresPerAccount,
            Self::SignInsOfFrom(..) => LimitKind::ConsoleFailuresPerAccountAndNetwork,
            Self::SignInsFrom(_) => LimitKind::ConsoleFailuresPerNetwork,
            Self::UnknownTokensFrom(_) => LimitKind::UnknownTokensPerNetwork,
        }
    }

    /// What is limited, by the name that it has in the settings.
    pub fn limit(&self) -> &str {
        if let Self::Requests(class, _) = self { class } else { self.kind().name() }
    }

    /// What logs may know of it: without an account's key, which may be that of a password that was
    /// typed for a name.
    pub fn told(&self) -> String {
        match self {
            Self::LoginsOf(_) | Self::SignInsOf(_) => self.limit().to_owned(),
            Self::AllLoginsOfFrom(_, network)
            | Self::LoginsOfFrom(_, network)
            | Self::SignInsOfFrom(_, network) => format!("{}/{network}", self.limit()),
            Self::CodesOf(_)
            | Self::LoginsFrom(_)
            | Self::RegistrationsFrom(_)
            | Self::Requests(..)
            | Self::SignInsFrom(_)
            | Self::UnknownTokensFrom(_) => self.to_string(),
        }
    }
}

/// `LIMIT/WHOSE`, as it stands in stores and is shown to operators.
impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.limit())?;
        match self {
            Self::LoginsOf(account) | Self::SignInsOf(account) => write!(f, "{account}"),
            Self::AllLoginsOfFrom(account, network)
            | Self::LoginsOfFrom(account, network)
            | Self::SignInsOfFrom(account, network) => write!(f, "{account} {network}"),
            Self::LoginsFrom(network)
            | Self::RegistrationsFrom(network)
            | Self::Requests(_, Subject::Network(network))
            | Self::SignInsFrom(network)
            | Self::UnknownTokensFrom(network) => write!(f, "{network}"),
            Self::Requests(_, Subject::Token(head)) => write!(f, "token:{head:016x}"),
            Self::CodesOf(user) | Self::Requests(_, Subject::User(user)) => {
                write!(f, "user:{user}")
            }
        }
    }
}

/// The account that a name means. Not the name itself: what someone types there may be a password.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountKey([u8; 16]);

impl AccountKey {
    /// No user's name has more bytes.
    const LONGEST: usize = Username::MAX_CHARS * char::MAX.len_utf8();

    /// All accounts whose names differ from this one in case, in the form of Unicode or in blanks
    /// round them.
    pub fn like(name: &str) -> Self {
        // What no user can have is not worth the time: it is all one.
        if name.len() > Self::LONGEST {
            return Self::hash("");
        }
        let fold = |text: &str| text.nfkc().flat_map(char::to_lowercase).collect::<String>();
        // Small letters may have another normal form.
        let folded: String = fold(name.trim()).nfkc().collect();
        Self::hash(folded.trim())
    }

    fn hash(text: &str) -> Self {
        let hash = Sha256::digest(text);
        let mut key = [0; 16];
        key.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Self(key)
    }
}

/// In hexadecimal digits.
impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A user, and a network from which they have logged in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Familiar {
    /// The network.
    pub network: Network,
    /// The user.
    pub user: UserId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_user_can_have_costs_no_time() {
        let long = "\u{fdfa}".repeat(340_000);
        assert_eq!(AccountKey::like(&long), AccountKey::like(&"a".repeat(601)));
        assert_ne!(AccountKey::like(&"a".repeat(600)), AccountKey::like(&long));
    }

    #[test]
    fn an_account_has_one_key_whatever_the_spelling() {
        let key = AccountKey::like("admin");
        for typed in ["Admin", "ADMIN", " admin ", "ａｄｍｉｎ", "\u{a0}ⓐdmin\u{3000}"] {
            assert_eq!(AccountKey::like(typed), key, "{typed}");
        }
        assert_eq!(AccountKey::like("ΌΣΟΣ"), AccountKey::like("όσοσ"));
        assert_ne!(AccountKey::like("admin2"), key);
    }

    #[test]
    fn a_key_is_written_with_its_limit_first() {
        let network = Network::of("2001:db8::1".parse().unwrap());
        assert_eq!(
            LimitKey::LoginsFrom(network).to_string(),
            "login_failures_per_network/2001:db8::/64"
        );
        let key = LimitKey::Requests("api".into(), Subject::User(UserId(7)));
        assert_eq!(key.to_string(), "api/user:7");
    }
}
