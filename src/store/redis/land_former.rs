//! Tokens that have got another digest since they came from a source, which has them as they were.

use super::land_batch::COMMANDS;
use super::land_token::NewToken;
use super::patience::patiently;
use super::record::{self, Entry};
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::token::{OldDigest, TokenDigest, TokenKey, TokenRecord};
use crate::model::user::User;
use crate::store::StoreError;
use crate::store::staging::{Arrival, ArrivingToken};
use redis::Cmd;
use std::collections::{HashMap, HashSet};

impl RedisStore {
    /// The tokens among these which the source has by a digest that they had before, by that.
    pub(super) async fn with_former_digest(
        &self,
        arrival: &Arrival,
        entries: &[Entry],
    ) -> Result<HashMap<TokenDigest, TokenRecord>, StoreError> {
        let mut found = HashMap::new();
        let old = arrival.tokens.iter().filter_map(ArrivingToken::old_digest);
        let old: HashSet<_> = old.map(|old| old.digest).collect();
        if old.is_empty() {
            return Ok(found);
        }
        let known: HashSet<_> = of_source(arrival).collect();
        let others: Vec<_> =
            entries.iter().filter(|entry| !known.contains(&entry.key)).cloned().collect();
        for token in self.read_some(&others).await? {
            let former = token.former.as_ref().map(|former| former.digest);
            found.extend(former.filter(|former| old.contains(former)).zip(Some(token)));
        }
        Ok(found)
    }

    /// The tokens of these entries that can be read.
    pub(super) async fn read_some(
        &self,
        entries: &[Entry],
    ) -> Result<Vec<TokenRecord>, StoreError> {
        let mut tokens = Vec::new();
        for some in entries.chunks(COMMANDS) {
            let reads: Vec<_> =
                some.iter().map(|entry| Cmd::get(keys::token(&entry.key))).collect();
            let read = async || self.each_readable::<Option<Vec<u8>>>(&reads).await;
            let pairs = some.iter().zip(patiently(read).await?);
            let token = |(entry, bytes): (&Entry, Option<Option<Vec<u8>>>)| {
                record::token(&entry.key, &bytes.flatten()?).ok()
            };
            tokens.extend(pairs.filter_map(token));
        }
        Ok(tokens)
    }

    /// What is kept beside tokens, by their digests. What cannot be read is written anew.
    pub(super) async fn olds<'a>(
        &self,
        tokens: impl Iterator<Item = &'a TokenRecord>,
    ) -> Result<HashMap<TokenDigest, OldDigest>, StoreError> {
        match self.old_digests_of(tokens).await {
            Ok(olds) => Ok(olds.into_iter().map(|old| (old.digest, old)).collect()),
            Err(StoreError::Corrupt { .. }) => Ok(HashMap::new()),
            Err(error) => Err(error),
        }
    }
}

/// A token as it is to be written: by the digest of ours if it has got one.
pub(super) fn wanted(
    token: &ArrivingToken,
    user: &User,
    at: Timestamp,
    ours: Option<&TokenRecord>,
) -> NewToken {
    let (record, old) = token.kept(user, at, ours);
    NewToken { old, record, row: token.row }
}

/// What tells the tokens that a user has in a source.
pub(super) fn of_source(arrival: &Arrival) -> impl Iterator<Item = TokenKey> {
    arrival.tokens.iter().map(|token| token.digest.key())
}
