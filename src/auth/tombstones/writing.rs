//! Writing down what the store could not, or may have lost since.

use super::{Due, Ended, Mark};
use crate::auth::Auth;
use crate::model::token::TokenDigest;
use crate::model::user::{User, UserId};
use crate::store::{Item, ItemKind, StoreError};
use futures_util::future::join_all;
use std::convert::Infallible;
use std::time::Duration;

/// How many are written at once, after a long outage: so that many take no minutes, and no request
/// waits behind them for long.
const AT_ONCE: usize = 32;

impl Auth {
    /// Writes down what the store could not, or may have lost since. Runs until it is dropped.
    pub async fn keep_revocations(&self) -> Infallible {
        const PAUSE: Duration = Duration::from_secs(1);
        loop {
            tokio::time::sleep(PAUSE).await;
            let outages = self.cache.outages();
            // It may be away still: then the next time.
            let _ = self.write_again(outages).await;
            self.tombstones.forget_old(self.clock.instant(), outages);
        }
    }

    /// Users first: each of theirs ends many.
    async fn write_again(&self, outages: u64) -> Result<(), StoreError> {
        let due = self.tombstones.to_write(outages);
        let (mut lost, mut outcome) = (0, Ok(()));
        for some in due.chunks(AT_ONCE) {
            let mut writes = Vec::with_capacity(some.len());
            for one in some {
                writes.push(self.write_one(one, outages));
            }
            for written in join_all(writes).await {
                match unless_corrupt(written) {
                    Ok(was_lost) => lost += u64::from(was_lost),
                    Err(error) => outcome = Err(error),
                }
            }
            // Where the store is there, what it does not take keeps nothing else from being written:
            // after a failover no replica has anything for some seconds.
            if outcome.is_err() && self.store.ping().await.is_err() {
                break;
            }
        }
        if lost > 0 {
            self.metrics.tombstones_replayed(lost);
            tracing::warn!(number = lost, "ended again what the store had not ended, or had lost");
        }
        outcome
    }

    async fn write_one(&self, due: &Due, outages: u64) -> Result<bool, StoreError> {
        match due {
            Due::Item(item) => self.write_item(item, outages).await,
            Due::Token(digest) => self.write_token(*digest, outages).await,
            Due::User(id, mark) => self.write_user(*id, *mark, outages).await,
        }
    }

    async fn write_token(&self, digest: TokenDigest, outages: u64) -> Result<bool, StoreError> {
        let was_lost = unless_corrupt(self.store.revoke_token(digest).await)?;
        let now = self.clock.instant();
        self.tombstones.change_token(&digest, |mark| mark.was_written(outages, was_lost, now));
        Ok(was_lost)
    }

    async fn write_item(
        &self,
        item: &(ItemKind, String),
        outages: u64,
    ) -> Result<bool, StoreError> {
        let was_lost = unless_corrupt(self.store.remove_item(item.0, &item.1).await)?;
        let now = self.clock.instant();
        self.tombstones.change_item(item, |mark| mark.was_written(outages, was_lost, now));
        Ok(was_lost)
    }

    /// Ends what a user had by then, unless it has ended; says whether it had to. Tokens that were
    /// made later, by another gateway, are left alone.
    pub(super) async fn write_user(
        &self,
        id: UserId,
        mark: Mark<Ended>,
        outages: u64,
    ) -> Result<bool, StoreError> {
        let is_lost = |user: &User| user.epoch <= mark.what.epoch;
        let lost = self.store.user(id).await?.filter(is_lost);
        let was_lost = lost.is_some();
        if let Some(user) = lost
            && !self.delete_again(&user, mark.what).await?
        {
            match self.made_later(id, &mark).await? {
                None => drop(self.store.revoke_tokens_of(id, mark.what.epoch).await?),
                Some(earlier) => {
                    for digest in earlier {
                        self.store.revoke_token(digest).await?;
                    }
                }
            }
        }
        let now = self.clock.instant();
        let written = |mark: &mut Mark<Ended>| mark.was_written(outages, was_lost, now);
        self.tombstones.change_user(id, mark.what.epoch, written);
        Ok(was_lost)
    }

    /// The tokens that end one by one, if others were made later that must not end with them. Where
    /// the user is signed in at the console, or not all of their tokens can be read, all end: of those
    /// nobody knows when they were made.
    async fn made_later(
        &self,
        id: UserId,
        mark: &Mark<Ended>,
    ) -> Result<Option<Vec<TokenDigest>>, StoreError> {
        let tokens = match self.store.tokens_of(id, self.clock.now()).await {
            Err(StoreError::Corrupt { .. }) => return Ok(None),
            tokens => tokens?,
        };
        let (earlier, later): (Vec<_>, Vec<_>) =
            tokens.iter().partition(|token| mark.ends(token.record.created));
        if later.is_empty() {
            return Ok(None);
        }
        let sessions = self.store.items(ItemKind::Session, self.clock.now()).await?;
        let is_theirs = |session: &Item| session.owner == Some(id);
        let digests = earlier.iter().map(|token| token.record.digest).collect();
        Ok((!sessions.iter().any(is_theirs)).then_some(digests))
    }

    /// Deletes a user who was deleted, and says whether it did. The last operator stays, should the
    /// others have been taken away meanwhile.
    async fn delete_again(&self, user: &User, ended: Ended) -> Result<bool, StoreError> {
        let may_go = ended.deleted == Some(user.joined)
            && (!user.is_staff || self.has_operator(Some(user.id)).await?);
        if !may_go {
            return Ok(false);
        }
        self.store.delete_user(user.id).await
    }
}

/// What cannot be read must not keep the rest from being written.
fn unless_corrupt(written: Result<bool, StoreError>) -> Result<bool, StoreError> {
    match written {
        Err(StoreError::Corrupt { .. }) => Ok(false),
        written => written,
    }
}
