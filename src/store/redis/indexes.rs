//! By what users are found and sorted: a sorted set for each order. They follow what users are at a
//! short distance, and a sweep brings them back wherever they lag.

use super::index_entries::{ALL, Entries, FIELDS, Values, unindex_number};
use super::record::in_parts;
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::{User, UserId};
use crate::store::StoreError;
use redis::{Cmd, Pipeline, Value, pipe};
use std::collections::BTreeSet;

/// How many users are brought up to date at once.
const CHUNK: usize = 100;
/// How often the indexes are written for users whom others change at the same time.
const ROUNDS: usize = 16;

/// What one index says of some users.
type Found = Vec<Option<f64>>;

impl RedisStore {
    /// Puts a new user on the indexes.
    pub(super) async fn index_user(&self, user: &User) -> Result<(), StoreError> {
        let mut write = pipe();
        Entries::of(user).write(&mut write, |_| true);
        self.link.ask::<()>(Request::Batch(&write)).await?;
        self.settle(user, BTreeSet::from([folded(user.email.as_str())])).await
    }

    /// What has changed of a user.
    pub(super) async fn reindex_user(&self, before: &User, after: &User) -> Result<(), StoreError> {
        let addresses = [before, after].map(|user| folded(user.email.as_str()));
        self.settle(after, BTreeSet::from(addresses)).await
    }

    /// Has the indexes say of a user what their record says, and looks again after each write: of
    /// many who do so at once, the last one sees and leaves what is so. `addresses` are those that
    /// the indexes may have of the user.
    async fn settle(&self, user: &User, mut addresses: BTreeSet<String>) -> Result<(), StoreError> {
        let mut gone = BTreeSet::new();
        for _ in 0..ROUNDS {
            let present = self.present_entries(&[user.id]).await?;
            let Some(entries) = present.first() else {
                return self.unindex_all(user, &addresses).await;
            };
            let address = folded(&entries.email);
            gone.remove(&address);
            addresses.insert(address.clone());
            let mut write = self.what_is_wrong(&present).await?;
            let past = addresses.iter().filter(|past| **past != address && !gone.contains(*past));
            let past: Vec<_> = past.cloned().collect();
            for past in past {
                write.zrem(keys::BY_EMAIL, by_text(&past, user.id)).ignore();
                gone.insert(past);
            }
            if write.is_empty() {
                return Ok(());
            }
            self.link.ask::<()>(Request::Batch(&write)).await?;
        }
        Err(StoreError::unavailable("the user changes all the time"))
    }

    /// Takes a user who is gone from the indexes.
    pub(super) async fn unindex_user(&self, user: &User) -> Result<(), StoreError> {
        self.unindex_all(user, &BTreeSet::from([folded(user.email.as_str())])).await
    }

    async fn unindex_all(
        &self,
        user: &User,
        addresses: &BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let mut write = pipe();
        write.zrem(keys::BY_NAME, by_text(user.username.as_str(), user.id)).ignore();
        for address in addresses {
            write.zrem(keys::BY_EMAIL, by_text(address, user.id)).ignore();
        }
        unindex_number(&mut write, user.id);
        self.link.ask(Request::Batch(&write)).await
    }

    /// Takes all that can be told from the number of a user who is gone.
    pub(super) async fn unindex(&self, id: UserId) -> Result<(), StoreError> {
        let mut write = pipe();
        unindex_number(&mut write, id);
        self.link.ask(Request::Batch(&write)).await
    }

    /// Brings the indexes up to date for some users. Writes only what is not so yet, and looks again
    /// after that: someone may have changed them meanwhile.
    pub(super) async fn repair_users(&self, ids: &[UserId]) -> Result<(), StoreError> {
        for chunk in ids.chunks(CHUNK) {
            let mut written: Vec<Entries> = Vec::new();
            for _ in 0..ROUNDS {
                let entries = self.present_entries(chunk).await?;
                let mut write = self.what_is_wrong(&entries).await?;
                for past in &written {
                    past.withdraw(&mut write, entries.iter().find(|entry| entry.id == past.id));
                }
                if write.is_empty() {
                    break;
                }
                self.link.ask::<()>(Request::Batch(&write)).await?;
                written = entries;
            }
        }
        Ok(())
    }

    /// What has to be written so that the indexes say this of users.
    pub(super) async fn what_is_wrong(&self, entries: &[Entries]) -> Result<Pipeline, StoreError> {
        let mut write = pipe();
        if entries.is_empty() {
            return Ok(write);
        }
        let all: Vec<_> = entries.iter().map(Entries::all).collect();
        let mut look = pipe();
        for place in 0..ALL {
            let of_index = all.iter().filter_map(|entry| entry.get(place));
            let (keys, members): (Vec<_>, Vec<_>) =
                of_index.map(|(key, member, _)| (*key, member.as_str())).unzip();
            look.cmd("ZMSCORE").arg(keys.first()).arg(members);
        }
        let found: Vec<Found> = self.link.ask(Request::Batch(&look)).await?;
        for (at, entry) in entries.iter().enumerate() {
            let found = found.iter().map(|scores| scores.get(at).copied().flatten());
            entry.repair(&mut write, &found.collect::<Vec<_>>());
        }
        Ok(write)
    }

    pub(super) async fn present_entries(&self, ids: &[UserId]) -> Result<Vec<Entries>, StoreError> {
        let mut read = pipe();
        for id in ids {
            read.hmget(keys::user(*id), &FIELDS).zcard(keys::user_tokens(*id));
        }
        let answers: Vec<Value> = self.link.ask(Request::Batch(&read)).await?;
        let users: Vec<(Values, u64)> = in_parts(answers, 2)?;
        let pairs = ids.iter().zip(users);
        Ok(pairs.filter_map(|(id, (values, tokens))| Entries::read(*id, values, tokens)).collect())
    }

    /// Drops what the indexes say of users who are gone or not so any more, as far as it can be found
    /// out at little cost: where there is more on one than there are users.
    pub(super) async fn prune_indexes(&self) -> Result<(), StoreError> {
        let all = [keys::BY_NAME, keys::BY_EMAIL, keys::BY_LOGIN, keys::BY_TOKENS];
        let mut count = pipe();
        count.zcard(keys::USERS);
        for key in all {
            count.zcard(key);
        }
        let counts: Vec<u64> = self.link.ask(Request::Batch(&count)).await?;
        let users = counts.first().copied().unwrap_or_default();
        let longer = all.into_iter().zip(counts.into_iter().skip(1));
        let longer = longer.filter(|(_, count)| *count > users).map(|(key, _)| key);
        for key in longer.chain([keys::STAFF, keys::INACTIVE]) {
            self.prune(key).await?;
        }
        Ok(())
    }

    async fn prune(&self, key: &'static str) -> Result<(), StoreError> {
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("ZSCAN");
            scan.arg(key).arg(cursor).arg("COUNT").arg(CHUNK);
            let (next, found): (u64, Vec<(String, f64)>) =
                self.link.ask(Request::Command(&scan)).await?;
            let members: Vec<_> = found.into_iter().map(|(member, _)| member).collect();
            self.prune_members(key, &members).await?;
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    async fn prune_members(&self, key: &str, members: &[String]) -> Result<(), StoreError> {
        let reads = members.iter().map(|member| Cmd::hmget(keys::user(number(member)), &FIELDS));
        let users: Vec<Option<Values>> = self.each_readable(&reads.collect::<Vec<_>>()).await?;
        let mut remove = pipe();
        let mut removed = Vec::new();
        for (member, values) in members.iter().zip(users) {
            // What cannot be read may be so still.
            let Some(values) = values else { continue };
            let entries = Entries::read(number(member), values, 0);
            let is_so = entries.is_some_and(|entries| {
                entries
                    .all()
                    .iter()
                    .any(|(of, is, score)| *of == key && is == member && score.is_some())
            });
            if !is_so {
                remove.zrem(key, member).ignore();
                removed.push(number(member));
            }
        }
        if remove.is_empty() {
            return Ok(());
        }
        self.link.ask::<()>(Request::Batch(&remove)).await?;
        // It may have become so since it was read.
        self.repair_users(&removed).await
    }
}

/// A text by which users are sorted, whatever the case of its ASCII letters.
pub(super) fn folded(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// What stands for a user where they are sorted by a text.
pub(super) fn by_text(text: &str, id: UserId) -> String {
    format!("{}\0{}", folded(text), padded(id))
}

/// A number that sorts as text as it does as a number.
pub(super) fn padded(id: UserId) -> String {
    format!("{:020}", id.0)
}

/// Whose entry it is; a number that nobody has, if that cannot be told.
pub(super) fn number(member: &str) -> UserId {
    let digits = member.rsplit_once('\0').map_or(member, |(_, digits)| digits);
    UserId(digits.parse().unwrap_or(0))
}
