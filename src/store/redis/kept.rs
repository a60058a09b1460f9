//! Tokens that have stayed at a new password, or have got another digest, although their keys do not say
//! so: their users' lists do.

use super::record::{Entry, UNDECIDED};
use super::request::Request;
use super::tokens::ATTEMPTS;
use super::{RedisStore, keys};
use crate::model::token::TokenRecord;
use crate::model::user::{User, UserId};
use crate::store::StoreError;
use crate::store::sound::sound;
use redis::pipe;

impl RedisStore {
    /// A token with its user, and of their epoch if it has stayed. `None` also of one that is being given
    /// its digest and has not got it yet.
    pub(super) async fn with_user(
        &self,
        mut token: TokenRecord,
    ) -> Result<Option<(TokenRecord, User)>, StoreError> {
        let Some(mut user) = self.read_user(token.user).await? else { return Ok(None) };
        for _ in 0..ATTEMPTS {
            self.see_kept([&mut token].into_iter(), |_| Some(user.epoch)).await?;
            if token.epoch >= user.epoch && token.epoch != UNDECIDED {
                break;
            }
            // Its entry may just have moved on, to the epoch of yet another password.
            let Some(now) = self.read_user(token.user).await? else { return Ok(None) };
            let before = std::mem::replace(&mut user, now);
            if before.epoch == user.epoch {
                break;
            }
        }
        if token.epoch == UNDECIDED {
            return Ok(None);
        }
        Ok(Some((token, sound(user)?)))
    }

    /// Gives tokens their users' epochs that have stayed at a new password although their keys say an
    /// earlier one, and those that have got another digest although their keys do not say it yet.
    pub(super) async fn see_kept<'a>(
        &self,
        tokens: impl Iterator<Item = &'a mut TokenRecord>,
        epoch_of: impl Fn(UserId) -> Option<u64>,
    ) -> Result<(), StoreError> {
        let (mut behind, mut look) = (Vec::new(), pipe());
        for token in tokens {
            if let Some(epoch) = epoch_of(token.user).filter(|epoch| is_behind(token.epoch, *epoch))
            {
                let entry = Entry { epoch, ..Entry::of(token) };
                look.zscore(keys::user_tokens(token.user), entry.bytes());
                behind.push((token, epoch));
            }
        }
        if behind.is_empty() {
            return Ok(());
        }
        let listed: Vec<Option<f64>> = self.link.ask(Request::Batch(&look)).await?;
        for ((token, epoch), listed) in behind.into_iter().zip(listed) {
            if listed.is_some() {
                token.epoch = epoch;
            }
        }
        Ok(())
    }

    /// Lists the end of a token that is not listed under the epoch that its key says, which it is given if it
    /// has stayed at a new password. Says whether nothing has changed meanwhile.
    pub(super) async fn list_end_of_kept(
        &self,
        token: &mut TokenRecord,
    ) -> Result<bool, StoreError> {
        let Some(user) = self.read_user(token.user).await? else { return Ok(true) };
        let before = token.epoch;
        self.see_kept([&mut *token].into_iter(), |_| Some(user.epoch)).await?;
        Ok(token.epoch == before || self.list_end(token).await?)
    }
}

/// Whether only the user's list tells if a token is of their epoch.
fn is_behind(token: u64, user: u64) -> bool {
    token == UNDECIDED || token < user
}
