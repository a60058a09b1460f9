//! Writing tokens of a source, each unless its digest is somebody else's.

use super::land::Crossing;
use super::land_add::Newcomer;
use super::patience::patiently;
use super::record;
use super::request::Request;
use super::tokens::set;
use super::{RedisStore, keys};
use crate::model::token::{OldDigest, TokenRecord};
use crate::store::StoreError;
use crate::store::staging::Refusal;
use redis::{Cmd, pipe};

/// A token that is to be added.
pub(super) struct NewToken {
    pub(super) old: Option<OldDigest>,
    pub(super) record: TokenRecord,
    /// Its row in the staging.
    pub(super) row: i64,
}

impl RedisStore {
    /// Writes the tokens, but for those whose digest is another's.
    pub(super) async fn write_tokens(
        &self,
        crossing: &Crossing<'_>,
        newcomers: &mut [Newcomer],
    ) -> Result<(), StoreError> {
        let mut write = pipe();
        for token in newcomers.iter().flat_map(|newcomer| &newcomer.tokens) {
            write.add_command(set(&token.record, true)?);
        }
        if write.is_empty() {
            return Ok(());
        }
        let answers: Vec<Option<String>> =
            patiently(async || self.link.ask(Request::Batch(&write)).await).await?;
        let mut answers = answers.into_iter();
        for newcomer in newcomers {
            for token in std::mem::take(&mut newcomer.tokens) {
                let is_new = answers.next().flatten().is_some();
                if is_new || self.overwrite(&token.record).await? {
                    newcomer.tokens.push(token);
                } else {
                    crossing.staging.note_token(token.row, Refusal::TokenTaken)?;
                }
            }
        }
        Ok(())
    }

    /// Writes a token in place of one that an earlier attempt has written; says whether it did.
    async fn overwrite(&self, record: &TokenRecord) -> Result<bool, StoreError> {
        let read = Cmd::get(keys::token(&record.digest.key()));
        let bytes: Option<Vec<u8>> =
            patiently(async || self.link.ask(Request::Command(&read)).await).await?;
        let may_replace = self.may_replace(bytes.as_deref(), record).await?;
        if may_replace {
            let write = set(record, false)?;
            patiently(async || self.link.ask::<()>(Request::Command(&write)).await).await?;
        }
        Ok(may_replace)
    }

    /// Whether what is there of a token, if anything is, is of the same user, or of nobody to whom a name
    /// leads.
    pub(super) async fn may_replace(
        &self,
        there: Option<&[u8]>,
        record: &TokenRecord,
    ) -> Result<bool, StoreError> {
        let Some(bytes) = there else { return Ok(true) };
        let Ok(there) = record::token(&record.digest.key(), bytes) else { return Ok(false) };
        if there.user == record.user {
            return Ok(true);
        }
        let Some(other) = patiently(async || self.read_user(there.user).await).await? else {
            return Ok(true);
        };
        let mut named = vec![other];
        patiently(async || self.drop_nameless(&mut named).await).await?;
        Ok(named.is_empty())
    }
}
