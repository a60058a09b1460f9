//! Giving a token another digest.
//!
//! The two keys and the user may be in three slots, on three servers. So it is the user's list that says
//! whether it has happened: the new key is written first, of no epoch, and is of nobody until the list has
//! it; and there it comes only while the list has the old one. So whoever ends the token at that moment
//! takes the old one off the list and then finds the new one, if that is on it; and a step that comes late,
//! however late, finds nothing to do.

use super::record::{self, Entry, UNDECIDED};
use super::request::Request;
use super::tokens::{ATTEMPTS, Replaced, set};
use super::{RedisStore, keys};
use crate::model::token::{TokenDigest, TokenRecord};
use crate::store::{NewToken, StoreError};

impl RedisStore {
    pub(super) async fn change_digest(
        &self,
        old: TokenDigest,
        new: &TokenRecord,
    ) -> Result<bool, StoreError> {
        // It may have been prolonged since the caller has read it.
        let before = self.read_token(old).await?;
        let expires = before.map_or(new.expires, |before| before.expires);
        let new = &TokenRecord { expires, ..new.clone() };
        let written = self.write_undecided(new).await?;
        let entry = Entry::of(new).bytes();
        let mut script = self.scripts.exchange_token.key(keys::user(new.user));
        script
            .key(keys::user_tokens(new.user))
            .arg(entry.get(..8).unwrap_or_default())
            .arg(old.key().as_bytes().as_slice())
            .arg(new.digest.key().as_bytes().as_slice());
        let epoch: Option<u64> = self.link.ask(Request::Script(&script)).await?;
        let Some(epoch) = epoch else {
            if written.epoch == UNDECIDED {
                self.drop_undecided(&written).await?;
            }
            return Ok(false);
        };
        let decided = TokenRecord { epoch, ..written.clone() };
        if written.epoch != epoch
            && matches!(self.replace_token(&written, &decided).await?, Replaced::Gone)
        {
            // It has ended meanwhile.
            return Ok(false);
        }
        self.carry_notes(old, &decided).await;
        self.remove_token(old).await?;
        Ok(true)
    }

    /// Writes a token that is there once its user's list has it. What an earlier attempt or another one has
    /// written stays.
    async fn write_undecided(&self, new: &TokenRecord) -> Result<TokenRecord, StoreError> {
        let undecided = TokenRecord { epoch: UNDECIDED, ..new.clone() };
        for _ in 0..ATTEMPTS {
            let write = set(&undecided, true)?;
            let is_new: Option<String> = self.link.ask(Request::Command(&write)).await?;
            if is_new.is_some() {
                return Ok(undecided);
            }
            // Another one may have found it ended meanwhile.
            let Some(there) = self.read_token(new.digest).await? else { continue };
            if (there.user, there.created) == (new.user, new.created) {
                return Ok(there);
            }
            // Of a former life.
            if matches!(self.replace_token(&there, &undecided).await?, Replaced::Done) {
                return Ok(undecided);
            }
        }
        Err(StoreError::unavailable("the token changes all the time"))
    }

    /// Unless somebody else has decided it meanwhile.
    async fn drop_undecided(&self, written: &TokenRecord) -> Result<(), StoreError> {
        self.drop_token(&written.digest.key(), &record::token_bytes(written)?).await.map(drop)
    }

    /// What is known of its use stays known. The token is as good without.
    async fn carry_notes(&self, old: TokenDigest, new: &TokenRecord) {
        let noted = async {
            let Some(before) = self.read_token(old).await? else { return Ok(()) };
            let notes = self.read_notes(&[&before]).await?;
            let about = notes.into_iter().next().unwrap_or_default();
            let new = NewToken { about, is_login: false, limit: None, record: new.clone() };
            self.note_issue(&new).await
        };
        if let Err(error) = noted.await {
            tracing::warn!(user = %new.user, %error, "a token got another digest, and was not noted");
        }
    }
}
