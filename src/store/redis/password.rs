//! A new password by its owner, and the token that stays.
//!
//! The token's key may be in another slot than its user, on another server. So it is the user's list that
//! says whether a token has stayed: that changes together with the password. The key follows, and until it
//! does, or should it never, whoever reads a token of an earlier epoch than its user's looks at the list.

use super::record::Entry;
use super::request::Request;
use super::tokens::{ATTEMPTS, Replaced};
use super::{RedisStore, keys};
use crate::model::token::{TokenDigest, TokenRecord};
use crate::store::{PasswordChange, StoreError};
use redis::Cmd;

impl RedisStore {
    pub(super) async fn write_password(
        &self,
        change: &PasswordChange,
    ) -> Result<Option<u64>, StoreError> {
        let mut kept = Vec::with_capacity(change.keep.len());
        // The older ones first: where that is gone, the next is there already.
        for digest in change.keep.iter().rev() {
            kept.extend(self.read_token(*digest).await?.filter(|token| token.user == change.user));
        }
        // It may get another of its digests before the next step.
        let created = kept.first().map(|token| token.created);
        let entry = |digest: &TokenDigest| {
            let created = created?;
            Some(Entry { created, epoch: 0, key: digest.key() }.bytes())
        };
        let mut script = self.scripts.change_password.key(keys::user(change.user));
        script
            .key(keys::user_tokens(change.user))
            .arg(change.from.expose())
            .arg(change.to.expose());
        for entry in change.keep.iter().filter_map(entry) {
            script.arg(entry);
        }
        let done: Option<Vec<u64>> = self.link.end(Request::Script(&script), true).await?;
        let Some((epoch, are_kept)) = done.as_deref().and_then(<[u64]>::split_first) else {
            return Ok(None);
        };
        let is_kept = |token: &TokenRecord| {
            let mut all = change.keep.iter().zip(are_kept);
            all.any(|(digest, is_kept)| *digest == token.digest && *is_kept == 1)
        };
        for token in kept.into_iter().filter(is_kept) {
            if let Err(error) = self.keep_token(token, *epoch).await {
                tracing::debug!(user = %change.user, %error, "a token is kept by its user's list alone");
            }
        }
        Ok(Some(*epoch))
    }

    /// One that has ended meanwhile stays so. The list comes last, for an end that an older gateway has
    /// moved between the two steps: it must not have an earlier one than the key.
    async fn keep_token(&self, mut token: TokenRecord, epoch: u64) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let kept = TokenRecord { epoch, ..token.clone() };
            match self.replace_token(&token, &kept).await? {
                Replaced::Done => return self.list_end(&kept).await.map(drop),
                Replaced::Gone => return Ok(()),
                Replaced::Not => {}
            }
            match self.read_token(token.digest).await? {
                Some(found) if found.epoch == token.epoch => token = found,
                Some(_) | None => return Ok(()),
            }
        }
        Err(StoreError::unavailable("the token changes all the time"))
    }

    /// Sees to it that a token's list has no earlier end than this; says whether it is on that.
    pub(super) async fn list_end(&self, token: &TokenRecord) -> Result<bool, StoreError> {
        let (key, entry) = (keys::user_tokens(token.user), Entry::of(token).bytes());
        if let Some(expires) = token.expires {
            let mut list = redis::cmd("ZADD");
            list.arg(&key).arg("XX").arg("GT").arg(expires.micros()).arg(&entry);
            self.link.ask::<()>(Request::Command(&list)).await?;
        }
        let look = Cmd::zscore(&key, &entry);
        let listed: Option<String> = self.link.ask(Request::Command(&look)).await?;
        Ok(listed.is_some())
    }
}
