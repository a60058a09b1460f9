//! Adding many users with their tokens.

use super::index_entries::Entries;
use super::land::Crossing;
use super::land_judge::Begun;
use super::land_token::NewToken;
use super::notes::recent;
use super::patience::patiently;
use super::record::{self, Entry, Fields};
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::{User, UserId};
use crate::store::StoreError;
use crate::store::staging::{Arrival, ArrivingToken, BringBack, Landed, Refusal};
use redis::{Cmd, Pipeline, pipe};
use std::collections::{HashMap, HashSet};

/// A user who is to be added.
pub(super) struct Newcomer {
    /// Whether an earlier attempt has written something of them.
    is_begun: bool,
    /// Their row in the staging.
    pub(super) row: i64,
    pub(super) tokens: Vec<NewToken>,
    user: User,
}

impl RedisStore {
    /// Gives those a number who have none, and everybody an epoch: a later one than any of who may have had
    /// the number before, whose tokens nobody may have swept.
    pub(super) async fn numbered(
        &self,
        crossing: &Crossing<'_>,
        arrivals: Vec<(Arrival, Option<Begun>)>,
    ) -> Result<Vec<Newcomer>, StoreError> {
        let numberless = arrivals.iter().filter(|(arrival, _)| arrival.user.id.is_none()).count();
        let mut next = match u64::try_from(numberless).unwrap_or(0) {
            0 => 0,
            _ if !crossing.writes => crossing.given + 1,
            count => patiently(async || self.next_users(count).await).await?.0,
        };
        let at = crossing.order.at;
        let moment = u64::try_from(at.millis_up()).unwrap_or(0);
        let newcomers = arrivals.into_iter().map(|(Arrival { user: row, tokens, .. }, begun)| {
            let id = row.id.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            let anew = if id > crossing.given { 0 } else { moment };
            let epoch = begun.and_then(|begun| begun.epoch).unwrap_or(anew);
            let user = row.anew(UserId(id), epoch, at);
            let token = |token: ArrivingToken| NewToken {
                old: token.old_digest(),
                record: token.record(&user, at),
                row: token.row,
            };
            let tokens = tokens.into_iter().map(token).collect();
            Newcomer { is_begun: begun.is_some(), row: row.row, tokens, user }
        });
        Ok(newcomers.collect())
    }

    /// Adds them, their names last.
    pub(super) async fn add_newcomers(
        &self,
        crossing: &Crossing<'_>,
        newcomers: Vec<Newcomer>,
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        let mut newcomers = self.claim(crossing, newcomers, landed).await?;
        if newcomers.is_empty() {
            return Ok(());
        }
        let mut write = pipe();
        for Newcomer { user, .. } in &newcomers {
            write.hset_multiple(keys::user(user.id), &record::user_fields(user)).ignore();
        }
        self.send(&write).await?;
        for newcomer in newcomers.iter().filter(|newcomer| newcomer.is_begun) {
            self.drop_others(newcomer).await?;
        }
        self.write_tokens(crossing, &mut newcomers).await?;
        self.send(&beside_tokens(&newcomers)).await?;
        for newcomer in &newcomers {
            landed.tokens_added += u64::try_from(newcomer.tokens.len()).unwrap_or(0);
        }
        self.give_names(crossing, &newcomers, landed).await?;
        if crossing.order.brings_back == BringBack::Nobody {
            return Ok(());
        }
        let ids: Vec<_> = newcomers.iter().map(|newcomer| newcomer.user.id).collect();
        patiently(async || self.forget_deleted(&ids).await).await
    }

    /// Counts them as if they had been added.
    pub(super) async fn count_newcomers(
        &self,
        crossing: &Crossing<'_>,
        newcomers: &[Newcomer],
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        let all = || newcomers.iter().flat_map(|newcomer| &newcomer.tokens);
        let reads: Vec<_> =
            all().map(|token| Cmd::get(keys::token(&token.record.digest.key()))).collect();
        let found: Vec<Option<Option<Vec<u8>>>> =
            patiently(async || self.each_readable(&reads).await).await?;
        for (token, bytes) in all().zip(found) {
            let is_free = match bytes {
                Some(there) => self.may_replace(there.as_deref(), &token.record).await?,
                None => false,
            };
            if is_free {
                landed.tokens_added += 1;
            } else {
                crossing.staging.note_token(token.row, Refusal::TokenTaken)?;
            }
        }
        Ok(())
    }

    /// Takes their numbers, unless somebody has taken one since it was looked at.
    async fn claim(
        &self,
        crossing: &Crossing<'_>,
        newcomers: Vec<Newcomer>,
        landed: &mut Landed,
    ) -> Result<Vec<Newcomer>, StoreError> {
        let mut claim = pipe();
        for Newcomer { user, .. } in &newcomers {
            claim.hset_nx(keys::user(user.id), "username", user.username.as_str());
        }
        if newcomers.is_empty() {
            return Ok(newcomers);
        }
        let won: Vec<bool> =
            patiently(async || self.link.ask(Request::Batch(&claim)).await).await?;
        let mut claimed = Vec::with_capacity(newcomers.len());
        for (newcomer, won) in newcomers.into_iter().zip(won) {
            if won || newcomer.is_begun || self.has_claimed(&newcomer.user).await? {
                claimed.push(newcomer);
            } else {
                Self::refuse(crossing, &newcomer, Refusal::NumberTaken, landed)?;
            }
        }
        Ok(claimed)
    }

    /// Whether a claim was successful of which the answer was lost.
    async fn has_claimed(&self, user: &User) -> Result<bool, StoreError> {
        let read = Cmd::hgetall(keys::user(user.id));
        let fields: Fields =
            patiently(async || self.link.ask(Request::Command(&read)).await).await?;
        let name = fields.get("username").map(String::as_str);
        Ok(fields.len() == 1 && name == Some(user.username.as_str()))
    }

    /// Ends what an earlier attempt has written that is not in the source any more. The rest is listed anew:
    /// by an entry of another epoch a sweep would take the token.
    async fn drop_others(&self, newcomer: &Newcomer) -> Result<(), StoreError> {
        let id = newcomer.user.id;
        let listed = patiently(async || self.entries(id, "-inf").await).await?;
        let wanted: HashSet<_> =
            newcomer.tokens.iter().map(|token| token.record.digest.key()).collect();
        let others: Vec<_> =
            listed.into_iter().filter(|entry| !wanted.contains(&entry.key)).collect();
        patiently(async || self.remove_entries(id, &others).await).await?;
        let forget = Cmd::del(keys::user_tokens(id));
        patiently(async || self.link.ask::<()>(Request::Command(&forget)).await).await
    }

    /// From now on they are there, unless somebody has taken a name since it was looked at.
    async fn give_names(
        &self,
        crossing: &Crossing<'_>,
        newcomers: &[Newcomer],
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        let mut take = pipe();
        for Newcomer { user, .. } in newcomers {
            take.set_nx(keys::name(&user.username), user.id.0);
        }
        let won: Vec<bool> = patiently(async || self.link.ask(Request::Batch(&take)).await).await?;
        for (newcomer, _) in newcomers.iter().zip(won).filter(|(_, won)| !won) {
            let user = &newcomer.user;
            if patiently(async || self.take_name(user).await).await? {
                continue;
            }
            Self::refuse(crossing, newcomer, Refusal::NameTaken, landed)?;
            let tokens = u64::try_from(newcomer.tokens.len()).unwrap_or(0);
            landed.tokens_added = landed.tokens_added.saturating_sub(tokens);
            let remove = Cmd::del(keys::user(user.id));
            patiently(async || self.link.ask::<()>(Request::Command(&remove)).await).await?;
            patiently(async || self.remove_traces(user).await).await?;
        }
        Ok(())
    }

    pub(super) async fn send(&self, batch: &Pipeline) -> Result<(), StoreError> {
        patiently(async || self.link.ask::<()>(Request::Batch(batch)).await).await
    }
}

/// What tells of users and tokens beside their own keys.
fn beside_tokens(newcomers: &[Newcomer]) -> Pipeline {
    let mut write = pipe();
    let mut indexes: HashMap<&str, Vec<(String, String)>> = HashMap::new();
    for Newcomer { tokens, user, .. } in newcomers {
        let number = user.id.to_string();
        indexes.entry(keys::USERS).or_default().push((number.clone(), number));
        let count = u64::try_from(tokens.len()).unwrap_or(0);
        for (index, member, score) in Entries::of(user).having(count).all() {
            indexes.entry(index).or_default().extend(score.map(|score| (score, member)));
        }
        let mut list = Vec::with_capacity(tokens.len());
        for NewToken { old, record, .. } in tokens {
            list.push((record::score(record.expires), Entry::of(record).bytes()));
            let member = recent(user.id, &keys::text(&record.digest.key()));
            let score = record.created.micros().to_string();
            indexes.entry(keys::RECENT).or_default().push((score, member));
            if let Some(old) = old {
                super::old_digests::write(&mut write, old);
            }
        }
        if !list.is_empty() {
            write.zadd_multiple(keys::user_tokens(user.id), &list).ignore();
        }
    }
    for (index, members) in indexes.into_iter().filter(|(_, members)| !members.is_empty()) {
        write.zadd_multiple(index, &members).ignore();
    }
    write
}
