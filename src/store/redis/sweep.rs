//! Picking up what is of no more use: expired and ended tokens, and what crashes left behind.

use super::record::Entry;
use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::user::UserId;
use crate::store::StoreError;
use futures_util::stream::{self, StreamExt};
use redis::{Cmd, pipe};
use std::collections::HashSet;
use std::time::Duration;

/// How many users or keys are read at once.
const CHUNK: usize = 100;
/// How many users are swept at once: most of the time goes to the way to Redis and back.
const AT_ONCE: usize = 8;
/// How long a token may be on a list before it must have a key: it is being written.
pub(super) const GRACE: Duration = Duration::from_mins(1);

/// Whether there is a user, their epoch and whether they are active, and the tokens on their list:
/// those past their end, and the others.
type Found = (bool, (Option<u64>, Option<u8>), Vec<Vec<u8>>, Vec<Vec<u8>>);

/// A user's tokens, as a sweep sees them.
struct Tokens {
    /// Those past their end.
    expired: Vec<Entry>,
    /// The others.
    standing: Vec<Entry>,
    /// The user's epoch; `None` if the user is gone.
    epoch: Option<u64>,
    /// Whether the user is locked out. Their tokens stay, so that each can be told from one that
    /// nobody has ever had.
    is_locked_out: bool,
}

impl RedisStore {
    /// Goes through all users. Then the indexes are complete, and it is known how many tokens there
    /// are.
    ///
    /// Any number of gateways may do so at once, and stop wherever they are: what is written is what
    /// the next one would write.
    pub(super) async fn sweep_users(&self, now: Timestamp) -> Result<u64, StoreError> {
        let (mut removed, mut counted, mut after) = (0, 0, None);
        loop {
            let ids = self.indexed_after(after, CHUNK).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            let sweep = |id| async move { (id, self.sweep_user(id, now).await) };
            let mut sweeps = stream::iter(ids).map(sweep).buffer_unordered(AT_ONCE);
            let mut swept = Vec::with_capacity(CHUNK);
            while let Some((id, outcome)) = sweeps.next().await {
                let (dead, good) = match outcome {
                    Err(error @ StoreError::Corrupt { .. }) => {
                        // One bad record must not keep all others from being swept.
                        tracing::warn!(user = %id, %error, "could not sweep a user");
                        continue;
                    }
                    result => result?,
                };
                swept.push(id);
                removed += dead;
                counted += good;
            }
            drop(sweeps);
            self.repair_users(&swept).await?;
        }
        self.prune_indexes().await?;
        self.sweep_items(now).await?;
        self.sweep_old_digests().await?;
        self.write_census(now, counted).await?;
        self.link.ask::<()>(Request::Command(&Cmd::set(keys::INDEXED, 1))).await?;
        Ok(removed)
    }

    /// How many tokens were of no more use, and how many are good.
    async fn sweep_user(&self, id: UserId, now: Timestamp) -> Result<(u64, u64), StoreError> {
        let tokens = self.read_tokens(id, now).await?;
        let (is_gone, is_locked_out) = (tokens.epoch.is_none(), tokens.is_locked_out);
        let (dead, good) = self.dead(tokens, now).await?;
        self.remove_entries(id, &dead).await?;
        if is_gone {
            self.unindex(id).await?;
            let notes = Cmd::del(keys::token_notes(id));
            self.link.ask::<()>(Request::Command(&notes)).await?;
            self.drop_familiar(id).await?;
            self.link.ask::<()>(Request::Command(&Cmd::zrem(keys::USERS, id.0))).await?;
        } else {
            self.repair_recent(id, &good).await?;
            self.sweep_notes(id, &good).await?;
        }
        let good = if is_locked_out { 0 } else { good.len() };
        let count = |number: usize| number.try_into().unwrap_or(u64::MAX);
        Ok((count(dead.len()), count(good)))
    }

    /// Drops what is noted of tokens that are gone. One that was issued since the list was read has an
    /// entry by now.
    async fn sweep_notes(&self, id: UserId, good: &[Entry]) -> Result<(), StoreError> {
        let mut noted = self.noted(id).await?;
        let known: HashSet<_> = good.iter().map(|entry| keys::text(&entry.key)).collect();
        noted.retain(|token| !known.contains(token));
        if noted.is_empty() {
            return Ok(());
        }
        let entries = self.entries(id, "-inf").await?;
        let known: HashSet<_> = entries.iter().map(|entry| keys::text(&entry.key)).collect();
        noted.retain(|token| !known.contains(token));
        self.drop_notes(id, &noted).await
    }

    async fn read_tokens(&self, id: UserId, now: Timestamp) -> Result<Tokens, StoreError> {
        let list = keys::user_tokens(id);
        let mut read = pipe();
        read.exists(keys::user(id))
            .hmget(keys::user(id), &["epoch", "is_active"])
            .zrangebyscore(&list, "-inf", now.micros())
            .zrangebyscore(&list, format!("({}", now.micros()), "+inf");
        let (exists, (epoch, is_active), expired, standing): Found =
            self.link.ask(Request::Batch(&read)).await?;
        if exists && epoch.is_none() {
            let problem = "the field epoch is missing".to_owned();
            return Err(StoreError::Corrupt { what: "user", problem });
        }
        let entries = |found: Vec<Vec<u8>>| {
            found.iter().map(|bytes| Entry::read(bytes)).collect::<Result<_, _>>()
        };
        let is_locked_out = is_active == Some(0);
        Ok(Tokens {
            epoch,
            expired: entries(expired)?,
            is_locked_out,
            standing: entries(standing)?,
        })
    }

    /// The tokens that are of no more use, and those that stay.
    async fn dead(
        &self,
        tokens: Tokens,
        now: Timestamp,
    ) -> Result<(Vec<Entry>, Vec<Entry>), StoreError> {
        // A list is read a moment after the epoch, and may have a token of the next one already.
        let is_standing = |entry: &Entry| tokens.epoch.is_some_and(|epoch| entry.epoch >= epoch);
        let stays = |entry: &Entry| tokens.is_locked_out || is_standing(entry);
        let (good, mut dead): (Vec<_>, Vec<_>) = tokens.standing.into_iter().partition(stays);
        dead.extend(tokens.expired);
        let (aged, mut good): (Vec<_>, Vec<_>) =
            good.into_iter().partition(|entry| now.since(entry.created) > GRACE);
        for chunk in aged.chunks(CHUNK) {
            let mut look = pipe();
            for entry in chunk {
                look.exists(keys::token(&entry.key));
            }
            let exist: Vec<bool> = self.link.ask(Request::Batch(&look)).await?;
            for (entry, exists) in chunk.iter().zip(exist) {
                if exists { &mut good } else { &mut dead }.push(entry.clone());
            }
        }
        Ok((dead, good))
    }
}
