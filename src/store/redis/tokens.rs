//! Tokens: a key each, and a list for each user.

use super::notes::more_tokens;
use super::record::{self, Entry};
use super::request::Request;
use super::users::later;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::token::{TokenDigest, TokenRecord};
use crate::model::user::{User, UserId};
use crate::store::sound::sound;
use crate::store::{Change, Issue, ListedToken, NewToken, OnLimit, StoreError};
use redis::{Cmd, pipe};

/// How many keys are read or deleted at once.
const CHUNK: usize = 100;
/// How often to make room for a token while others take it.
const ATTEMPTS: usize = 64;

impl RedisStore {
    pub(super) async fn add_token(&self, new: &NewToken) -> Result<Issue, StoreError> {
        for _ in 0..ATTEMPTS {
            let victims = match self.list_token(new).await? {
                Listing::Done => return self.write_token(new).await,
                Listing::Refused(issue) => return Ok(issue),
                Listing::MakeRoom(victims) => victims,
            };
            self.remove_entries(new.record.user, &victims).await?;
            // Once more, for a victim that was written only now: it was listed first.
            self.remove_keys(&victims).await?;
        }
        Err(StoreError::unavailable("too many logins of one user at once"))
    }

    /// Puts a token on its user's list, which is where it is decided whether it is issued.
    async fn list_token(&self, new: &NewToken) -> Result<Listing, StoreError> {
        let token = &new.record;
        let on_limit = match new.limit.map(|limit| limit.on_limit) {
            Some(OnLimit::EvictOldest) => "evict",
            Some(OnLimit::Refuse) | None => "refuse",
        };
        let mut script = self.scripts.issue_token.key(keys::user(token.user));
        script
            .key(keys::user_tokens(token.user))
            .arg(token.epoch)
            .arg(Entry::of(token).text())
            .arg(record::score(token.expires))
            .arg(token.created.micros())
            .arg(record::flag(new.is_login))
            .arg(new.limit.map_or_else(String::new, |limit| limit.most.to_string()))
            .arg(on_limit);
        let answer: Vec<String> = self.link.ask(Request::Script(&script)).await?;
        Listing::read(&answer)
    }

    /// Writes a token that is on the list. If it is not any more, another login has evicted it
    /// in between, perhaps before there was anything to delete.
    async fn write_token(&self, new: &NewToken) -> Result<Issue, StoreError> {
        let token = &new.record;
        let mut set = Cmd::set(keys::token(&token.digest), record::token_text(token));
        if let Some(expires) = token.expires {
            set.arg("PXAT").arg(record::forget_at(expires));
        }
        self.link.ask::<()>(Request::Command(&set)).await?;
        let listed = Cmd::zscore(keys::user_tokens(token.user), Entry::of(token).text());
        let listed: Option<String> = self.link.ask(Request::Command(&listed)).await?;
        if listed.is_none() {
            self.remove_keys(&[Entry::of(token)]).await?;
        } else if let Err(error) = self.note_issue(new).await {
            tracing::warn!(user = %token.user, %error, "a token was issued, but not noted");
        }
        Ok(Issue::Done)
    }

    pub(super) async fn read_token(
        &self,
        digest: TokenDigest,
    ) -> Result<Option<TokenRecord>, StoreError> {
        let get = Cmd::get(keys::token(&digest));
        let text: Result<Option<String>, _> = self.link.ask(Request::Command(&get)).await;
        text.and_then(|text| text.map(|text| record::token(digest, &text)).transpose())
            .map_err(|error| error.of("token", digest.as_bytes()))
    }

    pub(super) async fn find_token(
        &self,
        digest: TokenDigest,
    ) -> Result<Option<(TokenRecord, User)>, StoreError> {
        let Some(token) = self.read_token(digest).await? else { return Ok(None) };
        let user = self.read_user(token.user).await?;
        user.map(|user| Ok((token, sound(user)?))).transpose()
    }

    pub(super) async fn list_tokens(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<ListedToken>, StoreError> {
        let Some(user) = self.read_user(user).await? else { return Ok(Vec::new()) };
        let entries = self.entries(user.id, &format!("({}", now.micros())).await?;
        let mut tokens = Vec::new();
        for chunk in entries.chunks(CHUNK) {
            let mut read = pipe();
            for entry in chunk {
                read.get(keys::token(&entry.digest));
            }
            let texts: Vec<Option<String>> = self.link.ask(Request::Batch(&read)).await?;
            for (entry, text) in chunk.iter().zip(texts) {
                let token = text.map(|text| record::token(entry.digest, &text)).transpose()?;
                // A token that was added again has an entry of its former life.
                tokens.extend(token.filter(|token| token.created == entry.created));
            }
        }
        tokens.retain(|token| token.epoch == user.epoch && !token.has_expired(now));
        tokens.sort_by_key(|token| token.created);
        let abouts = self.read_notes(user.id, &tokens).await?;
        let listed = tokens.into_iter().zip(abouts).map(|(record, about)| {
            let username = user.username.clone();
            ListedToken { about, record, username }
        });
        Ok(listed.collect())
    }

    /// The list comes first: if it has a later end than the key, nothing is lost; if it had an
    /// earlier one, a sweep would delete a token that is good.
    pub(super) async fn move_end(
        &self,
        digest: TokenDigest,
        expires: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(token) = self.read_token(digest).await? else { return Ok(false) };
        if token.expires.is_none_or(|end| end >= expires) {
            return Ok(true);
        }
        let mut list = redis::cmd("ZADD");
        list.arg(keys::user_tokens(token.user)).arg("XX").arg("GT");
        list.arg(expires.micros()).arg(Entry::of(&token).text());
        self.link.ask::<()>(Request::Command(&list)).await?;
        let mut extend = self.scripts.extend_token.key(keys::token(&digest));
        extend.arg(expires.micros()).arg(record::forget_at(expires)).arg(token.epoch);
        self.link.ask_once(Request::Script(&extend)).await
    }

    pub(super) async fn remove_token(&self, digest: TokenDigest) -> Result<bool, StoreError> {
        let Some(token) = self.read_token(digest).await? else { return Ok(false) };
        let delete = Cmd::del(keys::token(&digest));
        let is_deleted = self.link.end(Request::Command(&delete), false).await?;
        self.unlist(token.user, &[Entry::of(&token)]).await?;
        Ok(is_deleted)
    }

    pub(super) async fn end_tokens(&self, user: UserId) -> Result<bool, StoreError> {
        let script = self.scripts.end_tokens.key(keys::user(user));
        self.link.end(Request::Script(&script), true).await
    }

    /// The entries of a user's list whose score is at least `from`.
    pub(super) async fn entries(&self, user: UserId, from: &str) -> Result<Vec<Entry>, StoreError> {
        let range = Cmd::zrangebyscore(keys::user_tokens(user), from, "+inf");
        let texts: Vec<String> = self.link.ask(Request::Command(&range)).await?;
        texts.iter().map(|text| Entry::read(text)).collect()
    }

    /// Deletes tokens. The keys go first: a token that is not on the list could not be found.
    pub(super) async fn remove_entries(
        &self,
        user: UserId,
        entries: &[Entry],
    ) -> Result<(), StoreError> {
        self.remove_keys(entries).await?;
        self.unlist(user, entries).await
    }

    async fn remove_keys(&self, entries: &[Entry]) -> Result<(), StoreError> {
        for chunk in entries.chunks(CHUNK) {
            let mut delete = pipe();
            for entry in chunk {
                delete.del(keys::token(&entry.digest)).ignore();
            }
            let deleted = self.link.ask::<()>(Request::Batch(&delete)).await;
            for entry in chunk {
                self.listener.tell(Change::Token(entry.digest));
            }
            deleted?;
        }
        Ok(())
    }

    async fn unlist(&self, user: UserId, entries: &[Entry]) -> Result<(), StoreError> {
        let mut removed = 0_i64;
        for chunk in entries.chunks(CHUNK) {
            let texts: Vec<String> = chunk.iter().map(Entry::text).collect();
            let remove = Cmd::zrem(keys::user_tokens(user), texts);
            removed += self.link.ask::<i64>(Request::Command(&remove)).await?;
        }
        if removed > 0 {
            let fewer = more_tokens(user, -removed);
            // A server whose memory is full lets tokens go, and counts nothing.
            later(user, self.link.ask(Request::Command(&fewer)).await);
        }
        let digests: Vec<_> = entries.iter().map(|entry| entry.digest).collect();
        self.drop_notes(user, &digests).await
    }
}

/// What became of a token on its way to the list.
enum Listing {
    /// It is on it.
    Done,
    /// These must go before it can be.
    MakeRoom(Vec<Entry>),
    /// It will not be.
    Refused(Issue),
}

impl Listing {
    fn read(answer: &[String]) -> Result<Self, StoreError> {
        let (verdict, entries) = answer
            .split_first()
            .map_or(("", [].as_slice()), |(verdict, rest)| (verdict.as_str(), rest));
        match verdict {
            "done" => Ok(Self::Done),
            "changed" => Ok(Self::Refused(Issue::UserChanged)),
            "full" => Ok(Self::Refused(Issue::LimitReached)),
            "evict" => {
                let victims: Result<_, _> = entries.iter().map(|text| Entry::read(text)).collect();
                victims.map(Self::MakeRoom)
            }
            _ => Err(StoreError::unavailable("an unknown answer of the script issue_token")),
        }
    }
}
