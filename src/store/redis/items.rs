//! Small things for the console: a hash for each kind. A field is the end, the owner and the value.

use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::user::UserId;
use crate::store::{Item, ItemKind, StoreError};
use redis::{Cmd, pipe};
use std::collections::{BTreeMap, HashSet};

/// How many are looked at or dropped at once.
const CHUNK: usize = 100;
/// What stands for an end that never comes, and for an owner that nobody is.
const NEVER: &str = "-";

impl RedisStore {
    pub(super) async fn keep_item(&self, item: &Item) -> Result<(), StoreError> {
        let put = Cmd::hset(keys::items(item.kind), &item.key, text(item));
        self.link.ask(Request::Command(&put)).await
    }

    pub(super) async fn keep_new_item(
        &self,
        item: &Item,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut add = self.scripts.add_item.key(keys::items(item.kind));
        add.arg(&item.key).arg(text(item)).arg(now.micros());
        self.link.ask_once(Request::Script(&add)).await
    }

    pub(super) async fn change_item(&self, value: &str, item: &Item) -> Result<bool, StoreError> {
        let mut replace = self.scripts.replace_item.key(keys::items(item.kind));
        replace.arg(&item.key).arg(value).arg(text(item));
        self.link.ask_once(Request::Script(&replace)).await
    }

    pub(super) async fn read_item(
        &self,
        kind: ItemKind,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Item>, StoreError> {
        let get = Cmd::hget(keys::items(kind), key);
        let text: Result<Option<String>, _> = self.link.ask(Request::Command(&get)).await;
        let item = text
            .and_then(|text| text.map(|text| read(kind, key.to_owned(), &text)).transpose())
            .map_err(|error| error.of(kind.as_str(), key))?;
        Ok(item.filter(|item| item.lives(now)))
    }

    pub(super) async fn list_items(
        &self,
        kind: ItemKind,
        now: Timestamp,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = self.all_items(kind).await?;
        items.retain(|item| item.lives(now));
        Ok(items)
    }

    /// In order of key, but those that cannot be read.
    async fn all_items(&self, kind: ItemKind) -> Result<Vec<Item>, StoreError> {
        let all = Cmd::hgetall(keys::items(kind));
        let fields: BTreeMap<Vec<u8>, Vec<u8>> = self.link.ask(Request::Command(&all)).await?;
        let items = fields.into_iter().map(|(key, text)| {
            let texts = String::from_utf8(key.clone()).ok().zip(String::from_utf8(text).ok());
            texts.and_then(|(name, text)| read(kind, name, &text).ok()).ok_or(key)
        });
        Ok(self.unreadable.pass_over(kind, items))
    }

    /// The same, and none if what is there is no collection of items at all.
    async fn all_readable(&self, kind: ItemKind) -> Result<Vec<Item>, StoreError> {
        match self.all_items(kind).await {
            Err(StoreError::Corrupt { .. }) => {
                self.unreadable.tell(kind, "");
                Ok(Vec::new())
            }
            items => items,
        }
    }

    pub(super) async fn drop_item(&self, kind: ItemKind, key: &str) -> Result<bool, StoreError> {
        self.link.end(Request::Command(&Cmd::hdel(keys::items(kind), key)), false).await
    }

    pub(super) async fn drop_items_of(&self, owner: UserId) -> Result<(), StoreError> {
        for kind in ItemKind::ALL {
            let mut items = self.all_readable(kind).await?;
            items.retain(|item| item.owner == Some(owner));
            self.drop_items(kind, &items).await?;
        }
        Ok(())
    }

    /// Drops what has ended, and what was a user's who is gone.
    pub(super) async fn sweep_items(&self, now: Timestamp) -> Result<(), StoreError> {
        for kind in ItemKind::ALL {
            let mut items = self.all_readable(kind).await?;
            let owners: HashSet<_> = items.iter().filter_map(|item| item.owner).collect();
            let owners: Vec<_> = owners.into_iter().collect();
            let mut gone = HashSet::new();
            for chunk in owners.chunks(CHUNK) {
                let mut look = pipe();
                for owner in chunk {
                    look.exists(keys::user(*owner));
                }
                let exist: Vec<bool> = self.link.ask(Request::Batch(&look)).await?;
                let missing = chunk.iter().zip(exist).filter(|(_, exists)| !exists);
                gone.extend(missing.map(|(owner, _)| *owner));
            }
            let is_gone = |owner: UserId| gone.contains(&owner);
            items.retain(|item| !item.lives(now) || item.owner.is_some_and(is_gone));
            self.drop_items(kind, &items).await?;
        }
        Ok(())
    }

    /// Those that were replaced meanwhile stay.
    async fn drop_items(&self, kind: ItemKind, items: &[Item]) -> Result<(), StoreError> {
        for item in items {
            let mut drop = self.scripts.replace_item.key(keys::items(kind));
            drop.arg(&item.key).arg(&item.value).arg("");
            self.link.ask::<()>(Request::Script(&drop)).await?;
        }
        Ok(())
    }
}

fn text(item: &Item) -> String {
    let expires = item.expires.map_or_else(|| NEVER.to_owned(), |end| end.micros().to_string());
    let owner = item.owner.map_or_else(|| NEVER.to_owned(), |owner| owner.to_string());
    format!("{expires} {owner} {}", item.value)
}

/// Reads what a field says; `None` if it says nothing that has a meaning.
pub(super) fn read_raw(kind: ItemKind, key: &[u8], text: &[u8]) -> Option<Item> {
    let (key, text) = (std::str::from_utf8(key).ok()?, std::str::from_utf8(text).ok()?);
    read(kind, key.to_owned(), text).ok()
}

fn read(kind: ItemKind, key: String, text: &str) -> Result<Item, StoreError> {
    let problem = || StoreError::Corrupt {
        what: "item",
        problem: "it is not an end, an owner and a value".to_owned(),
    };
    let mut words = text.splitn(3, ' ');
    let mut number = || match words.next() {
        Some(NEVER) => Ok(None),
        Some(digits) => digits.parse::<i64>().map(Some).map_err(|_| problem()),
        None => Err(problem()),
    };
    let (expires, owner) = (number()?, number()?);
    Ok(Item {
        expires: expires.map(Timestamp::from_micros),
        key,
        kind,
        owner: owner.map(|id| u64::try_from(id).map(UserId).map_err(|_| problem())).transpose()?,
        value: words.next().ok_or_else(problem)?.to_owned(),
    })
}
