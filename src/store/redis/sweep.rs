//! Picking up what is of no more use: expired and ended tokens, and what crashes left behind.

use super::land_batch::COMMANDS;
use super::record::{self, Entry, UNDECIDED, in_parts};
use super::request::Request;
use super::{RedisStore, keys, notes};
use crate::clock::Timestamp;
use crate::model::token::TokenKey;
use crate::model::user::UserId;
use crate::store::{Change, StoreError};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use redis::{Cmd, Pipeline, Value, pipe};
use std::collections::HashSet;
use std::slice;
use std::time::Duration;

/// How many users are read at once: most of the time goes to the way to Redis and back.
const CHUNK: usize = 100;
/// From how many users something is taken away at once.
const AT_ONCE: usize = 8;
/// How long a token may be on a list before it must have a key: it is being written.
pub(super) const GRACE: Duration = Duration::from_mins(1);

/// Whether there is a user, their epoch and whether they are active, the tokens on their list, those past
/// their end and the others, and what is noted of tokens.
type Found = (bool, (Option<u64>, Option<u8>), Vec<Vec<u8>>, Vec<Vec<u8>>, Vec<String>);
/// How many commands that takes.
const READS: usize = 5;

/// What came of a sweep.
#[derive(Default)]
struct Swept {
    /// Good tokens.
    good: u64,
    /// Tokens that were of no more use.
    removed: u64,
}

/// A user, as a sweep sees them.
struct Sweeping {
    /// Tokens that are of no more use.
    dead: Vec<Entry>,
    /// By which good tokens were listed before they got another epoch.
    former: Vec<Entry>,
    /// The others.
    good: Vec<Entry>,
    id: UserId,
    is_gone: bool,
    /// Their tokens stay, so that each can be told from one that nobody has ever had.
    is_locked_out: bool,
    /// The tokens of which something is noted, as their keys are written.
    noted: Vec<String>,
}

impl RedisStore {
    /// Goes through all users. Then the indexes are complete, and it is known how many tokens there
    /// are.
    ///
    /// Any number of gateways may do so at once, and stop wherever they are: what is written is what
    /// the next one would write.
    pub(super) async fn sweep_users(&self, now: Timestamp) -> Result<u64, StoreError> {
        let (mut swept, mut after) = (Swept::default(), None);
        loop {
            let ids = self.indexed_after(after, CHUNK).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            swept.add(&self.sweep_each(&ids, now).await?);
        }
        self.prune_indexes().await?;
        self.sweep_items(now).await?;
        self.sweep_old_digests().await?;
        self.note_all_indexed(now, swept.good).await?;
        Ok(swept.removed)
    }

    /// One bad record must not keep all others from being swept, nor must some who have so many tokens that
    /// Redis cannot tell of all at once.
    async fn sweep_each(&self, ids: &[UserId], now: Timestamp) -> Result<Swept, StoreError> {
        if let Ok(swept) = self.sweep_some(ids, now).await {
            return Ok(swept);
        }
        let mut swept = Swept::default();
        for id in ids {
            match self.sweep_some(slice::from_ref(id), now).await {
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::warn!(user = %id, %error, "could not sweep a user");
                }
                outcome => swept.add(&outcome?),
            }
        }
        Ok(swept)
    }

    async fn sweep_some(&self, ids: &[UserId], now: Timestamp) -> Result<Swept, StoreError> {
        let mut users = self.read_to_sweep(ids, now).await?;
        self.find_keyless(&mut users, now).await?;
        let each = stream::iter(&users).map(Ok);
        each.try_for_each_concurrent(AT_ONCE, |user| self.sweep_user(user, now)).await?;
        let mut swept = Swept::default();
        for user in &users {
            let good = if user.is_locked_out { 0 } else { user.good.len() };
            swept.good += u64::try_from(good).unwrap_or(u64::MAX);
            swept.removed += u64::try_from(user.dead.len()).unwrap_or(u64::MAX);
        }
        let there = users.iter().filter(|user| !user.is_gone);
        let good = there.flat_map(|user| user.good.iter().map(|entry| (user.id, entry)));
        self.repair_recent(&good.collect::<Vec<_>>()).await?;
        self.repair_users(ids).await?;
        Ok(swept)
    }

    /// Takes away what is of no more use of a user, which is mostly nothing.
    async fn sweep_user(&self, user: &Sweeping, now: Timestamp) -> Result<(), StoreError> {
        for some in user.dead.chunks(COMMANDS) {
            self.remove_dead(user.id, some, now).await?;
        }
        if !user.former.is_empty() {
            let former: Vec<_> = user.former.iter().map(Entry::bytes).collect();
            let unlist = Cmd::zrem(keys::user_tokens(user.id), former);
            self.link.ask::<()>(Request::Command(&unlist)).await?;
        }
        if !user.is_gone {
            return self.sweep_notes(user).await;
        }
        self.unindex(user.id).await?;
        let notes = Cmd::del(keys::token_notes(user.id));
        self.link.ask::<()>(Request::Command(&notes)).await?;
        self.drop_familiar(user.id).await?;
        self.link.ask(Request::Command(&Cmd::zrem(keys::USERS, user.id.0))).await
    }

    /// Takes away tokens that are of no more use. One that has been written anew since it was listed stays.
    async fn remove_dead(
        &self,
        user: UserId,
        dead: &[Entry],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let reads: Vec<_> = dead.iter().map(|entry| Cmd::get(keys::token(&entry.key))).collect();
        let found: Vec<Option<Option<Vec<u8>>>> = self.each_readable(&reads).await?;
        let mut gone = Vec::with_capacity(dead.len());
        for (entry, read) in dead.iter().zip(found) {
            let is_gone = match read {
                // It is no token, and `verify` tells of it.
                None => false,
                Some(None) => true,
                Some(Some(bytes)) => {
                    is_of_no_use(entry, user, &bytes, now)
                        && self.drop_token(&entry.key, &bytes).await?
                }
            };
            if is_gone {
                self.listener.tell(Change::Token(entry.key));
                gone.push(entry.clone());
            }
        }
        self.unlist(user, &gone).await.map(drop)
    }

    /// Drops what is noted of tokens that are gone. One that was issued since the list was read has an
    /// entry by now.
    async fn sweep_notes(&self, user: &Sweeping) -> Result<(), StoreError> {
        let mut noted = user.noted.clone();
        leave_out(&mut noted, &user.good);
        if noted.is_empty() {
            return Ok(());
        }
        leave_out(&mut noted, &self.entries(user.id, "-inf").await?);
        self.drop_notes(user.id, &noted).await
    }

    async fn read_to_sweep(
        &self,
        ids: &[UserId],
        now: Timestamp,
    ) -> Result<Vec<Sweeping>, StoreError> {
        let mut read = pipe();
        for id in ids {
            let list = keys::user_tokens(*id);
            read.exists(keys::user(*id))
                .hmget(keys::user(*id), &["epoch", "is_active"])
                .zrangebyscore(&list, "-inf", now.micros())
                .zrangebyscore(&list, format!("({}", now.micros()), "+inf")
                .hkeys(keys::token_notes(*id));
        }
        let answers: Vec<Value> = self.link.ask(Request::Batch(&read)).await?;
        let found = in_parts(answers, READS)?;
        ids.iter().zip(found).map(|(id, found)| Sweeping::of(*id, found)).collect()
    }

    /// Counts tokens among the dead whose keys are gone, unless users are taken over, whose tokens are listed
    /// before they are written, however old they are.
    async fn find_keyless(&self, users: &mut [Sweeping], now: Timestamp) -> Result<(), StoreError> {
        let has_come = |entry: &&Entry| now.since(entry.created) > GRACE;
        let aged = users.iter().flat_map(|user| &user.good).filter(has_come);
        let aged: Vec<_> = aged.map(|entry| entry.key).collect();
        // Asked after the lists: whoever has listed some and is done has written them, too.
        if aged.is_empty() || self.present_run().await?.is_some() {
            return Ok(());
        }
        let mut keyless: HashSet<TokenKey> = HashSet::new();
        for chunk in aged.chunks(COMMANDS) {
            let mut look = Pipeline::with_capacity(chunk.len());
            for key in chunk {
                look.exists(keys::token(key));
            }
            let exist: Vec<bool> = self.link.ask(Request::Batch(&look)).await?;
            keyless
                .extend(chunk.iter().zip(exist).filter(|(_, exists)| !exists).map(|(key, _)| key));
        }
        for user in users {
            user.dead.extend(user.good.extract_if(.., |entry| keyless.contains(&entry.key)));
        }
        Ok(())
    }
}

impl Swept {
    fn add(&mut self, more: &Self) {
        self.good += more.good;
        self.removed += more.removed;
    }
}

impl Sweeping {
    fn of(id: UserId, found: Found) -> Result<Self, StoreError> {
        let (exists, (epoch, is_active), expired, standing, noted) = found;
        if exists && epoch.is_none() {
            let problem = "the field epoch is missing".to_owned();
            return Err(StoreError::Corrupt { what: "user", problem });
        }
        let entries = |found: Vec<Vec<u8>>| {
            found.iter().map(|bytes| Entry::read(bytes)).collect::<Result<Vec<_>, _>>()
        };
        let is_locked_out = is_active == Some(0);
        // A list is read a moment after the epoch, and may have a token of the next one already.
        let is_standing = |entry: &Entry| epoch.is_some_and(|epoch| entry.epoch >= epoch);
        let stays = |entry: &Entry| is_locked_out || is_standing(entry);
        let (good, mut dead): (Vec<Entry>, Vec<_>) =
            entries(standing)?.into_iter().partition(stays);
        dead.extend(entries(expired)?);
        let is_good: HashSet<_> = good.iter().map(|entry| entry.key).collect();
        let (former, dead) = dead.into_iter().partition(|entry| is_good.contains(&entry.key));
        let noted = notes::noted_tokens(&noted);
        Ok(Self { dead, former, good, id, is_gone: epoch.is_none(), is_locked_out, noted })
    }
}

/// Whether a token that is listed as dead is so by its record, too.
fn is_of_no_use(entry: &Entry, user: UserId, record: &[u8], now: Timestamp) -> bool {
    // What cannot be read lets nobody in.
    let Ok(token) = record::token(&entry.key, record) else { return true };
    let is_past = token.epoch == UNDECIDED || token.epoch <= entry.epoch;
    token.user == user && (is_past || token.has_expired(now))
}

/// Leaves out those of the tokens that have an entry.
fn leave_out(tokens: &mut Vec<String>, entries: &[Entry]) {
    if tokens.is_empty() {
        return;
    }
    let listed: HashSet<_> = entries.iter().map(|entry| keys::text(&entry.key)).collect();
    tokens.retain(|token| !listed.contains(token));
}
