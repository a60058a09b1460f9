//! Tokens: a key each, and a list for each user.

use super::notes::more_tokens;
use super::record::{self, Entry};
use super::request::Request;
use super::users::later;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::token::{TokenDigest, TokenKey, TokenRecord};
use crate::model::user::{User, UserId};
use crate::store::{Change, Issue, NewToken, OnLimit, StoreError};
use redis::{Cmd, pipe};

/// How many keys are read or deleted at once.
const CHUNK: usize = 100;
/// How often to try what others prevent by what they do meanwhile.
pub(super) const ATTEMPTS: usize = 64;

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
            .arg(Entry::of(token).bytes())
            .arg(record::score(token.expires))
            .arg(token.created.micros())
            .arg(record::flag(new.is_login))
            .arg(new.limit.map_or_else(String::new, |limit| limit.most.to_string()))
            .arg(on_limit);
        let answer: Vec<Vec<u8>> = self.link.ask(Request::Script(&script)).await?;
        Listing::read(&answer)
    }

    /// Writes a token that is on the list. If it is not any more, another login has evicted it
    /// in between, perhaps before there was anything to delete.
    async fn write_token(&self, new: &NewToken) -> Result<Issue, StoreError> {
        let token = &new.record;
        self.link.ask::<()>(Request::Command(&set(token, false)?)).await?;
        let listed = Cmd::zscore(keys::user_tokens(token.user), Entry::of(token).bytes());
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
        // It may be one that an older version has written, and none may end meanwhile.
        self.bring_up_to_date().await?;
        let key = digest.key();
        let get = Cmd::get(keys::token(&key));
        let bytes: Result<Option<Vec<u8>>, _> = self.link.ask(Request::Command(&get)).await;
        let token = bytes
            .and_then(|bytes| bytes.map(|bytes| record::token(&key, &bytes)).transpose())
            .map_err(|error| error.of("token", key.as_bytes()))?;
        Ok(token.filter(|token| token.digest == digest))
    }

    pub(super) async fn find_token(
        &self,
        digest: TokenDigest,
    ) -> Result<Option<(TokenRecord, User)>, StoreError> {
        match self.read_token(digest).await? {
            Some(token) => self.with_user(token).await,
            None => Ok(None),
        }
    }

    /// The list comes first: if it has a later end than the key, nothing is lost; if it had an
    /// earlier one, a sweep would delete a token that is good.
    pub(super) async fn move_end(
        &self,
        digest: TokenDigest,
        expires: Timestamp,
    ) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(token) = self.read_token(digest).await? else { return Ok(false) };
            if token.expires.is_none_or(|end| end >= expires) {
                return Ok(true);
            }
            let mut next = TokenRecord { expires: Some(expires), ..token.clone() };
            if !self.list_end(&next).await? && !self.list_end_of_kept(&mut next).await? {
                continue;
            }
            match self.replace_token(&token, &next).await? {
                Replaced::Done => return Ok(true),
                Replaced::Gone => return Ok(false),
                Replaced::Not => {}
            }
        }
        Err(StoreError::unavailable("the token changes all the time"))
    }

    /// Puts a record in place of the one that was read, if that one is still there.
    pub(super) async fn replace_token(
        &self,
        before: &TokenRecord,
        after: &TokenRecord,
    ) -> Result<Replaced, StoreError> {
        let mut script = self.scripts.replace_token.key(keys::token(&before.digest.key()));
        script.arg(record::token_bytes(before)?).arg(record::token_bytes(after)?);
        let end = after.expires.filter(|_| before.expires != after.expires);
        script.arg(end.map_or_else(String::new, |end| record::forget_at(end).to_string()));
        let answer: String = self.link.ask(Request::Script(&script)).await?;
        match answer.as_str() {
            "done" => Ok(Replaced::Done),
            "changed" => Ok(Replaced::Not),
            "gone" => Ok(Replaced::Gone),
            _ => Err(StoreError::unavailable("an unknown answer of the script replace_token")),
        }
    }

    /// Deletes a token, if that is what was read. Says whether it is gone.
    pub(super) async fn drop_token(&self, key: &TokenKey, read: &[u8]) -> Result<bool, StoreError> {
        let mut script = self.scripts.replace_token.key(keys::token(key));
        script.arg(read).arg("").arg("");
        let answer: String = self.link.ask(Request::Script(&script)).await?;
        Ok(answer != "changed")
    }

    pub(super) async fn remove_token(&self, digest: TokenDigest) -> Result<bool, StoreError> {
        let Some(token) = self.read_token(digest).await? else { return Ok(false) };
        let delete = Cmd::del(keys::token(&digest.key()));
        let is_deleted = self.link.end(Request::Command(&delete), false).await?;
        let entry = Entry::of(&token);
        if self.unlist(token.user, std::slice::from_ref(&entry)).await? == 0
            && let Some(user) = self.read_user(token.user).await?
        {
            // It may have stayed at a new password.
            self.unlist(token.user, &[Entry { epoch: user.epoch, ..entry }]).await?;
        }
        if token.former.is_some() {
            // Whoever gives it this digest in the same moment may have written it anew while it was listed.
            self.link.end::<bool>(Request::Command(&delete), false).await?;
        }
        Ok(is_deleted)
    }

    pub(super) async fn end_tokens(&self, user: UserId, ended: u64) -> Result<bool, StoreError> {
        let mut script = self.scripts.end_tokens.key(keys::user(user));
        script.arg(ended);
        self.link.end(Request::Script(&script), true).await
    }

    /// The entries of a user's list whose score is at least `from`.
    pub(super) async fn entries(&self, user: UserId, from: &str) -> Result<Vec<Entry>, StoreError> {
        let range = Cmd::zrangebyscore(keys::user_tokens(user), from, "+inf");
        let found: Vec<Vec<u8>> = self.link.ask(Request::Command(&range)).await?;
        found.iter().map(|bytes| Entry::read(bytes)).collect()
    }

    /// Deletes tokens. The keys go first: a token that is not on the list could not be found.
    pub(super) async fn remove_entries(
        &self,
        user: UserId,
        entries: &[Entry],
    ) -> Result<(), StoreError> {
        self.remove_keys(entries).await?;
        self.unlist(user, entries).await.map(drop)
    }

    async fn remove_keys(&self, entries: &[Entry]) -> Result<(), StoreError> {
        for chunk in entries.chunks(CHUNK) {
            let mut delete = pipe();
            for entry in chunk {
                delete.del(keys::token(&entry.key)).ignore();
            }
            let deleted = self.link.ask::<()>(Request::Batch(&delete)).await;
            for entry in chunk {
                self.listener.tell(Change::Token(entry.key));
            }
            deleted?;
        }
        Ok(())
    }

    /// Says how many were on the list.
    pub(super) async fn unlist(&self, user: UserId, entries: &[Entry]) -> Result<i64, StoreError> {
        let mut removed = 0_i64;
        for chunk in entries.chunks(CHUNK) {
            let entries: Vec<Vec<u8>> = chunk.iter().map(Entry::bytes).collect();
            let remove = Cmd::zrem(keys::user_tokens(user), entries);
            removed += self.link.ask::<i64>(Request::Command(&remove)).await?;
        }
        if removed > 0 {
            let fewer = more_tokens(user, -removed);
            // A server whose memory is full lets tokens go, and counts nothing.
            later(user, self.link.ask_once(Request::Command(&fewer)).await);
        }
        let tokens: Vec<_> = entries.iter().map(|entry| keys::text(&entry.key)).collect();
        self.drop_notes(user, &tokens).await?;
        Ok(removed)
    }
}

/// Writes a token; `only_new` leaves one of that digest as it is.
pub(super) fn set(record: &TokenRecord, only_new: bool) -> Result<Cmd, StoreError> {
    let mut set = Cmd::set(keys::token(&record.digest.key()), record::token_bytes(record)?);
    if only_new {
        set.arg("NX");
    }
    if let Some(expires) = record.expires {
        set.arg("PXAT").arg(record::forget_at(expires));
    }
    Ok(set)
}

/// Whether a token has another record.
pub(super) enum Replaced {
    /// It has.
    Done,
    /// It is not there any more.
    Gone,
    /// It has yet another one.
    Not,
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
    fn read(answer: &[Vec<u8>]) -> Result<Self, StoreError> {
        let (verdict, entries) = answer
            .split_first()
            .map_or((&[][..], &[][..]), |(verdict, rest)| (verdict.as_slice(), rest));
        match verdict {
            b"done" => Ok(Self::Done),
            b"changed" => Ok(Self::Refused(Issue::UserChanged)),
            b"full" => Ok(Self::Refused(Issue::LimitReached)),
            b"evict" => {
                let victims: Result<_, _> =
                    entries.iter().map(|bytes| Entry::read(bytes)).collect();
                victims.map(Self::MakeRoom)
            }
            _ => Err(StoreError::unavailable("an unknown answer of the script issue_token")),
        }
    }
}
