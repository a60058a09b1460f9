//! Writing the tokens that a source has of somebody who is here, each once.

use super::RedisStore;
use super::land::Crossing;
use super::land_replace::Replacement;
use super::land_token::{NewToken, There, listing};
use super::record;
use super::tokens::set;
use crate::model::token::{TokenKey, TokenRecord};
use crate::store::StoreError;
use crate::store::staging::{Landed, Refusal};
use redis::Cmd;
use std::collections::HashSet;

impl RedisStore {
    /// Writes tokens of a user once, but for those that are another's, or were good before and are gone: they
    /// were logged out since. Says which are there.
    pub(super) async fn put_tokens(
        &self,
        crossing: &Crossing<'_>,
        Replacement { had, olds, tokens, .. }: &Replacement<'_>,
        landed: &mut Landed,
    ) -> Result<HashSet<TokenKey>, StoreError> {
        let records: Vec<_> = tokens.iter().map(|token| &token.record).collect();
        let there = self.there(&records).await?;
        let may = self.may_replace(crossing, &records, &there).await?;
        let (mut theirs, mut write) = (Vec::new(), Vec::new());
        for ((token, there), may) in tokens.iter().zip(there).zip(may) {
            let digest = token.record.digest;
            match there {
                There::Nothing if had.contains(&digest.key()) => {
                    landed.tokens_kept_out += 1;
                    continue;
                }
                There::Nothing => {
                    landed.tokens_added += 1;
                    write.push((token, true));
                }
                There::Record(bytes) if may => {
                    let is_same = bytes == record::token_bytes(&token.record)?;
                    if is_same && olds.get(&digest) == token.old.as_ref() {
                        landed.tokens_there += 1;
                    } else {
                        landed.tokens_updated += 1;
                    }
                    if !is_same {
                        write.push((token, false));
                    }
                }
                There::Record(_) | There::Unreadable => {
                    crossing.staging.note_token(token.row, Refusal::TokenTaken)?;
                    continue;
                }
            }
            theirs.push(&token.record);
        }
        let Some(user) = theirs.first().map(|record| record.user).filter(|_| crossing.writes)
        else {
            return Ok(HashSet::new());
        };
        self.ask_all_once::<()>(listing(user, theirs.iter().copied())).await?;
        let lost = self.write_some(crossing, write).await?;
        let put = theirs.iter().map(|record| record.digest.key());
        Ok(put.filter(|key| !lost.contains(key)).collect())
    }

    /// Writes some that are new, or else are there; says which of them are not.
    async fn write_some(
        &self,
        crossing: &Crossing<'_>,
        some: Vec<(&NewToken, bool)>,
    ) -> Result<HashSet<TokenKey>, StoreError> {
        let write =
            some.iter().map(
                |(token, is_new)| {
                    if *is_new { set(&token.record, true) } else { over(&token.record) }
                },
            );
        let answers: Vec<Option<String>> =
            self.ask_all_once(write.collect::<Result<_, _>>()?).await?;
        let not_done = some.into_iter().zip(answers).filter(|(_, answer)| answer.is_none());
        // Another's, or what came late of an attempt before.
        let (met, gone): (Vec<_>, Vec<_>) =
            not_done.map(|(one, _)| one).partition(|(_, is_new)| *is_new);
        let mut lost: HashSet<_> =
            gone.into_iter().map(|(token, _)| token.record.digest.key()).collect();
        let records: Vec<_> = met.iter().map(|(token, _)| &token.record).collect();
        let there = self.there(&records).await?;
        let may = self.may_replace(crossing, &records, &there).await?;
        let mut write = Vec::new();
        for ((token, _), may) in met.into_iter().zip(may) {
            if may {
                write.push(token);
            } else {
                crossing.staging.note_token(token.row, Refusal::TokenTaken)?;
                lost.insert(token.record.digest.key());
            }
        }
        let commands = write.iter().map(|token| over(&token.record));
        let answers: Vec<Option<String>> =
            self.ask_all_once(commands.collect::<Result<_, _>>()?).await?;
        let pairs = write.into_iter().zip(answers).filter(|(_, answer)| answer.is_none());
        lost.extend(pairs.map(|(token, _)| token.record.digest.key()));
        Ok(lost)
    }
}

/// Writes a token in place of what is there of it, unless that is gone.
fn over(record: &TokenRecord) -> Result<Cmd, StoreError> {
    let mut set = set(record, false)?;
    set.arg("XX");
    Ok(set)
}
