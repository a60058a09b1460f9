//! What there is in Redis, and how much room it takes, by looking at every key and measuring some.

use super::patience::patiently;
use super::record;
use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::event::Trail;
use crate::model::token::TokenRecord;
use crate::model::user::UserId;
use crate::store::whole::{Room, Stats};
use crate::store::{Change, StoreError};
use redis::{Cmd, pipe};
use std::collections::{BTreeMap, HashMap};

/// How many keys of a kind are measured.
const MEASURED: usize = 100;

/// A number in a stream, and its fields.
type Entry = (String, HashMap<String, String>);

impl RedisStore {
    pub(in crate::store) async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        let inspection = patiently(async || self.ask_inspection().await).await?;
        let census = self.take_census(now).await?;
        let mut kinds: BTreeMap<&str, (u64, Vec<String>)> = BTreeMap::new();
        let (mut good_tokens, mut tokens) = (0, Vec::new());
        let mut pages = self.pages("authgate:*").await?;
        while let Some(page) = pages.next().await? {
            for key in page {
                let kind = keys::kind(&key).unwrap_or("unknown");
                let (count, some) = kinds.entry(kind).or_default();
                *count += 1;
                if some.len() < MEASURED {
                    some.push(key.clone());
                }
                if kind == "token" {
                    tokens.push(key);
                }
            }
            let some = std::mem::take(&mut tokens);
            good_tokens += patiently(async || self.count_good(&some, now).await).await?;
        }
        let mut rooms = Vec::new();
        for (what, (count, some)) in kinds {
            let bytes = self.estimate(&some, count).await?;
            rooms.push(Room { bytes, count, what: what.to_owned() });
        }
        let tokens = rooms.iter().find(|room| room.what == "token").map_or(0, |room| room.count);
        Ok(Stats {
            bytes: rooms.iter().filter_map(|room| room.bytes).sum(),
            summary: inspection.summary,
            schema: super::layout::LAYOUT,
            active: census.users.saturating_sub(census.inactive),
            staff: census.staff,
            users: census.users,
            joined: self.joined().await?,
            good_tokens,
            dead_tokens: tokens.saturating_sub(good_tokens),
            issued: None,
            happened: self.happened().await?,
            rooms,
        })
    }

    /// How many of these tokens are good.
    async fn count_good(&self, tokens: &[String], now: Timestamp) -> Result<u64, StoreError> {
        let reads: Vec<_> = tokens.iter().map(|key| Cmd::get(key.as_str())).collect();
        let all: Vec<Option<Option<Vec<u8>>>> = self.each_readable(&reads).await?;
        let records = tokens.iter().zip(all).filter_map(|(name, bytes)| {
            let Some(Change::Token(key)) = keys::change(name) else { return None };
            record::token(&key, &bytes??).ok()
        });
        let mut records: Vec<_> = records.filter(|token| !token.has_expired(now)).collect();
        let epochs = self.epochs_of(records.iter().map(|token| token.user)).await?;
        self.see_kept(records.iter_mut(), |id| epochs.get(&id).copied().flatten()).await?;
        let is_good =
            |token: &&TokenRecord| epochs.get(&token.user).copied().flatten() == Some(token.epoch);
        Ok(u64::try_from(records.iter().filter(is_good).count()).unwrap_or(0))
    }

    /// The bytes of so many keys that are like these. `None` if the server does not tell.
    async fn estimate(&self, some: &[String], count: u64) -> Result<Option<u64>, StoreError> {
        let mut measure = pipe();
        for key in some {
            measure.cmd("MEMORY").arg("USAGE").arg(key);
        }
        // Not by the cluster's rules: the key is not its first argument.
        if self.link.is_cluster() || some.is_empty() {
            return Ok(None);
        }
        let found: Result<Vec<Option<u64>>, _> = self.link.ask(Request::Batch(&measure)).await;
        let Ok(found) = found else { return Ok(None) };
        let sizes: Vec<u64> = found.into_iter().flatten().collect();
        let measured = u64::try_from(sizes.len()).unwrap_or(u64::MAX);
        Ok(sizes.iter().sum::<u64>().saturating_mul(count).checked_div(measured))
    }

    async fn joined(&self) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let mut ends = pipe();
        ends.zrange(keys::USERS, 0, 0).zrange(keys::USERS, -1, -1);
        let ids: Vec<Vec<u64>> = self.link.ask(Request::Batch(&ends)).await?;
        let ids: Vec<_> = ids.into_iter().flatten().map(UserId).collect();
        let (users, _) = self.read_users(&ids).await?;
        let moments = || users.iter().map(|user| user.joined);
        Ok(moments().min().zip(moments().max()))
    }

    async fn happened(&self) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let mut moments = Vec::new();
        for trail in Trail::ALL {
            for (word, from, to) in [("XRANGE", "-", "+"), ("XREVRANGE", "+", "-")] {
                let mut read = redis::cmd(word);
                read.arg(keys::events(trail)).arg(from).arg(to).arg("COUNT").arg(1);
                let found: Vec<Entry> = self.link.ask(Request::Command(&read)).await?;
                let at = found.iter().filter_map(|(_, fields)| fields.get("at")?.parse().ok());
                moments.extend(at.map(Timestamp::from_micros));
            }
        }
        Ok(moments.iter().copied().min().zip(moments.iter().copied().max()))
    }
}
