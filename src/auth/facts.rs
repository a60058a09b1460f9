//! What a verdict over a token rests on.

use crate::clock::Timestamp;
use crate::model::identity::{Identity, Names};
use crate::model::token::TokenRecord;
use crate::model::user::{User, UserId};
use std::time::Duration;

/// What is known of a token that the store knows.
#[derive(Clone)]
pub(super) struct Facts {
    pub token: TokenFacts,
    pub user: UserFacts,
}

impl Facts {
    /// What is kept of a token that was read with its user.
    pub(super) fn of(token: &TokenRecord, owner: &User) -> Self {
        Self { token: TokenFacts::of(token, owner), user: UserFacts::of(owner) }
    }

    /// Who calls, if the token is good.
    pub(super) fn identity(self, now: Timestamp) -> Identity {
        let Self { token, user } = self;
        Identity {
            epoch: user.epoch,
            is_staff: user.is_staff,
            lasts: token.lasts(now),
            must_change: user.must_change,
            names: user.names,
            user: token.user,
        }
    }
}

/// What is kept of a token: no more than a verdict needs.
#[derive(Clone, Copy)]
pub(super) struct TokenFacts {
    pub created: Timestamp,
    /// The last possible moment, if there is no end: half as long as an option.
    end: Timestamp,
    pub standing: Standing,
    pub user: UserId,
}

/// The epoch of a token's user when the two were read together, and whether the token had ended by then:
/// in one number, for there are many.
#[derive(Clone, Copy)]
pub(super) struct Standing(u64);

impl Standing {
    /// Epochs are counted in 63 bits.
    fn of(token: &TokenRecord, user: &User) -> Self {
        Self(user.epoch << 1 | u64::from(token.epoch != user.epoch))
    }

    /// Whether it was all that there is to know when the user had this epoch. Epochs only grow: a later
    /// one may have ended the token, or it may have stayed when its user changed the password.
    pub(super) fn is_of(self, epoch: u64) -> bool {
        self.0 >> 1 == epoch
    }

    pub(super) fn has_ended(self) -> bool {
        self.0 & 1 == 1
    }
}

impl TokenFacts {
    const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

    /// What is kept of a token that was read with its user.
    pub(super) fn of(token: &TokenRecord, owner: &User) -> Self {
        let TokenRecord { created, expires, user, .. } = *token;
        let standing = Standing::of(token, owner);
        Self { created, end: expires.unwrap_or(Self::NEVER), standing, user }
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

    #[test]
    fn a_token_is_good_until_its_end_and_not_at_it() {
        let at = Timestamp::from_micros;
        let ending = |expires: Option<Timestamp>| {
            let end = expires.unwrap_or(TokenFacts::NEVER);
            TokenFacts { created: at(0), end, standing: Standing(0), user: UserId(1) }
        };
        let ends = [999_999, 1_000_000, 1_000_001].map(at);
        let expired = ends.map(|now| ending(Some(at(1_000_000))).has_expired(now));
        assert_eq!(expired, [false, true, true]);
        assert!(!ending(None).has_expired(at(i64::MAX - 1)));
    }
}
