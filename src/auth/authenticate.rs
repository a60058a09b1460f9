//! Token → identity: runs for every request that is not public.

use super::cache::Recall;
use super::facts::{Facts, TokenFacts};
use super::{Auth, AuthError, Held};
use crate::clock::Timestamp;
use crate::model::identity::Identity;
use crate::model::token::{Token, TokenDigest};
use crate::store::StoreError;
use futures_util::FutureExt;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Why a token is not good.
#[derive(Clone, Copy)]
pub(super) enum Flaw {
    Ended,
    Expired,
    InactiveUser,
}

impl From<Flaw> for AuthError {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Ended | Flaw::Expired => Self::InvalidToken,
            Flaw::InactiveUser => Self::InactiveUser,
        }
    }
}

impl Auth {
    /// Tells who a token belongs to, and has it prolonged where the settings say so.
    ///
    /// `from` is the address of the client.
    pub async fn authenticate(&self, token: &Token, from: IpAddr) -> Result<Identity, AuthError> {
        self.identify(token, from).await.map(|(identity, _)| identity)
    }

    /// The same, and what to look at later by [`Auth::check`].
    pub async fn identify(
        &self,
        token: &Token,
        from: IpAddr,
    ) -> Result<(Identity, Held), AuthError> {
        let digest = token.digest();
        let held = Held { digest, old: None };
        let known = match self.recall(&digest) {
            Recall::Known(facts) => Some((facts, held)),
            Recall::Nobodys => None,
            Recall::Nothing => {
                let heard = self.heard();
                match self.look_up_or_recall(digest).await? {
                    Some(facts) => Some((facts, held)),
                    None => self.adopt_or_remember(token, heard, from).await?,
                }
            }
        };
        let Some((facts, held)) = known else {
            self.limits.unknown_token(from).await?;
            return Err(AuthError::InvalidToken);
        };
        let (Facts { token, user }, now) = self.good(facts)?;
        // For one with an old digest that is done once it has its new one.
        if held.old.is_none() {
            self.refresh(held.digest, &token, now);
            self.note_use(held.digest, token.user, now, from);
        }
        Ok((Facts { token, user }.identity(now), held))
    }

    /// Tells for how long a token that is good will hold (`None` is forever), and fails as
    /// [`Auth::authenticate`] did when it was let in; but it is no use of the token.
    pub async fn check(&self, held: Held) -> Result<Option<Duration>, AuthError> {
        let mut known = self.recall_or_look_up(held.digest).await?;
        if known.is_none()
            && let Some(old) = held.old
        {
            known = match self.recall_or_look_up(old).await? {
                Some(facts) => Some(facts),
                // It may have been rewritten in between.
                None => self.look_up_or_recall(held.digest).await?,
            };
        }
        let facts = known.ok_or(AuthError::InvalidToken)?;
        let (Facts { token, .. }, now) = self.good(facts)?;
        Ok(token.lasts(now))
    }

    async fn recall_or_look_up(&self, digest: TokenDigest) -> Result<Option<Facts>, AuthError> {
        match self.recall(&digest) {
            Recall::Known(facts) => Ok(Some(facts)),
            Recall::Nobodys => Ok(None),
            Recall::Nothing => self.look_up_or_recall(digest).await,
        }
    }

    /// What memory says of a token.
    fn recall(&self, digest: &TokenDigest) -> Recall {
        let known = self.cache.recall(digest);
        if !matches!(known, Recall::Nothing) {
            self.metrics.cache_hit();
        }
        known
    }

    /// What is known of a token, if it is good at this moment: that is decided anew each time.
    pub(super) fn good(&self, facts: Facts) -> Result<(Facts, Timestamp), Flaw> {
        let Facts { token, user } = &facts;
        let now = self.clock.now();
        if token.has_expired(now) {
            return Err(Flaw::Expired);
        }
        if !user.is_active {
            return Err(Flaw::InactiveUser);
        }
        if token.standing.has_ended() {
            return Err(Flaw::Ended);
        }
        Ok((facts, now))
    }

    /// Asks the store; where that is away, memory for as long as the settings grant.
    pub(super) async fn look_up_or_recall(
        &self,
        digest: TokenDigest,
    ) -> Result<Option<Facts>, AuthError> {
        match self.look_up(digest).await {
            Ok(found) => {
                self.cache.store_answers();
                self.know_time().await?;
                Ok(found)
            }
            Err(error) if error.is_away() => {
                let known = self.cache.recall_in_outage(&digest);
                let known = known.filter(|known| !self.may_have_expired(&known.token));
                let known = known.ok_or(error)?;
                self.metrics.grace_hit();
                Ok(Some(known))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether this machine's clock alone says that a token has run out: it may have slept since the store
    /// was asked for the time.
    fn may_have_expired(&self, token: &TokenFacts) -> bool {
        token.has_expired(self.time.own().now()) && !token.has_expired(self.clock.now())
    }

    /// Asks the store. While the feed is alive, all who ask for one token at once share one read.
    async fn look_up(&self, digest: TokenDigest) -> Result<Option<Facts>, StoreError> {
        if self.cache.is_trusted() {
            self.metrics.cache_missed();
            let read = || self.reading(digest).boxed();
            self.flights.join(digest, self.cache.count(), read).await
        } else {
            self.look_up_anew(digest).await
        }
    }

    /// Asks the store, and shares no read with anybody who began to ask before.
    pub(super) async fn look_up_anew(
        &self,
        digest: TokenDigest,
    ) -> Result<Option<Facts>, StoreError> {
        self.metrics.cache_missed();
        self.reading(digest).await
    }

    fn reading(
        &self,
        digest: TokenDigest,
    ) -> impl Future<Output = Result<Option<Facts>, StoreError>> + Send + 'static {
        let (cache, store) = (Arc::clone(&self.cache), Arc::clone(&self.store));
        let tombstones = Arc::clone(&self.tombstones);
        async move {
            let count = cache.count();
            let found = store.token(digest).await?;
            // Memory needs no such look: it forgets what is ended here, however that goes.
            let outages = cache.outages();
            let found = found.filter(|(token, _)| !tombstones.cover(token, outages));
            // That nobody has it is not known yet: it may have an old digest.
            Ok(found.and_then(|found| cache.put(&digest, Some(found), count)))
        }
    }

    /// Listens to the store's feed, so that what is in memory may be answered. Runs until it is
    /// dropped.
    pub async fn follow_store(&self) -> Infallible {
        /// After a loss.
        const PAUSE: Duration = Duration::from_millis(100);
        /// Where there never was a feed.
        const LONGEST_PAUSE: Duration = Duration::from_secs(1);
        /// Even where the feed is trusted for long, its end should be noticed soon.
        const LONGEST_BEAT: Duration = Duration::from_secs(1);
        let beat = LONGEST_BEAT.min(self.settings.load().cache.feed_timeout / 4);
        let (mut is_known, mut pause) = (false, PAUSE);
        loop {
            let watcher = Arc::clone(&self.cache);
            let error = self.store.watch(watcher, beat).await;
            let was_trusted = self.cache.distrust();
            // Once for each loss, and not for each attempt to end it.
            if was_trusted || !is_known {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "no revocation feed: every token is checked in the store");
            }
            is_known = true;
            pause = if was_trusted { PAUSE } else { LONGEST_PAUSE.min(pause * 2) };
            tokio::time::sleep(pause).await;
        }
    }
}
