//! Ending tokens that have, or had, an old digest: in whichever state they are.

use super::super::Auth;
use crate::model::token::{Token, TokenDigest, TokenRecord};
use crate::store::StoreError;

impl Auth {
    /// Ends a token under whichever digest the store has it; says under which, if there was such a one.
    ///
    /// The old one first: whoever rewrites it at this moment finds it ended, or has rewritten it already,
    /// and then the new one is there.
    pub(in crate::auth) async fn end_token_of_text(
        &self,
        token: &Token,
    ) -> Result<Option<TokenDigest>, StoreError> {
        let digest = token.digest();
        let had_old = self.end_old_token(token).await;
        if self.were_old_digests().await
            && let Ok(Some((record, _))) = self.store.token(digest).await
        {
            self.end_former(&record).await;
        }
        let had_new = self.end_token(digest).await.map(|had| had.then_some(digest));
        let had_plain = match self.token_without_capitals(token).await {
            Ok(Some((plain, _))) => {
                self.end_former(&plain).await;
                self.end_token(plain.digest).await.map(|had| had.then_some(plain.digest))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let (old, new, plain) = (had_old?, had_new?, had_plain?);
        Ok(new.or(plain).or(old))
    }

    async fn end_old_token(&self, token: &Token) -> Result<Option<TokenDigest>, StoreError> {
        let Some(old) = self.old_token(token).await? else { return Ok(None) };
        let is_ended = self.end_token(old.record.digest).await;
        // If that was not written, or a server loses it, the one may still be rewritten as the other.
        self.end_token_later(old.digest_of_ours(token));
        is_ended.map(|is_ended| is_ended.then_some(old.record.digest))
    }

    /// A server that has lost the end of a token may have lost the rewriting, too, whichever gateway has
    /// done that. Where no token has an old digest any more, that was long ago.
    async fn end_former(&self, token: &TokenRecord) {
        if let Some(former) = &token.former
            && self.were_old_digests().await
        {
            self.end_token_later(former.digest);
        }
    }

    async fn were_old_digests(&self) -> bool {
        let are_there = self.has_old_digests().await.unwrap_or(true);
        are_there || self.old_digests.were_there(self.clock.instant())
    }

    /// Ends a token that was listed, also if it is being rewritten, or that was not done to its end;
    /// says whether there was such a one.
    pub(in crate::auth) async fn end_listed(
        &self,
        token: &TokenRecord,
        listed: &[&TokenRecord],
    ) -> Result<bool, StoreError> {
        self.end_former(token).await;
        let mut has_ended = self.end_token(token.digest).await?;
        for twin in listed.iter().filter(|other| are_one(token, other)) {
            has_ended |= self.end_token(twin.digest).await?;
        }
        let may_be_rewritten = !has_ended || self.has_old_digests().await?;
        if may_be_rewritten && token.knox_key.is_some() {
            // It may have been since it was listed, but not after it was ended.
            let now = self.store.tokens_of(token.user, self.clock.now()).await?;
            for twin in now.iter().filter(|other| are_one(token, &other.record)) {
                self.end_former(&twin.record).await;
                has_ended |= self.end_token(twin.record.digest).await?;
            }
        }
        Ok(has_ended)
    }
}

/// Whether two records are the same token, which is being given another digest, or was not to its end.
/// No two tokens of a user begin alike and were made in the same microsecond. More may be known of how one
/// of them begins.
pub(in crate::auth) fn are_one(token: &TokenRecord, other: &TokenRecord) -> bool {
    let (Some(one), Some(two)) = (&token.knox_key, &other.knox_key) else { return false };
    let (one, two) = (one.as_str(), two.as_str());
    token.user == other.user
        && (one.starts_with(two) || two.starts_with(one))
        && token.created == other.created
        && token.digest != other.digest
}
