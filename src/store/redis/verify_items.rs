//! What is wrong with items: what belongs to no user any more, and what cannot be read.

use super::request::Request;
use super::verify::Found;
use super::{RedisStore, keys};
use crate::model::user::UserId;
use crate::store::whole::Finding;
use crate::store::{ItemKind, StoreError};
use redis::Cmd;
use std::collections::BTreeMap;

impl RedisStore {
    pub(super) async fn look_at_items(&self, found: &mut Found) -> Result<(), StoreError> {
        for kind in ItemKind::ALL {
            let all = Cmd::hgetall(keys::items(kind));
            let items = self.each_readable::<BTreeMap<Vec<u8>, Vec<u8>>>(&[all]).await?;
            let Some(Some(items)) = items.into_iter().next() else {
                let words =
                    format!("what should be items of kind {} is something else", kind.as_str());
                found.insert(Finding::serious(words), None);
                continue;
            };
            for (key, text) in items {
                let read = super::items::read_raw(kind, &key, &text);
                let shown: String = hex::encode(&key).chars().take(16).collect();
                let Some(item) = read else {
                    let words =
                        format!("an item of kind {} cannot be read: {shown}…", kind.as_str());
                    found.insert(Finding::serious(words), None);
                    continue;
                };
                let Some(owner) = item.owner else { continue };
                if !self.is_there(owner).await? {
                    let kind = kind.as_str();
                    let words = format!(
                        "an item of kind {kind} is of user {owner}, who is not there: {shown}…"
                    );
                    found.insert(Finding::mendable(words), None);
                }
            }
        }
        Ok(())
    }

    pub(super) async fn is_there(&self, id: UserId) -> Result<bool, StoreError> {
        self.link.ask(Request::Command(&Cmd::exists(keys::user(id)))).await
    }
}
