//! By what users are found and sorted: a sorted set for each order. They follow what users are at a
//! short distance, and a sweep brings them back wherever they lag.

use super::record::{self, in_pairs};
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::{User, UserId};
use crate::store::StoreError;
use redis::{Pipeline, Value, pipe};
use std::collections::BTreeSet;

/// How many users are brought up to date at once.
const CHUNK: usize = 100;
/// How often the indexes are written for users whom others change at the same time.
const ROUNDS: usize = 16;

/// What the indexes say of a user.
struct Entries {
    email: String,
    id: UserId,
    is_active: bool,
    is_staff: bool,
    last_login: i64,
    name: String,
    tokens: u64,
}

/// What one index says of some users.
type Found = Vec<Option<f64>>;

/// What the indexes are made of: name, address, whether staff, whether active, last login.
const FIELDS: [&str; 5] = ["username", "email", "is_staff", "is_active", "last_login"];

/// The values of these.
type Values = [Option<String>; 5];

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
    async fn what_is_wrong(&self, entries: &[Entries]) -> Result<Pipeline, StoreError> {
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

    async fn present_entries(&self, ids: &[UserId]) -> Result<Vec<Entries>, StoreError> {
        let mut read = pipe();
        for id in ids {
            read.hmget(keys::user(*id), &FIELDS).zcard(keys::user_tokens(*id));
        }
        let users: Vec<(Values, u64)> =
            self.link.ask::<Vec<Value>>(Request::Batch(&read)).await.and_then(in_pairs)?;
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
        let mut read = pipe();
        for member in members {
            read.hmget(keys::user(number(member)), &FIELDS);
        }
        if members.is_empty() {
            return Ok(());
        }
        let users: Vec<Values> = self.link.ask(Request::Batch(&read)).await?;
        let mut remove = pipe();
        let mut removed = Vec::new();
        for (member, values) in members.iter().zip(users) {
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

/// How many indexes there are.
const ALL: usize = 6;

impl Entries {
    fn of(user: &User) -> Self {
        Self {
            email: user.email.as_str().to_owned(),
            id: user.id,
            is_active: user.is_active,
            is_staff: user.is_staff,
            last_login: user.last_login.map_or(-1, crate::clock::Timestamp::micros),
            name: user.username.as_str().to_owned(),
            tokens: 0,
        }
    }

    /// `None` if the user is gone, or cannot be read.
    fn read(id: UserId, values: Values, tokens: u64) -> Option<Self> {
        let [name, email, is_staff, is_active, last_login] = values;
        Some(Self {
            email: email?,
            id,
            is_active: is_active? == record::flag(true),
            is_staff: is_staff? == record::flag(true),
            last_login: last_login.map_or(Some(-1), |moment| moment.parse().ok())?,
            name: name?,
            tokens,
        })
    }

    /// The indexes, with what stands for the user there and its score; `None` if it should not be
    /// there.
    fn all(&self) -> [(&'static str, String, Option<String>); ALL] {
        let number = self.id.to_string();
        let if_so = |is_so: bool| is_so.then(|| number.clone());
        [
            (keys::BY_NAME, by_text(&self.name, self.id), Some("0".to_owned())),
            (keys::BY_EMAIL, by_text(&self.email, self.id), Some("0".to_owned())),
            (keys::STAFF, number.clone(), if_so(self.is_staff)),
            (keys::INACTIVE, number.clone(), if_so(!self.is_active)),
            (keys::BY_LOGIN, padded(self.id), Some(self.last_login.to_string())),
            (keys::BY_TOKENS, padded(self.id), Some(self.tokens.to_string())),
        ]
    }

    fn write(&self, write: &mut Pipeline, is_wanted: impl Fn(usize) -> bool) {
        for (place, (key, member, score)) in self.all().into_iter().enumerate() {
            match score {
                _ if !is_wanted(place) => {}
                Some(score) => {
                    write.zadd(key, member, score).ignore();
                }
                None => {
                    write.zrem(key, member).ignore();
                }
            }
        }
    }

    /// Takes back what was written of a user who is otherwise now, or gone.
    fn withdraw(&self, write: &mut Pipeline, present: Option<&Self>) {
        let address = by_text(&self.email, self.id);
        match present {
            Some(present) if by_text(&present.email, self.id) == address => {}
            Some(_) => {
                write.zrem(keys::BY_EMAIL, address).ignore();
            }
            None => {
                write.zrem(keys::BY_EMAIL, address).ignore();
                write.zrem(keys::BY_NAME, by_text(&self.name, self.id)).ignore();
                unindex_number(write, self.id);
            }
        }
    }

    fn repair(&self, write: &mut Pipeline, found: &[Option<f64>]) {
        let all = self.all();
        let is_wrong = |place: usize| {
            let should = all.get(place).and_then(|(_, _, score)| score.as_deref());
            let is = found.get(place).copied().flatten();
            should.and_then(|score| score.parse::<f64>().ok()) != is
        };
        self.write(write, is_wrong);
    }
}

fn unindex_number(write: &mut Pipeline, id: UserId) {
    for key in [keys::STAFF, keys::INACTIVE] {
        write.zrem(key, id.0).ignore();
    }
    for key in [keys::BY_LOGIN, keys::BY_TOKENS] {
        write.zrem(key, padded(id)).ignore();
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
