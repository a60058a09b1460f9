//! What is wrong with tokens. What is only waiting for the sweep is not: tokens past their end, and those
//! of an epoch that is over.

use super::record::{self, Entry, UNDECIDED};
use super::request::Request;
use super::sweep::GRACE;
use super::verify::{Cure, Found};
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::token::{TokenKey, TokenRecord};
use crate::model::user::UserId;
use crate::store::whole::Finding;
use crate::store::{Change, StoreError};
use redis::{Cmd, pipe};
use std::collections::HashMap;

impl RedisStore {
    pub(super) async fn look_at_tokens(
        &self,
        tokens: &[String],
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let reads: Vec<_> = tokens.iter().map(|key| Cmd::get(key.as_str())).collect();
        let all: Vec<Option<Option<Vec<u8>>>> = self.each_readable(&reads).await?;
        let mut records = Vec::with_capacity(tokens.len());
        for (name, bytes) in tokens.iter().zip(all) {
            let Some(Change::Token(key)) = keys::change(name) else { continue };
            match bytes {
                Some(None) => {}
                Some(Some(bytes)) if let Ok(record) = record::token(&key, &bytes) => {
                    records.push(record);
                }
                _ => {
                    let words = format!("token {} cannot be read", head(&key));
                    found.insert(Finding::serious(words), None);
                }
            }
        }
        let epochs = self.epochs_of(records.iter().map(|token| token.user)).await?;
        self.see_kept(records.iter_mut(), |id| epochs.get(&id).copied().flatten()).await?;
        let mut good = Vec::new();
        for token in records {
            let key = token.digest.key();
            let (user, words) = (token.user, format!("token {}", head(&key)));
            let delete = || Some(Cure::Command(Cmd::del(keys::token(&key))));
            match epochs.get(&user).copied().flatten() {
                None => {
                    let words = format!("{words} is of user {user}, who is not there");
                    found.insert(Finding::mendable(words), delete());
                }
                // It is being given another digest, or that came to nothing: it lets nobody in.
                Some(_) if token.epoch == UNDECIDED => {}
                Some(epoch) if token.epoch > epoch => {
                    let words =
                        format!("{words} of user {user} would be good once they end all tokens");
                    found.insert(Finding::mendable(words), delete());
                }
                Some(epoch) if token.epoch == epoch => good.push(token),
                Some(_) => {}
            }
        }
        self.look_at_good(&good, found).await
    }

    /// A token that is good is on its user's list, which decides whether it was issued, and Redis lets go of
    /// it at its end.
    async fn look_at_good(
        &self,
        good: &[TokenRecord],
        found: &mut Found,
    ) -> Result<(), StoreError> {
        if good.is_empty() {
            return Ok(());
        }
        let mut look = pipe();
        for token in good {
            look.zscore(keys::user_tokens(token.user), Entry::of(token).bytes());
        }
        let listed: Vec<Option<f64>> = self.link.ask(Request::Batch(&look)).await?;
        let mut look = pipe();
        for token in good {
            look.cmd("PTTL").arg(keys::token(&token.digest.key()));
        }
        let left: Vec<i64> = self.link.ask(Request::Batch(&look)).await?;
        for ((token, listed), left) in good.iter().zip(listed).zip(left) {
            let key = token.digest.key();
            let (key, name) = (keys::token(&key), head(&key));
            // -2 is one that has gone meanwhile.
            if listed.is_none() && left != -2 {
                let words = format!("token {name} is not on the list of user {}", token.user);
                found.insert(Finding::mendable(words), Some(Cure::Command(Cmd::del(&key))));
            }
            match token.expires {
                Some(end) if left == -1 => {
                    let mut forget = redis::cmd("PEXPIREAT");
                    forget.arg(&key).arg(record::forget_at(end));
                    let words = format!("token {name} has an end, and Redis would keep it");
                    found.insert(Finding::mendable(words), Some(Cure::Command(forget)));
                }
                None if left >= 0 => {
                    let words = format!("token {name} has no end, and Redis will let go of it");
                    found.insert(Finding::mendable(words), Some(Cure::Command(Cmd::persist(&key))));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) async fn look_at_lists(
        &self,
        users: &[UserId],
        now: Timestamp,
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let epochs = self.epochs_of(users.iter().copied()).await?;
        for user in users {
            let Some(epoch) = epochs.get(user).copied().flatten() else {
                let words = format!("there are tokens of user {user}, who is not there");
                let delete = Cmd::del(&[keys::user_tokens(*user), keys::token_notes(*user)]);
                found.insert(Finding::mendable(words), Some(Cure::Command(delete)));
                continue;
            };
            let entries = match self.entries(*user, &format!("({}", now.micros())).await {
                Err(StoreError::Corrupt { .. }) => {
                    let words = format!("the list of tokens of user {user} cannot be read");
                    found.insert(Finding::serious(words), None);
                    continue;
                }
                entries => entries?,
            };
            let is_due = |entry: &&Entry| entry.epoch == epoch && now.since(entry.created) > GRACE;
            let due: Vec<_> = entries.iter().filter(is_due).collect();
            if due.is_empty() {
                continue;
            }
            let mut look = pipe();
            for entry in &due {
                look.exists(keys::token(&entry.key));
            }
            let exist: Vec<bool> = self.link.ask(Request::Batch(&look)).await?;
            for (entry, _) in due.iter().zip(exist).filter(|(_, exists)| !exists) {
                let words =
                    format!("token {} of user {user} is listed, and not there", head(&entry.key));
                found.insert(Finding::mendable(words), None);
            }
        }
        Ok(())
    }

    /// The epoch of each of the users; `None` of one who is not there or cannot be read.
    pub(super) async fn epochs_of(
        &self,
        users: impl Iterator<Item = UserId>,
    ) -> Result<HashMap<UserId, Option<u64>>, StoreError> {
        let mut ids: Vec<_> = users.collect();
        ids.sort_unstable();
        ids.dedup();
        let reads: Vec<_> = ids.iter().map(|id| Cmd::hget(keys::user(*id), "epoch")).collect();
        let fields: Vec<Option<Option<Vec<u8>>>> = self.each_readable(&reads).await?;
        let epoch = |field: Option<Option<Vec<u8>>>| str::from_utf8(&field??).ok()?.parse().ok();
        Ok(ids.into_iter().zip(fields.into_iter().map(epoch)).collect())
    }
}

/// As much of a token's digest as its id shows.
fn head(key: &TokenKey) -> String {
    format!("{:016x}…", key.head())
}
