//! Tokens as the first version of the layout has them, and how they become those of the second: keys by
//! the whole digest in hexadecimal digits, records and entries in words.

use super::record::{self, Entry};
use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::token::{TokenDigest, TokenRecord};
use crate::model::user::UserId;
use crate::store::{Lock, StoreError};
use redis::{Cmd, pipe};

/// What the lists of users' tokens begin with.
const LIST: &str = "authgate:user-tokens:";

impl RedisStore {
    /// Writes all tokens anew. Of one that is written, what it was goes last: whoever is stopped in
    /// between does it again.
    pub(super) async fn rewrite_first_layout(&self, lock: &Lock) -> Result<(), StoreError> {
        tracing::info!("bringing the tokens in Redis up to date");
        let mut pages = self.pages(&format!("{LIST}*")).await?;
        while let Some(lists) = pages.next_in_time().await? {
            for list in lists {
                match self.rewrite_list(&list).await {
                    // It was of no use before, either, and must not keep the others from being.
                    Err(error @ StoreError::Corrupt { .. }) => {
                        tracing::warn!(list, %error, "tokens that cannot be read were left as they are");
                    }
                    outcome => outcome?,
                }
            }
            self.keep_lock(lock).await?;
        }
        Ok(())
    }

    async fn keep_lock(&self, lock: &Lock) -> Result<(), StoreError> {
        let lasts = i64::try_from(lock.lasts.as_millis()).unwrap_or(i64::MAX);
        let keep = Cmd::pexpire(keys::lock(lock.name), lasts);
        self.link.ask(Request::Command(&keep)).await
    }

    async fn rewrite_list(&self, list: &str) -> Result<(), StoreError> {
        let Some(user) = keys::numbered(list) else { return Ok(()) };
        let read = Cmd::zrange_withscores(list, 0, -1);
        let entries: Vec<(String, String)> = self.link.ask(Request::Command(&read)).await?;
        for (entry, score) in &entries {
            let Some(hex) = entry.rsplit(':').next() else { continue };
            let Some(digest) = digest(hex) else { continue };
            let read = Cmd::get(token(hex));
            let text: Option<String> = match self.link.ask(Request::Command(&read)).await {
                Err(StoreError::Corrupt { .. }) => continue,
                text => text?,
            };
            let Some(record) = text.and_then(|text| parse(digest, &text)) else { continue };
            self.write_anew(&record, score).await?;
            self.move_notes(user, hex, &keys::text(&digest.key())).await?;
            self.link.ask::<()>(Request::Command(&Cmd::del(token(hex)))).await?;
        }
        self.link.ask(Request::Command(&Cmd::del(list))).await
    }

    async fn write_anew(&self, token: &TokenRecord, score: &str) -> Result<(), StoreError> {
        let mut list = redis::cmd("ZADD");
        list.arg(keys::user_tokens(token.user)).arg(score).arg(Entry::of(token).bytes());
        self.link.ask::<()>(Request::Command(&list)).await?;
        let mut set = Cmd::set(keys::token(&token.digest.key()), record::token_bytes(token)?);
        if let Some(expires) = token.expires {
            set.arg("PXAT").arg(record::forget_at(expires));
        }
        self.link.ask(Request::Command(&set)).await
    }

    async fn move_notes(&self, user: UserId, hex: &str, text: &str) -> Result<(), StoreError> {
        let notes = keys::token_notes(user);
        for kind in ["issue", "use"] {
            let (from, to) = (format!("{kind}:{hex}"), format!("{kind}:{text}"));
            let read = Cmd::hget(&notes, &from);
            let note: Option<String> = self.link.ask(Request::Command(&read)).await?;
            if let Some(note) = note {
                let mut rename = pipe();
                rename.hset(&notes, to, note).ignore().hdel(&notes, from).ignore();
                self.link.ask::<()>(Request::Batch(&rename)).await?;
            }
        }
        let from = format!("{user}:{hex}");
        let read = Cmd::zscore(keys::RECENT, &from);
        let score: Option<String> = self.link.ask(Request::Command(&read)).await?;
        let Some(score) = score else { return Ok(()) };
        let mut rename = pipe();
        rename.zadd(keys::RECENT, format!("{user}:{text}"), score).ignore();
        rename.zrem(keys::RECENT, from).ignore();
        self.link.ask(Request::Batch(&rename)).await
    }
}

fn token(hex: &str) -> String {
    format!("{}{{{hex}}}", keys::TOKEN_PREFIX)
}

fn digest(hex: &str) -> Option<TokenDigest> {
    let bytes = hex::decode(hex).ok()?;
    Some(TokenDigest::new(bytes.try_into().ok()?))
}

/// Reads `USER CREATED EXPIRES EPOCH`; the end is `-` if there is none.
fn parse(digest: TokenDigest, written: &str) -> Option<TokenRecord> {
    let mut words = written.split(' ');
    let user = UserId(words.next()?.parse().ok()?);
    let created = Timestamp::from_micros(words.next()?.parse().ok()?);
    let expires = match words.next()? {
        "-" => None,
        micros => Some(Timestamp::from_micros(micros.parse().ok()?)),
    };
    let epoch = words.next()?.parse().ok()?;
    words.next().is_none().then_some(TokenRecord {
        created,
        digest,
        epoch,
        expires,
        former: None,
        knox_key: None,
        user,
    })
}
