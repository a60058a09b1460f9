//! What the keys are called. The part in braces decides where a Redis Cluster keeps a key.

use crate::model::event::Trail;
use crate::model::limit::LimitKey;
use crate::model::token::{KnoxKey, TokenKey};
use crate::model::user::{UserId, Username};
use crate::store::{Change, ItemKind};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What the keys of all tokens begin with.
pub(super) const TOKEN_PREFIX: &str = "authgate:token:";
/// What the keys of all users begin with.
pub(super) const USER_PREFIX: &str = "authgate:user:";
/// What the keys of all sets of deleted users begin with.
pub(super) const DELETED_PREFIX: &str = "authgate:deleted:";
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
/// The version of all this.
pub(super) const LAYOUT: &str = "authgate:layout";
/// It is there while a backup is brought back, and says how far that has come.
pub(super) const RESTORING: &str = "authgate:restoring";
/// What there was of users before that: number to epoch and whether they were let in.
pub(super) const RESTORING_USERS: &str = "authgate:restoring-users";

/// The beginnings of tokens that came with a digest of another scheme.
pub(super) const OLD_DIGESTS: &str = "authgate:old-digests";

/// The numbers of users who are being taken over: whoever is stopped meanwhile is found by them.
pub(super) const LANDING: &str = "authgate:landing";

/// What the connections are called on which gateways are told of changes.
pub(super) const FEED: &str = "authgate-feed";

/// The keys of all that users have, as patterns: of tokens first.
pub(super) const OF_USERS: [&str; 8] = [
    "authgate:token:*",
    "authgate:old-digests:*",
    "authgate:tokens:*",
    "authgate:user-tokens:*",
    "authgate:token-notes:*",
    "authgate:familiar:*",
    "authgate:name:*",
    "authgate:user:*",
];

/// The keys that tell of all users and tokens.
pub(super) const INDEXES: [&str; 12] = [
    USERS,
    BY_NAME,
    BY_EMAIL,
    BY_LOGIN,
    BY_TOKENS,
    STAFF,
    INACTIVE,
    RECENT,
    OLD_DIGESTS,
    LANDING,
    INDEXED,
    CENSUS,
];

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

/// The numbers of some users who were deleted, as a set.
pub(super) fn deleted(set: u64) -> String {
    format!("{DELETED_PREFIX}{{{set}}}")
}

/// A user's tokens: entries with their expiry as the score. In the same slot as the user.
pub(super) fn user_tokens(id: UserId) -> String {
    format!("authgate:tokens:{{{id}}}")
}

/// What is noted of a user's tokens, as a hash. In the same slot as the user.
pub(super) fn token_notes(id: UserId) -> String {
    format!("authgate:token-notes:{{{id}}}")
}

/// The tokens of all users, with the moment of their last use or else of their issue as the score.
pub(super) const RECENT: &str = "authgate:recent-tokens";

/// A token.
pub(super) fn token(key: &TokenKey) -> String {
    format!("{TOKEN_PREFIX}{{{}}}", text(key))
}

/// How the digests of tokens that begin like this were made by another program, as a hash.
pub(super) fn old_digests(key: &KnoxKey) -> String {
    format!("authgate:old-digests:{{{}}}", key.as_str())
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

/// A trail of events that is not whole yet, as a stream. In the same slot as the trail.
pub(super) fn events_draft(trail: Trail) -> String {
    format!("authgate:events-draft:{{{}}}", trail.as_str())
}

/// What has changed when this key has; `None` if it is the key of no token and no user.
pub(super) fn change(key: &str) -> Option<Change> {
    let name = |prefix| key.strip_prefix(prefix)?.strip_prefix('{')?.strip_suffix('}');
    if let Some(text) = name(TOKEN_PREFIX) {
        return token_key(text).map(Change::Token);
    }
    Some(Change::User(UserId(name(USER_PREFIX)?.parse().ok()?)))
}

/// What a key is of, as its name says; `None` if none of ours is called so.
pub(super) fn kind(key: &str) -> Option<&'static str> {
    const KINDS: [&str; 14] = [
        "counts",
        "deleted",
        "events",
        "events-draft",
        "familiar",
        "items",
        "limit",
        "lock",
        "name",
        "old-digests",
        "token",
        "token-notes",
        "tokens",
        "user",
    ];
    let rest = key.strip_prefix("authgate:")?;
    let is_one =
        |kind: &&&str| rest.strip_prefix(**kind).is_some_and(|rest| rest.starts_with(":{"));
    let indexes = || INDEXES.contains(&key).then_some("index");
    let marks = [NEXT_USER, NEXT_USER_BY, LAYOUT, RESTORING, RESTORING_USERS];
    let single = || marks.contains(&key).then_some("mark");
    KINDS.iter().find(is_one).copied().or_else(indexes).or_else(single)
}

/// What stands in braces at the end of a key, such as the name whose key it is.
pub(super) fn braced(key: &str) -> Option<&str> {
    key.strip_suffix('}')?.split_once(":{").map(|(_, name)| name)
}

/// Whose key it is, of those that end with a user's number.
pub(super) fn numbered(key: &str) -> Option<UserId> {
    braced(key)?.parse().ok().map(UserId)
}

/// What stands for a token in other keys and values: 43 characters of Base64.
pub(super) fn text(key: &TokenKey) -> String {
    URL_SAFE_NO_PAD.encode(key.as_bytes())
}

/// The token for which these characters stand.
pub(super) fn token_key(text: &str) -> Option<TokenKey> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(TokenKey::new(bytes.try_into().ok()?))
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
        assert_eq!(user_tokens(UserId(42)), "authgate:tokens:{42}");
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
    fn a_token_reads_back_as_it_is_written() {
        let key = Token::new("abc".to_owned()).digest().key();
        assert_eq!(text(&key), "3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05o");
        assert!(token_key(&text(&key)) == Some(key));
    }

    #[test]
    fn other_texts_stand_for_no_token() {
        for text in ["", "3a81", &"=".repeat(43), &"é".repeat(43), &"A".repeat(44)] {
            assert!(token_key(text).is_none(), "{text}");
        }
    }
}
