//! What a verdict over a token rests on.

use crate::clock::Timestamp;
use crate::model::identity::Names;
use crate::model::token::TokenRecord;
use crate::model::user::{User, UserId};
use std::time::Duration;

/// What is known of a token that the store knows.
#[derive(Clone)]
pub(super) struct Facts {
    pub token: TokenFacts,
    pub user: UserFacts,
}

/// What is kept of a token: no more than a verdict needs.
#[derive(Clone, Copy)]
pub(super) struct TokenFacts {
    pub created: Timestamp,
    pub epoch: u64,
    /// The last possible moment, if there is no end: half as long as an option.
    end: Timestamp,
    pub user: UserId,
}

impl TokenFacts {
    const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

    pub(super) fn of(token: &TokenRecord) -> Self {
        let TokenRecord { created, epoch, expires, user, .. } = *token;
        Self { created, epoch, end: expires.unwrap_or(Self::NEVER), user }
    }

    /// Until when it holds; `None` is forever.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        (self.end != Self::NEVER).then_some(self.end)
    }

    /// Whether it has run out by `now`.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.end <= now
    }

    /// For how long it will hold; `None` is forever.
    pub(super) fn lasts(&self, now: Timestamp) -> Option<Duration> {
        self.expires().map(|end| end.since(now))
    }
}

/// What is kept of a user.
#[derive(Clone)]
pub(super) struct UserFacts {
    pub epoch: u64,
    pub is_active: bool,
    pub is_staff: bool,
    pub must_change: bool,
    pub names: Names,
}

impl UserFacts {
    pub(super) fn of(user: &User) -> Self {
        let User { epoch, is_active, is_staff, must_change, .. } = *user;
        Self { epoch, is_active, is_staff, must_change, names: Names::of(user) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::token::TokenDigest;

    #[test]
    fn a_token_is_good_until_its_end_and_not_at_it() {
        let at = Timestamp::from_micros;
        let (digest, user) = (TokenDigest::new([0; 64]), UserId(1));
        let ending = |expires| {
            TokenFacts::of(&TokenRecord { created: at(0), digest, epoch: 0, expires, user })
        };
        let ends = [999_999, 1_000_000, 1_000_001].map(at);
        let expired = ends.map(|now| ending(Some(at(1_000_000))).has_expired(now));
        assert_eq!(expired, [false, true, true]);
        assert!(!ending(None).has_expired(at(i64::MAX - 1)));
    }
}
