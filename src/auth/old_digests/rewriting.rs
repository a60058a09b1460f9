//! Giving tokens that were moved in a digest of ours, off the way of the requests that use them.

use super::super::facts::TokenFacts;
use super::super::orders::Orders;
use super::super::{Auth, AuthError};
use crate::clock::Timestamp;
use crate::model::token::{DigestOver, KnoxKey, OldDigest, Token, TokenDigest, TokenRecord};
use crate::model::user::User;
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The tokens that are to be rewritten.
pub(in crate::auth) struct Rewritings {
    /// The digests of those that were rewritten lately.
    lately: Mutex<VecDeque<(Pair, Instant)>>,
    orders: Orders<Order>,
}

/// One of them. Its text is not kept.
#[derive(Clone)]
struct Order {
    /// What knox 5 would find it by; what it is found by now, if its text has no more.
    knox_key: KnoxKey,
    new: TokenDigest,
    old: OldDigest,
    used: Used,
}

/// Each token is rewritten once, however often it is used until then.
impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        (self.new, self.old.digest) == (other.new, other.old.digest)
    }
}

impl Eq for Order {}

impl Hash for Order {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.new, self.old.digest).hash(state);
    }
}

/// When and from where one was used.
#[derive(Clone, Copy)]
pub(super) struct Used {
    pub at: Timestamp,
    pub from: IpAddr,
}

/// What one was found by before, and is found by now.
#[derive(Clone, Copy)]
struct Pair {
    new: TokenDigest,
    old: TokenDigest,
}

impl Rewritings {
    /// How many are written at a time.
    const AT_ONCE: usize = 8;
    /// How many are remembered, and how long, after they were rewritten.
    const REMEMBERED: usize = 10_000;
    const REMEMBERED_FOR: Duration = Duration::from_mins(1);

    /// Remembers a token that is rewritten, for as long as replicas may lag behind.
    fn remember(&self, pair: Pair, now: Instant) {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |at: Instant| now.saturating_duration_since(at) > Self::REMEMBERED_FOR;
        while lately.len() >= Self::REMEMBERED || lately.front().is_some_and(|(_, at)| is_old(*at))
        {
            lately.pop_front();
        }
        lately.push_back((pair, now));
    }

    pub(super) fn rewritten_from(&self, new: TokenDigest) -> Option<TokenDigest> {
        let lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.iter().find(|(pair, _)| pair.new == new).map(|(pair, _)| pair.old)
    }
}

impl Default for Rewritings {
    fn default() -> Self {
        Self { lately: Mutex::default(), orders: Orders::new() }
    }
}

impl Auth {
    /// Has a token rewritten that was used.
    pub(super) fn rewrite_soon(&self, token: &Token, old: OldDigest, used: Used) {
        let plain = token.without_capitals().filter(|_| old.scheme.over != DigestOver::Text);
        let longer = KnoxKey::of(plain.as_ref().unwrap_or(token), KnoxKey::OF_KNOX_5);
        let knox_key = longer.unwrap_or_else(|| old.knox_key.clone());
        let new = old.digest_of_ours(token);
        self.old_digests.rewritings.orders.add(Order { knox_key, new, old, used });
    }

    /// Gives tokens that were moved in a digest of ours as they are used. Runs until it is dropped.
    pub async fn rewrite_tokens(&self) {
        let failure = "tokens that were moved in keep their old digests";
        let rewrite = |order| self.rewrite(order);
        self.old_digests.rewritings.orders.carry_out(Rewritings::AT_ONCE, failure, rewrite).await;
    }

    /// Rewrites a token, and then does for its use what is done for each: by the old digest it would find
    /// nothing any more.
    async fn rewrite(&self, order: Order) -> Result<(), AuthError> {
        let Order { knox_key, new, old, used } = order;
        let Some(found) = self.still_good(old.digest).await? else {
            // It has ended, or another one has rewritten it.
            if let Some(found) = self.still_good(new).await? {
                self.was_used(new, &found, used);
            }
            return Ok(());
        };
        let either = [new, old.digest];
        match self.exchange((knox_key, new, old), found.0.clone()).await {
            Ok(true) => self.was_used(new, &found, used),
            Ok(false) => {}
            Err(error) => {
                // It may have happened.
                for digest in either {
                    self.was_used(digest, &found, used);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn was_used(&self, digest: TokenDigest, (record, owner): &(TokenRecord, User), used: Used) {
        self.refresh(digest, &TokenFacts::of(record, owner), used.at);
        self.note_use(digest, owner.id, used.at, used.from);
    }

    /// Exchanges a token's digest, unless it has ended. Others may do so at the same moment: it comes to the
    /// same.
    async fn exchange(
        &self,
        (knox_key, new, old): (KnoxKey, TokenDigest, OldDigest),
        record: TokenRecord,
    ) -> Result<bool, AuthError> {
        let pair = Pair { new, old: old.digest };
        // Before: should the answer be lost it may have happened.
        self.old_digests.rewritings.remember(pair, self.clock.instant());
        let former = Some(Box::new(old));
        let record = TokenRecord { digest: new, former, knox_key: Some(knox_key), ..record };
        // Not as an end of the old one: a server that has lost the new one may bring that back.
        Ok(self.store.exchange_token(pair.old, &record).await?)
    }

    /// The token of a digest as it is now, if it is still good.
    async fn still_good(
        &self,
        digest: TokenDigest,
    ) -> Result<Option<(TokenRecord, User)>, AuthError> {
        let found = self.store.token(digest).await?;
        Ok(found
            .filter(|found| self.facts_unless_ended(found).is_some_and(|it| self.good(it).is_ok())))
    }
}
