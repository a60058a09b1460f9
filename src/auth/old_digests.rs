//! Tokens that were moved in, whose digests another program made in its own way: they are found by how
//! their text begins, and get a digest of ours at their first use.
//!
//! Where the store has none of them, which is looked at every few seconds, an unknown token costs
//! nothing more than ever.

use super::cache::Count;
use super::facts::{Facts, TokenFacts, UserFacts};
use super::issue::random_bytes;
use super::{Auth, AuthError};
use crate::model::token::{KnoxKey, Token, TokenAbout, TokenDigest, TokenRecord};
use crate::model::user::User;
use crate::store::{Issue, Item, ItemKind, NewToken, StoreError};
use futures_util::future::try_join_all;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

/// What is known of them.
#[derive(Default)]
pub(super) struct OldDigests {
    /// Whether there are any, and until when that is good enough.
    known: Mutex<Option<(bool, Instant)>>,
    /// How often that was asked.
    looks: AtomicU64,
}

/// What had been heard before the store was asked for a token.
#[derive(Clone, Copy)]
pub(super) struct Heard {
    pub changes: Count,
    looks: u64,
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
    ) -> Result<Option<Facts>, AuthError> {
        let are_there = self.has_old_digests().await?;
        let mut known = if are_there { self.adopt(token).await? } else { None };
        if known.is_none() && (are_there || self.heard().looks != before.looks) {
            // Another one may have rewritten it: after the first look found no digest of ours, and before
            // the second found no old one.
            known = self.look_up_or_recall(token.digest()).await?;
        }
        if known.is_none() {
            self.cache.put(&token.digest(), None, before.changes);
        }
        Ok(known)
    }

    /// What is known of a token with an old digest. If it is good it is given one of ours, unless
    /// another one does that at this moment or the store takes no writes: then at another use.
    async fn adopt(&self, token: &Token) -> Result<Option<Facts>, AuthError> {
        let Some((old, user)) = self.old_token(token).await? else { return Ok(None) };
        if self.tombstones.cover(&old, self.cache.outages()) {
            return Ok(None);
        }
        let facts = Facts { token: TokenFacts::of(&old, &user), user: UserFacts::of(&user) };
        let mut is_good = true;
        if self.good(facts.clone()).is_ok()
            && let Ok(Some(claim)) = self.claim(&old).await
        {
            is_good = self.rewrite(token, &old).await.unwrap_or(true);
            // Should it stay, it runs out.
            let _ = self.store.remove_item(claim.kind, &claim.key).await;
        }
        Ok(is_good.then_some(facts))
    }

    /// The token with an old digest that has this text, and whose it is.
    pub(super) async fn old_token(
        &self,
        token: &Token,
    ) -> Result<Option<(TokenRecord, User)>, StoreError> {
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
        match own.next() {
            Some(old) => self.store.token(old.digest).await,
            None => Ok(None),
        }
    }

    /// The token of this text under whichever digest the store has it, and whose it is.
    pub(super) async fn stored_token(
        &self,
        token: &Token,
    ) -> Result<Option<(TokenRecord, User)>, StoreError> {
        match self.store.token(token.digest()).await? {
            Some(found) => Ok(Some(found)),
            None => self.old_token(token).await,
        }
    }

    /// Ends a token under whichever digest the store has it; says whether there was such a one.
    ///
    /// The old one first: whoever rewrites it at this moment finds it ended and ends the new one, or
    /// has ended it already, and then the new one is there.
    pub(super) async fn end_token_of_text(&self, token: &Token) -> Result<bool, StoreError> {
        let digest = token.digest();
        let had_old = self.end_old_token(token).await;
        let had_new = self.end_token(digest).await;
        if matches!(had_old, Ok(true)) {
            // Should whoever rewrites it die before that.
            self.end_token_later(digest);
        }
        Ok(had_old? | had_new?)
    }

    async fn end_old_token(&self, token: &Token) -> Result<bool, StoreError> {
        match self.old_token(token).await? {
            Some((old, _)) => self.end_token(old.digest).await,
            None => Ok(false),
        }
    }

    async fn has_old_digests(&self) -> Result<bool, StoreError> {
        const PAUSE: Duration = Duration::from_secs(5);
        let mut known = self.old_digests.known.lock().await;
        let now = self.clock.instant();
        match *known {
            Some((are_there, until)) if now < until => Ok(are_there),
            _ => {
                let are_there = self.store.has_old_digests().await?;
                self.old_digests.looks.fetch_add(1, Ordering::SeqCst);
                *known = Some((are_there, now + PAUSE));
                Ok(are_there)
            }
        }
    }

    /// The right to rewrite a token, which one has at a time; `None` if another one has it. Should they
    /// die it runs out.
    async fn claim(&self, old: &TokenRecord) -> Result<Option<Item>, AuthError> {
        const LASTS: Duration = Duration::from_secs(10);
        let now = self.clock.now();
        let item = Item {
            expires: Some(now.plus(LASTS)),
            key: hex::encode(old.digest.key().as_bytes()),
            kind: ItemKind::OldToken,
            owner: Some(old.user),
            value: hex::encode(random_bytes::<16>()?),
        };
        Ok(self.store.add_item(&item, now).await?.then_some(item))
    }

    /// Gives a token a digest of ours in place of its old one; says whether it is good then.
    ///
    /// In between it has both. Whoever ends all tokens of its user ends both, and so does whoever logs
    /// out with it. If the old one alone has been ended, so is the new one.
    async fn rewrite(&self, token: &Token, old: &TokenRecord) -> Result<bool, StoreError> {
        let digest = token.digest();
        if self.store.token(digest).await?.is_some() {
            // Another one was faster, before the claim.
            return Ok(true);
        }
        let record = TokenRecord { digest, ..old.clone() };
        let about = TokenAbout::default();
        let new = NewToken { about, is_login: false, limit: None, record };
        match self.store.issue_token(new).await? {
            Issue::Done => {}
            Issue::LimitReached | Issue::UserChanged => return Ok(false),
        }
        // A server that has lost this does not bring it back: it is ended again.
        let was_there = self.end_token(old.digest).await?;
        if !was_there {
            // If this fails it is tried again, and refused here meanwhile.
            let _ = self.end_token(digest).await;
        }
        Ok(was_there)
    }
}
