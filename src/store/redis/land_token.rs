//! Writing tokens of a source, each unless its digest is somebody else's.

use super::land::Crossing;
use super::land_add::Newcomer;
use super::land_batch::{MEMBERS, batches};
use super::patience::patiently;
use super::record::{self, Entry, Fields, LANDING};
use super::request::Request;
use super::tokens::set;
use super::{RedisStore, keys};
use crate::model::token::{OldDigest, TokenRecord};
use crate::model::user::UserId;
use crate::store::StoreError;
use redis::Cmd;
use std::collections::{HashMap, HashSet};

/// A token that is to be added.
pub(super) struct NewToken {
    pub(super) old: Option<OldDigest>,
    pub(super) record: TokenRecord,
    /// Its row in the staging.
    pub(super) row: i64,
}

impl RedisStore {
    /// Writes the tokens that are listed, and says of which the digest is another's. Each is written once: it
    /// is an error if that was not answered, for it may come late, and nothing but another epoch helps then.
    pub(super) async fn write_tokens(
        &self,
        crossing: &Crossing<'_>,
        newcomers: &[Newcomer],
    ) -> Result<HashSet<i64>, StoreError> {
        let tokens: Vec<_> = newcomers.iter().flat_map(|newcomer| &newcomer.tokens).collect();
        let write = tokens.iter().map(|token| set(&token.record, true));
        let answers: Vec<Option<String>> =
            self.ask_all_once(write.collect::<Result<_, _>>()?).await?;
        let pairs = tokens.into_iter().zip(answers);
        let met: Vec<_> =
            pairs.filter(|(_, answer)| answer.is_none()).map(|(token, _)| token).collect();
        if met.is_empty() {
            return Ok(HashSet::new());
        }
        let records: Vec<_> = met.iter().map(|token| &token.record).collect();
        let there = self.there(&records).await?;
        let may = self.may_replace(crossing, &records, &there).await?;
        let (mut write, mut others) = (Vec::new(), HashSet::new());
        for (token, may) in met.into_iter().zip(may) {
            if may {
                write.push(set(&token.record, false)?);
            } else {
                others.insert(token.row);
            }
        }
        self.ask_all_once::<()>(write).await?;
        Ok(others)
    }

    pub(super) async fn ask_all_once<T: redis::FromRedisValue>(
        &self,
        commands: Vec<Cmd>,
    ) -> Result<Vec<T>, StoreError> {
        let mut answers = Vec::with_capacity(commands.len());
        for batch in batches(commands) {
            answers.extend(self.link.ask_once::<Vec<T>>(Request::Batch(&batch)).await?);
        }
        Ok(answers)
    }

    /// What is there of tokens.
    pub(super) async fn there(&self, records: &[&TokenRecord]) -> Result<Vec<There>, StoreError> {
        let reads = records.iter().map(|record| Cmd::get(keys::token(&record.digest.key())));
        let reads: Vec<_> = reads.collect();
        let mut all = Vec::with_capacity(records.len());
        for some in reads.chunks(super::land_batch::COMMANDS) {
            let found = patiently(async || self.each_readable(some).await).await?;
            all.extend(found.into_iter().map(|found| match found {
                Some(None) => There::Nothing,
                Some(Some(bytes)) => There::Record(bytes),
                None => There::Unreadable,
            }));
        }
        Ok(all)
    }

    /// Whether each may be written in place of what is there of it: it is of the same user, or of somebody who
    /// is gone or was begun by a run that has been stopped.
    pub(super) async fn may_replace(
        &self,
        crossing: &Crossing<'_>,
        records: &[&TokenRecord],
        there: &[There],
    ) -> Result<Vec<bool>, StoreError> {
        let of = |(record, there): (&&TokenRecord, &There)| match there {
            There::Nothing => Some(record.user),
            There::Record(bytes) => {
                record::token(&record.digest.key(), bytes).ok().map(|token| token.user)
            }
            There::Unreadable => None,
        };
        let owners: Vec<_> = records.iter().zip(there).map(of).collect();
        let pairs = records.iter().zip(&owners);
        let others = pairs.filter_map(|(record, owner)| owner.filter(|id| *id != record.user));
        let gone = self.are_gone(crossing, others.collect()).await?;
        let pairs = records.iter().zip(owners);
        let may = |(record, owner): (&&TokenRecord, Option<UserId>)| {
            owner.is_some_and(|id| id == record.user || gone.get(&id).copied().unwrap_or(false))
        };
        Ok(pairs.map(may).collect())
    }

    async fn are_gone(
        &self,
        crossing: &Crossing<'_>,
        ids: HashSet<UserId>,
    ) -> Result<HashMap<UserId, bool>, StoreError> {
        let ids: Vec<_> = ids.into_iter().collect();
        let mut gone = HashMap::new();
        for some in ids.chunks(super::land_batch::COMMANDS) {
            let reads: Vec<_> = some.iter().map(|id| Cmd::hgetall(keys::user(*id))).collect();
            let found = patiently(async || self.each_readable::<Fields>(&reads).await).await?;
            for (id, fields) in some.iter().zip(found) {
                let is_gone = fields.is_some_and(|fields| match fields.get(LANDING) {
                    Some(run) => *run != crossing.run,
                    None => fields.is_empty(),
                });
                gone.insert(*id, is_gone);
            }
        }
        Ok(gone)
    }
}

/// What is there of a token.
pub(super) enum There {
    Nothing,
    Record(Vec<u8>),
    Unreadable,
}

/// What lists some tokens of a user. Those that are listed keep a later end, which a gateway may just have
/// given them: a list must not have an earlier one than the key.
pub(super) fn listing<'a>(
    user: UserId,
    records: impl Iterator<Item = &'a TokenRecord>,
) -> Vec<Cmd> {
    let entry = |record: &TokenRecord| (record::score(record.expires), Entry::of(record).bytes());
    let entries: Vec<_> = records.map(entry).collect();
    let list = |some| {
        let mut list = redis::cmd("ZADD");
        list.arg(keys::user_tokens(user)).arg("GT").arg(some);
        list
    };
    entries.chunks(MEMBERS).map(list).collect()
}

/// What takes entries off the list of a user.
pub(super) fn unlisting(user: UserId, entries: &[Vec<u8>]) -> Vec<Cmd> {
    let list = keys::user_tokens(user);
    entries.chunks(MEMBERS).map(|some| Cmd::zrem(&list, some)).collect()
}
