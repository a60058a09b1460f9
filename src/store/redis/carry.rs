//! Taking over what has changed in a store that this one follows, while gateways may write to it; and
//! being followed.

use super::patience::patiently;
use super::request::Request;
use super::{RedisStore, keys, record};
use crate::clock::Timestamp;
use crate::model::token::TokenKey;
use crate::model::user::{User, UserId};
use crate::store::follow::Delta;
use crate::store::whole::Portion;
use crate::store::{NewToken, Store, StoreError};
use redis::{Cmd, pipe};

impl RedisStore {
    /// A user with everything of theirs; `None` if they are gone, or were never wholly there.
    pub(in crate::store) async fn portion_of(
        &self,
        id: UserId,
        now: Timestamp,
    ) -> Result<Option<Portion>, StoreError> {
        let mut portions = patiently(async || self.portions(&[id], now).await).await?;
        Ok(portions.pop())
    }

    /// Whose a token is.
    pub(in crate::store) async fn owner_of(
        &self,
        key: &TokenKey,
    ) -> Result<Option<UserId>, StoreError> {
        let get = Cmd::get(keys::token(key));
        let bytes: Option<Vec<u8>> =
            patiently(async || self.link.ask(Request::Command(&get)).await).await?;
        bytes.map(|bytes| record::token(key, &bytes).map(|token| token.user)).transpose()
    }

    /// The last number that was given to a user.
    pub(in crate::store) async fn last_number(&self) -> Result<u64, StoreError> {
        let last = Cmd::get(keys::NEXT_USER);
        let last: Option<u64> =
            patiently(async || self.link.ask(Request::Command(&last)).await).await?;
        Ok(last.unwrap_or(0))
    }

    /// Sees to it that no number up to this one is given to another user.
    pub(in crate::store) async fn leave_out_numbers_to(&self, last: u64) -> Result<(), StoreError> {
        patiently(async || self.give_no_number_to(last, false).await).await
    }

    /// Takes over what has changed of a user. It does not if somebody else has their name.
    pub(in crate::store) async fn carry_over(&self, delta: &Delta<'_>) -> Result<bool, StoreError> {
        patiently(async || self.try_to_carry_over(delta).await).await
    }

    async fn try_to_carry_over(&self, delta: &Delta<'_>) -> Result<bool, StoreError> {
        let user = delta.user;
        if delta.is_renamed {
            self.unwrite_renamed(user.id).await?;
        }
        if delta.is_changed && !self.put_user(user).await? {
            return Ok(false);
        }
        for digest in &delta.ended {
            self.revoke_token(*digest).await?;
        }
        // Whoever has ended all their tokens here meanwhile has ended these, too.
        for (record, about) in &delta.added {
            let (record, about) = (record.clone(), about.clone());
            self.issue_token(NewToken { about, record, limit: None, is_login: false }).await?;
        }
        self.keep_old_digests(&delta.old_digests).await?;
        self.put_familiar(user.id, delta.familiar).await?;
        Ok(true)
    }

    /// Writes a user down, whose epoch never goes back. Their name comes last, as with any new user.
    async fn put_user(&self, user: &User) -> Result<bool, StoreError> {
        let known = self.read_user(user.id).await?;
        let epoch = known.map_or(user.epoch, |known| known.epoch.max(user.epoch));
        self.write_user(&User { epoch, ..user.clone() }).await?;
        let mut clear = pipe();
        for field in record::blank_fields(&user.profile) {
            clear.hdel(keys::user(user.id), field).ignore();
        }
        if !clear.is_empty() {
            self.link.ask::<()>(Request::Batch(&clear)).await?;
        }
        self.forget_deleted(&[user.id]).await?;
        self.take_name(user).await
    }
}
