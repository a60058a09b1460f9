//! The tokens of all users, those that were used or issued last first; and how many there are.

use super::notes::recent;
use super::record::{self, Fields};
use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::token::{TokenKey, TokenRecord};
use crate::model::user::{User, UserId};
use crate::store::{Census, Cursor, ListedToken, StoreError, TokenPage};
use redis::{Cmd, pipe};
use std::collections::HashMap;

/// How many tokens are looked at before a page ends short.
const MOST: usize = 5_000;
/// How many characters of a token's key its id shows: 60 of 64 bits.
const SHOWN: usize = 10;
/// How many tokens are read at once.
const CHUNK: usize = 100;

/// A token's place: when it was used last or else issued, and what stands for it there.
type Place = (i64, String);

impl RedisStore {
    pub(super) async fn page_of_tokens(
        &self,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<TokenPage, StoreError> {
        let mut last = after.and_then(place);
        let (mut tokens, mut seen) = (Vec::new(), 0);
        while seen < MOST {
            let places = self.recent_places(last.as_ref()).await?;
            if places.is_empty() {
                return Ok(TokenPage { next: None, tokens });
            }
            seen += places.len();
            let found = self.listed(&places, now).await?;
            for (place, token) in places.into_iter().zip(found) {
                if token.is_some() && tokens.len() >= limit {
                    return Ok(TokenPage { next: last.as_ref().map(cursor), tokens });
                }
                tokens.extend(token);
                last = Some(place);
            }
        }
        Ok(TokenPage { next: last.as_ref().map(cursor), tokens })
    }

    /// The next places. Those of one moment are passed over one by one, which are few.
    async fn recent_places(&self, after: Option<&Place>) -> Result<Vec<Place>, StoreError> {
        let start = after.map_or("+inf".to_owned(), |(score, _)| score.to_string());
        let mut offset = 0;
        loop {
            let range = Cmd::zrevrangebyscore_limit_withscores(
                keys::RECENT,
                &start,
                "-inf",
                offset,
                isize::try_from(CHUNK).unwrap_or(isize::MAX),
            );
            let found: Vec<(String, f64)> = self.link.ask(Request::Command(&range)).await?;
            let is_end = found.len() < CHUNK;
            let places = found
                .into_iter()
                .filter_map(|(member, score)| Some((format!("{score:.0}").parse().ok()?, member)));
            let places: Vec<Place> =
                places.filter(|place| after.is_none_or(|after| place < after)).collect();
            if is_end || !places.is_empty() {
                return Ok(places);
            }
            offset += isize::try_from(CHUNK).unwrap_or(isize::MAX);
        }
    }

    /// The tokens of these places, as far as they are good. Places of those that are gone go too.
    async fn listed(
        &self,
        places: &[Place],
        now: Timestamp,
    ) -> Result<Vec<Option<ListedToken>>, StoreError> {
        let mut read = pipe();
        for (_, member) in places {
            read.get(identify(member).map_or_else(String::new, |(_, key)| keys::token(&key)));
        }
        let found: Vec<Option<Vec<u8>>> = self.link.ask(Request::Batch(&read)).await?;
        let mut gone = Vec::new();
        let mut records = Vec::with_capacity(places.len());
        for ((_, member), bytes) in places.iter().zip(found) {
            let known = identify(member);
            let record = bytes.zip(known).and_then(|(bytes, (user, key))| {
                record::token(&key, &bytes).ok().filter(|token| token.user == user)
            });
            if record.is_none() {
                gone.push(member.clone());
            }
            records.push(record.filter(|token| !token.has_expired(now)));
        }
        if !gone.is_empty() {
            self.link.ask::<()>(Request::Command(&Cmd::zrem(keys::RECENT, gone))).await?;
        }
        let users = self.users_of(records.iter().flatten()).await?;
        let epoch_of = |id| users.get(&id).map(|user: &User| user.epoch);
        self.see_kept(records.iter_mut().flatten(), epoch_of).await?;
        let good = records.into_iter().map(|record| {
            let record = record?;
            let user = users.get(&record.user).filter(|user| user.epoch == record.epoch)?;
            Some((record, user))
        });
        let good: Vec<_> = good.collect();
        let known: Vec<_> = good.iter().flatten().map(|(record, _)| record).collect();
        let mut abouts = self.read_notes(&known).await?.into_iter();
        let listed = good.into_iter().map(|good| {
            let (record, user) = good?;
            let about = abouts.next().unwrap_or_default();
            Some(ListedToken { about, record, username: user.username.clone() })
        });
        Ok(listed.collect())
    }

    async fn users_of(
        &self,
        tokens: impl Iterator<Item = &TokenRecord>,
    ) -> Result<HashMap<UserId, User>, StoreError> {
        let mut ids: Vec<_> = tokens.map(|token| token.user).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut read = pipe();
        for id in &ids {
            read.hgetall(keys::user(*id));
        }
        let hashes: Vec<Fields> = self.link.ask(Request::Batch(&read)).await?;
        let read = |(id, fields)| Some((id, record::user(id, fields).ok()??));
        Ok(ids.into_iter().zip(&hashes).filter_map(read).collect())
    }

    /// The tokens as a sweep has counted them, for none of their ends is told to Redis as a number.
    pub(super) async fn take_census(&self, now: Timestamp) -> Result<Census, StoreError> {
        let mut count = pipe();
        count.zcard(keys::USERS).zcard(keys::STAFF).zcard(keys::INACTIVE).zcard(keys::RECENT);
        count.get(keys::CENSUS);
        let (users, staff, inactive, recent, counted): (u64, u64, u64, u64, Option<String>) =
            self.link.ask(Request::Batch(&count)).await?;
        let counted = counted.as_deref().and_then(|text| {
            let (at, tokens) = text.split_once(' ')?;
            Some((Timestamp::from_micros(at.parse().ok()?), tokens.parse().ok()?))
        });
        let (at, tokens) = counted.unwrap_or((now, recent));
        Ok(Census { at, inactive, staff, tokens, users })
    }

    /// Notes that the indexes tell of everybody, and how many good tokens there are.
    pub(super) async fn note_all_indexed(
        &self,
        now: Timestamp,
        tokens: u64,
    ) -> Result<(), StoreError> {
        let mut note = pipe();
        note.set(keys::CENSUS, format!("{} {tokens}", now.micros())).ignore();
        note.set(keys::INDEXED, 1).ignore();
        self.link.ask(Request::Batch(&note)).await
    }

    /// Puts those tokens among the recent ones that are missing there.
    pub(super) async fn repair_recent(
        &self,
        tokens: &[(UserId, &record::Entry)],
    ) -> Result<(), StoreError> {
        let member =
            |(user, entry): &(UserId, &record::Entry)| recent(*user, &keys::text(&entry.key));
        for chunk in tokens.chunks(CHUNK) {
            let mut look = redis::cmd("ZMSCORE");
            look.arg(keys::RECENT).arg(chunk.iter().map(member).collect::<Vec<_>>());
            let found: Vec<Option<f64>> = self.link.ask(Request::Command(&look)).await?;
            let mut add = pipe();
            for (token, _) in chunk.iter().zip(found).filter(|(_, score)| score.is_none()) {
                let created = token.1.created.micros();
                add.cmd("ZADD")
                    .arg(keys::RECENT)
                    .arg("GT")
                    .arg(created)
                    .arg(member(token))
                    .ignore();
            }
            if !add.is_empty() {
                self.link.ask::<()>(Request::Batch(&add)).await?;
            }
        }
        Ok(())
    }
}

fn identify(member: &str) -> Option<(UserId, TokenKey)> {
    let (user, key) = member.split_once(':')?;
    Some((UserId(user.parse().ok()?), keys::token_key(key)?))
}

/// No more of the digest than the token's id shows: places stand in answers and addresses. What comes
/// after the whole comes after its head, too.
fn cursor((score, member): &Place) -> Cursor {
    let head = member.find(':').and_then(|colon| member.get(..=colon + SHOWN));
    Cursor::at(head.unwrap_or(member), score)
}

fn place(cursor: &Cursor) -> Option<Place> {
    let (member, score) = cursor.read()?;
    Some((score.parse().ok()?, member.to_owned()))
}
