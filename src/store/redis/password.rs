//! A new password by its owner: two slots, and so two steps.

use super::record::Entry;
use super::request::Request;
use super::tokens::{ATTEMPTS, Replaced};
use super::{RedisStore, keys};
use crate::model::token::TokenRecord;
use crate::store::{PasswordChange, StoreError};

impl RedisStore {
    /// The password comes first, and ends all tokens; the one to keep joins the new epoch then. A
    /// crash in between ends that one too, and leaves no other.
    pub(super) async fn write_password(
        &self,
        change: &PasswordChange,
    ) -> Result<Option<u64>, StoreError> {
        let kept = self.read_token(change.keep).await?;
        let kept = kept.filter(|token| token.user == change.user);
        let mut script = self.scripts.change_password.key(keys::user(change.user));
        script
            .key(keys::user_tokens(change.user))
            .arg(change.from.expose())
            .arg(change.to.expose())
            .arg(kept.as_ref().map_or_else(Vec::new, |token| Entry::of(token).bytes()));
        let done: Option<(u64, u8)> = self.link.end(Request::Script(&script), true).await?;
        let Some((epoch, is_kept)) = done else { return Ok(None) };
        // One of an earlier epoch had ended before.
        if let Some(token) = kept.filter(|_| is_kept == 1)
            && let Err(error) = self.keep_token(token, epoch).await
        {
            tracing::warn!(user = %change.user, %error, "a new password ended every token");
        }
        Ok(Some(epoch))
    }

    /// One that has ended meanwhile stays so. The list comes last, for an end that moved between
    /// the two steps: it must not have an earlier one than the key.
    async fn keep_token(&self, mut token: TokenRecord, epoch: u64) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let kept = TokenRecord { epoch, ..token.clone() };
            match self.replace_token(&token, &kept).await? {
                Replaced::Done => return self.list_end(&kept).await,
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

    async fn list_end(&self, token: &TokenRecord) -> Result<(), StoreError> {
        let Some(expires) = token.expires else { return Ok(()) };
        let mut list = redis::cmd("ZADD");
        list.arg(keys::user_tokens(token.user)).arg("XX").arg("GT").arg(expires.micros());
        list.arg(Entry::of(token).bytes());
        self.link.ask(Request::Command(&list)).await
    }
}
