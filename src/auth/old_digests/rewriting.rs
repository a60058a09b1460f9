//! Giving tokens that were moved in a digest of ours, off the way of the requests that use them.

use super::super::issue::random_bytes;
use super::super::orders::Orders;
use super::super::{Auth, AuthError};
use crate::model::token::{TokenAbout, TokenDigest, TokenRecord};
use crate::model::user::User;
use crate::store::{Issue, Item, ItemKind, NewToken};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The tokens that are to be rewritten.
pub(in crate::auth) struct Rewritings {
    /// The old digests of those that were rewritten lately, with the new ones.
    lately: Mutex<VecDeque<(Order, Instant)>>,
    orders: Orders<Order>,
}

/// One of them. Its text is not kept.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct Order {
    new: TokenDigest,
    old: TokenDigest,
}

impl Rewritings {
    /// How many are written at a time.
    const AT_ONCE: usize = 8;
    /// How long one has the right to rewrite a token. Should they die it runs out.
    const CLAIM: Duration = Duration::from_secs(10);
    /// How long they may take, so that nobody else has begun by then, whatever their clock says.
    const MOST: Duration = Duration::from_secs(5);
    /// How many are remembered, and how long, after they were rewritten.
    const REMEMBERED: usize = 10_000;
    const REMEMBERED_FOR: Duration = Duration::from_mins(1);

    /// Remembers a token that is rewritten, for as long as replicas may lag behind.
    fn remember(&self, order: Order, now: Instant) {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |at: Instant| now.saturating_duration_since(at) > Self::REMEMBERED_FOR;
        while lately.len() >= Self::REMEMBERED || lately.front().is_some_and(|(_, at)| is_old(*at))
        {
            lately.pop_front();
        }
        lately.push_back((order, now));
    }

    pub(super) fn rewritten_from(&self, new: TokenDigest) -> Option<TokenDigest> {
        let lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.iter().find(|(order, _)| order.new == new).map(|(order, _)| order.old)
    }
}

impl Default for Rewritings {
    fn default() -> Self {
        Self { lately: Mutex::default(), orders: Orders::new() }
    }
}

impl Auth {
    /// Has a token rewritten that was used.
    pub(super) fn rewrite_soon(&self, new: TokenDigest, old: TokenDigest) {
        self.old_digests.rewritings.orders.add(Order { new, old });
    }

    /// Gives tokens that were moved in a digest of ours as they are used. Runs until it is dropped.
    pub async fn rewrite_tokens(&self) {
        let failure = "tokens that were moved in keep their old digests";
        let rewrite = |order| self.rewrite(order);
        self.old_digests.rewritings.orders.carry_out(Rewritings::AT_ONCE, failure, rewrite).await;
    }

    /// Rewrites a token, unless another one does that at this moment.
    async fn rewrite(&self, order: Order) -> Result<(), AuthError> {
        let until = self.clock.instant() + Rewritings::MOST;
        let Some(claim) = self.claim(order.old).await? else { return Ok(()) };
        let outcome = timeout(Rewritings::MOST, self.exchange(order, until)).await;
        if self.clock.instant() < until {
            // It is surely still ours.
            let _ = self.store.remove_item(claim.kind, &claim.key).await;
        }
        outcome.unwrap_or(Ok(()))
    }

    /// The right to rewrite a token, which one has at a time; `None` if another one has it.
    async fn claim(&self, old: TokenDigest) -> Result<Option<Item>, AuthError> {
        let Some((record, _)) = self.still_good(old).await? else { return Ok(None) };
        let now = self.clock.now();
        let item = Item {
            expires: Some(now.plus(Rewritings::CLAIM)),
            key: hex::encode(old.key().as_bytes()),
            kind: ItemKind::OldToken,
            owner: Some(record.user),
            value: hex::encode(random_bytes::<16>()?),
        };
        Ok(self.store.add_item(&item, now).await?.then_some(item))
    }

    /// The token of an old digest as it is now, if it is still good.
    async fn still_good(&self, old: TokenDigest) -> Result<Option<(TokenRecord, User)>, AuthError> {
        let found = self.store.token(old).await?;
        Ok(found
            .filter(|found| self.facts_unless_ended(found).is_some_and(|it| self.good(it).is_ok())))
    }

    /// Puts the digest of ours in place of the old one, for whoever has the right to.
    ///
    /// In between a token has both. Whoever ends all tokens of its user ends both, and so does whoever
    /// ends it by its text or its id. If the old one alone has been ended, so is the new one.
    async fn exchange(&self, order: Order, until: Instant) -> Result<(), AuthError> {
        let Order { new, old } = order;
        // As it is since nobody else rewrites it.
        let Some((record, _)) = self.still_good(old).await? else { return Ok(()) };
        let was_there = self.store.token(new).await?.is_some();
        if self.clock.instant() >= until || (!was_there && !self.add(new, record).await?) {
            return Ok(());
        }
        // Not as an end of the token: a server that has lost the new one may bring the old one back.
        self.old_digests.rewritings.remember(order, self.clock.instant());
        let had_old = self.store.revoke_token(old).await?;
        if !had_old && !was_there && self.clock.instant() < until {
            // If this fails it is tried again, and refused here meanwhile.
            self.end_token(new).await?;
        }
        Ok(())
    }

    /// Adds a token under a digest of ours; says whether it is there.
    async fn add(&self, new: TokenDigest, old: TokenRecord) -> Result<bool, AuthError> {
        let record = TokenRecord { digest: new, ..old };
        let about = TokenAbout::default();
        let token = NewToken { about, is_login: false, limit: None, record };
        match self.store.issue_token(token).await {
            Ok(Issue::Done) => Ok(true),
            Ok(Issue::LimitReached | Issue::UserChanged) => Ok(false),
            // It may have happened all the same, and then the old one must go.
            Err(error) => match self.store.token(new).await? {
                Some(_) => Ok(true),
                None => Err(error.into()),
            },
        }
    }
}
