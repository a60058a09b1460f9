//! What the keys are called. The part in braces decides where a Redis Cluster keeps a key.

use crate::model::event::Trail;
use crate::model::limit::LimitKey;
use crate::model::token::TokenDigest;
use crate::model::user::{UserId, Username};
use crate::store::{Change, ItemKind};

/// What the keys of all tokens begin with.
pub(super) const TOKEN_PREFIX: &str = "authgate:token:";
/// What the keys of all users begin with.
pub(super) const USER_PREFIX: &str = "authgate:user:";
/// The users' numbers, each with itself as the score.
pub(super) const USERS: &str = "authgate:users";
/// The number given out last.
pub(super) const NEXT_USER: &str = "authgate:next-user";
/// The server that gave it out, in the same slot.
pub(super) const NEXT_USER_BY: &str = "authgate:next-user-by:{authgate:next-user}";

/// Users in the order of their names: the name in lower case, a NUL, the number.
pub(super) const BY_NAME: &str = "authgate:users-by-name";
/// Users in the order of their addresses, likewise.
pub(super) const BY_EMAIL: &str = "authgate:users-by-email";
/// The numbers of users, with their last login as the score; -1 if they never logged in.
pub(super) const BY_LOGIN: &str = "authgate:users-by-login";
/// The numbers of users, with the number of their tokens as the score.
pub(super) const BY_TOKENS: &str = "authgate:users-by-tokens";
/// The numbers of staff, each with itself as the score.
pub(super) const STAFF: &str = "authgate:staff";
/// The numbers of users who may not log in, likewise.
pub(super) const INACTIVE: &str = "authgate:inactive";
/// It is there once the indexes of this version are complete.
pub(super) const INDEXED: &str = "authgate:indexed:1";
/// How many tokens a sweep has counted, and when.
pub(super) const CENSUS: &str = "authgate:census";

/// The items of a kind, as a hash.
pub(super) fn items(kind: ItemKind) -> String {
    format!("authgate:items:{{{}}}", kind.as_str())
}

/// Who has the lock of that name.
pub(super) fn lock(name: &str) -> String {
    format!("authgate:lock:{{{name}}}")
}

/// What was counted in an hour, as a hash.
pub(super) fn counts(hour: i64) -> String {
    format!("authgate:counts:{{{hour}}}")
}

/// Whose name it is: a user's number.
pub(super) fn name(name: &Username) -> String {
    format!("authgate:name:{{{name}}}")
}

/// A user, as a hash.
pub(super) fn user(id: UserId) -> String {
    format!("{USER_PREFIX}{{{id}}}")
}

/// A user's tokens: entries with their expiry as the score. In the same slot as the user.
pub(super) fn user_tokens(id: UserId) -> String {
    format!("authgate:user-tokens:{{{id}}}")
}

/// What is noted of a user's tokens, as a hash. In the same slot as the user.
pub(super) fn token_notes(id: UserId) -> String {
    format!("authgate:token-notes:{{{id}}}")
}

/// The tokens of all users, with the moment of their last use or else of their issue as the score.
pub(super) const RECENT: &str = "authgate:recent-tokens";

/// A token.
pub(super) fn token(digest: &TokenDigest) -> String {
    format!("{TOKEN_PREFIX}{{{}}}", hex(digest))
}

/// The keys of all limits, as a pattern.
pub(super) const LIMITS: &str = "authgate:limit:{*";

/// A limit. Those that are taken of together share a slot.
pub(super) fn limit(key: &LimitKey) -> String {
    limit_named(&key.to_string())
}

/// The limit of that name.
pub(super) fn limit_named(name: &str) -> String {
    // Those of one sign-in are taken of together, at either door.
    let together = ["console_failures", "login"].into_iter().find(|slot| name.starts_with(slot));
    let slot = together.unwrap_or(name);
    format!("authgate:limit:{{{slot}}}:{name}")
}

/// The name of the limit with this key.
pub(super) fn limit_of(key: &str) -> Option<&str> {
    Some(key.strip_prefix("authgate:limit:{")?.split_once("}:")?.1)
}

/// The networks from which a user has logged in, with the end of their memory as the score.
pub(super) fn familiar(user: UserId) -> String {
    format!("authgate:familiar:{{{user}}}")
}

/// A trail of events, as a stream.
pub(super) fn events(trail: Trail) -> String {
    format!("authgate:events:{{{}}}", trail.as_str())
}

/// What has changed when this key has; `None` if it is the key of no token and no user.
pub(super) fn change(key: &str) -> Option<Change> {
    let name = |prefix| key.strip_prefix(prefix)?.strip_prefix('{')?.strip_suffix('}');
    if let Some(hex) = name(TOKEN_PREFIX) {
        return digest(hex).map(Change::Token);
    }
    Some(Change::User(UserId(name(USER_PREFIX)?.parse().ok()?)))
}

/// A digest in hexadecimal digits.
pub(super) fn hex(digest: &TokenDigest) -> String {
    use std::fmt::Write;
    digest.as_bytes().iter().fold(String::with_capacity(128), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The digest that was written as these hexadecimal digits.
pub(super) fn digest(hex: &str) -> Option<TokenDigest> {
    let mut bytes = [0; 64];
    if hex.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(TokenDigest::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::slots::slot;
    use super::*;
    use crate::model::limit::AccountKey;
    use crate::model::network::Network;
    use crate::model::token::Token;
    use std::collections::HashSet;

    #[test]
    fn a_user_and_their_tokens_share_a_slot() {
        assert_eq!(user(UserId(42)), "authgate:user:{42}");
        assert_eq!(user_tokens(UserId(42)), "authgate:user-tokens:{42}");
    }

    #[test]
    fn what_is_taken_of_together_shares_a_slot() {
        let (account, from) = (AccountKey::like("ada"), Network::of([192, 0, 2, 1].into()));
        let together = [
            vec![
                LimitKey::LoginsOf(account),
                LimitKey::LoginsFrom(from),
                LimitKey::LoginsOfFrom(account, from),
                LimitKey::AllLoginsOfFrom(account, from),
            ],
            vec![
                LimitKey::SignInsOf(account),
                LimitKey::SignInsFrom(from),
                LimitKey::SignInsOfFrom(account, from),
            ],
        ];
        for keys in together {
            let keys: Vec<_> = keys.iter().map(limit).collect();
            let slots: HashSet<_> = keys.iter().map(|key| slot(key.as_bytes())).collect();
            assert_eq!(slots.len(), 1, "{keys:?}");
            assert!(keys.iter().all(|key| limit_of(key).is_some()));
        }
    }

    #[test]
    fn a_digest_reads_back_as_it_is_written() {
        let written = Token::new("abc".to_owned()).digest();
        assert!(digest(&hex(&written)) == Some(written));
        assert!(hex(&written).starts_with("ddaf35a193617aba"));
    }

    #[test]
    fn other_texts_are_no_digests() {
        for text in ["", "dd", &"zz".repeat(64), &"é".repeat(64)] {
            assert!(digest(text).is_none(), "{text}");
        }
    }
}
