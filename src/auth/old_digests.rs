//! Tokens that were moved in, whose digests another program made in its own way: they are found by how
//! their text begins, and get a digest of ours once they are used.
//!
//! Where the store has none of them, which is looked at every few seconds, an unknown token costs
//! nothing more than ever.

mod ending;
mod rewriting;

pub(super) use self::ending::are_one;

use self::rewriting::{Rewritings, Used};
use super::cache::Count;
use super::facts::Facts;
use super::{Auth, AuthError};
use crate::model::token::{KnoxKey, OldDigest, Token, TokenDigest, TokenRecord};
use crate::model::user::User;
use crate::store::StoreError;
use futures_util::future::try_join_all;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// What is known of them.
#[derive(Default)]
pub(super) struct OldDigests {
    /// Nobody waits for it.
    known: Mutex<Known>,
    /// How often that was asked.
    looks: AtomicU64,
    rewritings: Rewritings,
    /// How often it was looked for clients who have tried too many tokens, and since when that is counted.
    strained: Mutex<Option<(Instant, u32)>>,
}

/// Whether there are any.
#[derive(Clone, Copy, Default)]
struct Known {
    /// What the store said, and until when that is good enough.
    are_there: Option<(bool, Instant)>,
    /// Until when a read may be under way that began while there were some.
    read_until: Option<Instant>,
}

impl OldDigests {
    /// How long a read may be under way.
    const LATELY: Duration = Duration::from_secs(10);

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one may be looked for once more for a client whose network has tried too many tokens: so many
    /// are in a second, for all of them together.
    fn may_look(&self, now: Instant) -> bool {
        const MOST: u32 = 20;
        let mut strained = self.strained.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, looks) = strained
            .filter(|(since, _)| now.saturating_duration_since(*since) < Duration::from_secs(1))
            .unwrap_or((now, 0));
        *strained = Some((since, looks.saturating_add(1)));
        looks < MOST
    }

    /// Whether there were some a moment ago.
    fn were_there(&self, now: Instant) -> bool {
        self.known().read_until.is_some_and(|until| now < until)
    }

    /// The old digest of a token that was rewritten here lately.
    pub(super) fn rewritten_from(&self, new: TokenDigest) -> Option<TokenDigest> {
        self.rewritings.rewritten_from(new)
    }
}

/// What had been heard before the store was asked for a token.
#[derive(Clone, Copy)]
pub(super) struct Heard {
    pub changes: Count,
    looks: u64,
}

/// A token with an old digest.
pub(super) struct Found {
    /// How that was made.
    how: OldDigest,
    pub record: TokenRecord,
    /// Whose it is.
    user: User,
}

impl Found {
    /// By what it is found once it is rewritten.
    pub(super) fn digest_of_ours(&self, token: &Token) -> TokenDigest {
        self.how.digest_of_ours(token)
    }
}

/// Under what the store has a token that let a request pass.
#[derive(Clone, Copy)]
pub struct Held {
    pub(super) digest: TokenDigest,
    /// What it was found by, if it was not by its digest.
    pub(super) old: Option<TokenDigest>,
}

impl Auth {
    /// What has been heard by now.
    pub(super) fn heard(&self) -> Heard {
        let looks = self.old_digests.looks.load(Ordering::SeqCst);
        Heard { changes: self.cache.count(), looks }
    }

    /// What is known of a token that the store did not know by its digest, after so much had been heard.
    /// If nobody has it, memory says so for a while.
    pub(super) async fn adopt_or_remember(
        &self,
        token: &Token,
        before: Heard,
        from: IpAddr,
    ) -> Result<Option<(Facts, Held)>, AuthError> {
        let digest = token.digest();
        let are_there = self.has_old_digests().await?;
        // Who has tried too many costs little more than where there are none. But with whoever holds tokens
        // that nobody knows any more, others share a network whose tokens are good.
        let costs_more = are_there || token.without_capitals().is_some();
        let is_over = costs_more && self.limits.is_over_unknown_tokens(from);
        if is_over && !self.old_digests.may_look(self.clock.instant()) {
            self.limits.unknown_token(from).await?;
            // The limit has just passed: but nobody has looked whether the token is unknown.
            return Err(AuthError::Busy);
        }
        if are_there && let Some(adopted) = self.adopt(token, from).await? {
            return Ok(Some(adopted));
        }
        let mut known = None;
        let were_there = self.old_digests.were_there(self.clock.instant());
        if were_there || self.heard().looks != before.looks {
            // Another one may have rewritten it: after the first look found no digest of ours, and before
            // the second found no old one. A read that somebody else has begun may know nothing of that.
            known = self.look_up_anew(digest).await?;
        }
        let mut found = known.map(|facts| (facts, Held { digest, old: None }));
        if found.is_none() {
            // Once, and last, for the same reason.
            found = self.known_without_capitals(token).await?;
        }
        if found.is_none() {
            self.cache.put(&digest, None, before.changes);
        }
        Ok(found)
    }

    /// What is known of a token with an old digest. If it is good it gets one of ours, beside the
    /// requests.
    async fn adopt(&self, token: &Token, from: IpAddr) -> Result<Option<(Facts, Held)>, AuthError> {
        let Some(Found { how, record, user }) = self.old_token(token).await? else {
            return Ok(None);
        };
        self.know_time().await?;
        let found = (record, user);
        let Some(facts) = self.facts_unless_ended(&found) else { return Ok(None) };
        let (digest, old) = (how.digest_of_ours(token), how.digest);
        if let Ok((_, at)) = self.good(facts.clone()) {
            self.rewrite_soon(token, how, Used { at, from });
        }
        Ok(Some((facts, Held { digest, old: Some(old) })))
    }

    /// What is known of a token that was read with its user, unless it was ended here.
    pub(super) fn facts_unless_ended(&self, (token, user): &(TokenRecord, User)) -> Option<Facts> {
        let is_ended = self.tombstones.cover(token, self.cache.outages());
        (!is_ended).then(|| Facts::of(token, user))
    }

    /// The token that a text stands for which has capitals, if it came from knox 4 and was rewritten.
    pub(super) async fn token_without_capitals(
        &self,
        token: &Token,
    ) -> Result<Option<(TokenRecord, User)>, StoreError> {
        let Some(plain) = token.without_capitals() else { return Ok(None) };
        let found = self.store.token(plain.digest()).await?;
        Ok(found.filter(|(record, _)| record.is_spelled_by(token)))
    }

    async fn known_without_capitals(
        &self,
        token: &Token,
    ) -> Result<Option<(Facts, Held)>, AuthError> {
        let Some(found) = self.token_without_capitals(token).await? else { return Ok(None) };
        self.know_time().await?;
        let held = Held { digest: found.0.digest, old: None };
        Ok(self.facts_unless_ended(&found).map(|facts| (facts, held)))
    }

    /// The token with an old digest that has this text.
    pub(super) async fn old_token(&self, token: &Token) -> Result<Option<Found>, StoreError> {
        if !self.has_old_digests().await? {
            return Ok(None);
        }
        let lengths = [KnoxKey::OF_KNOX_4, KnoxKey::OF_KNOX_5];
        let keys = lengths.map(|length| KnoxKey::of(token, length));
        let found = try_join_all(keys.iter().flatten().map(|key| self.store.old_digests(key)));
        let alike = found.await?.into_iter().flatten();
        let is_it = |digest: TokenDigest, old: TokenDigest| -> bool {
            digest.as_bytes().ct_eq(old.as_bytes()).into()
        };
        let mut own =
            alike.filter(|old| old.of(token).is_some_and(|digest| is_it(digest, old.digest)));
        let Some(how) = own.next() else { return Ok(None) };
        let found = self.store.token(how.digest).await?;
        Ok(found.map(|(record, user)| Found { how, record, user }))
    }

    /// The token of this text under whichever digest the store has it, and whose it is. A look without
    /// a trace.
    pub(super) async fn stored_token(
        &self,
        token: &Token,
    ) -> Result<Option<(TokenRecord, User)>, StoreError> {
        let digest = token.digest();
        if let Some(found) = self.store.token(digest).await? {
            return Ok(Some(found));
        }
        if let Some(found) = self.token_without_capitals(token).await? {
            return Ok(Some(found));
        }
        match self.old_token(token).await? {
            Some(found) => Ok(Some((found.record, found.user))),
            // Another one may have rewritten it in between.
            None if self.has_old_digests().await? => match self.store.token(digest).await? {
                Some(found) => Ok(Some(found)),
                None => self.token_without_capitals(token).await,
            },
            None => Ok(None),
        }
    }

    /// Whether there are any. Where that is not known all who ask at once look, and none waits for
    /// another.
    pub(super) async fn has_old_digests(&self) -> Result<bool, StoreError> {
        const PAUSE: Duration = Duration::from_secs(5);
        let now = self.clock.instant();
        let known = self.old_digests.known().are_there;
        if let Some((are_there, _)) = known.filter(|(_, until)| now < *until) {
            return Ok(are_there);
        }
        let are_there = self.store.has_old_digests().await?;
        self.old_digests.looks.fetch_add(1, Ordering::SeqCst);
        let mut known = self.old_digests.known();
        known.are_there = Some((are_there, now + PAUSE));
        if are_there {
            known.read_until = Some(now + PAUSE + OldDigests::LATELY);
        }
        Ok(are_there)
    }
}
