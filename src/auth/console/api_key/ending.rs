//! The end of keys: of one, and of all that an operator has.

use super::{ApiKey, KeyError};
use crate::auth::{Auth, AuthError, ManageError};
use crate::model::event::{Actor, Event, EventName};
use crate::model::user::User;
use crate::store::{Item, ItemKind, StoreError};

impl Auth {
    /// Ends a key of an operator.
    pub async fn revoke_key(&self, owner: &User, id: &str, by: Actor) -> Result<ApiKey, KeyError> {
        let items = self.store.items(ItemKind::ApiKey, self.clock.now()).await?;
        let is_it =
            |item: &&Item| item.owner == Some(owner.id) && item.key.get(..ApiKey::ID) == Some(id);
        let item = items.iter().find(is_it).ok_or(KeyError::NoSuchKey)?;
        let key = ApiKey::read(item)?;
        if !self.end_item(ItemKind::ApiKey, &item.key).await? {
            return Err(KeyError::NoSuchKey);
        }
        let event = Event::new(EventName::ApiKeyRevoked, by, self.clock.now()).of(owner);
        self.events.record(event.with(format!("{} ({})", key.name, key.id)));
        Ok(key)
    }

    /// Ends all keys of an operator, and says how many. What ends all that they have does so before and
    /// after: before, so that none is good again when that is taken back; after, for those that were
    /// made meanwhile.
    pub async fn end_keys(&self, owner: &User, by: Actor) -> Result<usize, AuthError> {
        let mut ended = 0;
        let items = match self.store.items(ItemKind::ApiKey, self.clock.now()).await {
            // What is there is no collection of keys: nor is any found there when it is shown.
            Err(StoreError::Corrupt { .. }) => {
                self.unreadable.tell(ItemKind::ApiKey, "");
                Vec::new()
            }
            items => items?,
        };
        for item in items.iter().filter(|item| item.owner == Some(owner.id)) {
            if !self.end_item(ItemKind::ApiKey, &item.key).await? {
                continue;
            }
            ended += 1;
            let event = self.event(EventName::ApiKeyRevoked, by.clone()).of(owner);
            self.events.record(match ApiKey::read(item) {
                Ok(key) => event.with(format!("{} ({})", key.name, key.id)),
                Err(_) => event,
            });
        }
        Ok(ended)
    }

    /// Ends the keys that were made while their owner was changed. That it cannot be done must be told:
    /// the change is made.
    pub(in crate::auth) async fn end_later_keys(
        &self,
        owner: &User,
        by: &Actor,
    ) -> Result<usize, ManageError> {
        self.end_keys(owner, by.clone()).await.map_err(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, user = %owner.id, "a key made at this moment may go on");
            ManageError::KeysMayGoOn(owner.username.to_string())
        })
    }
}
