//! The store that follows.

use super::Delta;
use crate::clock::Timestamp;
use crate::model::user::UserId;
use crate::store::redis::RedisStore;
use crate::store::sqlite::carry::Carrier;
use crate::store::{Item, Settings, Store, StoreError};

/// The store that follows.
pub(super) enum Target {
    Redis(Box<RedisStore>),
    Sqlite(Carrier),
}

impl Target {
    pub(super) fn open(settings: &Settings) -> Result<Self, StoreError> {
        Ok(match settings {
            Settings::Redis { authorities, replicas, url } => {
                let store = RedisStore::open_trusting(url, authorities.as_deref())?;
                Self::Redis(Box::new(store.ending_on(*replicas)))
            }
            Settings::Sqlite { path } => Self::Sqlite(Carrier::open(path)?),
        })
    }

    /// Takes over what has changed of a user. It does not if somebody else has their name.
    pub(super) async fn apply(&mut self, delta: &Delta<'_>) -> Result<bool, StoreError> {
        match self {
            Self::Redis(store) => store.carry_over(delta).await,
            Self::Sqlite(carrier) => carrier.carry_over(delta),
        }
    }

    pub(super) async fn delete(&mut self, id: UserId) -> Result<(), StoreError> {
        match self {
            Self::Redis(store) => store.delete_user(id).await.map(drop),
            Self::Sqlite(carrier) => carrier.delete(id),
        }
    }

    /// Notes who was deleted, of those who are not there.
    pub(super) async fn note_deleted(&mut self, ids: &[UserId]) -> Result<(), StoreError> {
        match self {
            Self::Redis(store) => store.note_deleted(ids).await,
            Self::Sqlite(carrier) => carrier.note_deleted(ids),
        }
    }

    pub(super) async fn put_item(&mut self, item: &Item) -> Result<(), StoreError> {
        match self {
            Self::Redis(store) => store.put_item(item).await,
            Self::Sqlite(carrier) => carrier.put_item(item),
        }
    }

    pub(super) async fn remove_item(&mut self, item: &Item) -> Result<(), StoreError> {
        match self {
            Self::Redis(store) => store.remove_item(item.kind, &item.key).await.map(drop),
            Self::Sqlite(carrier) => carrier.remove_item(item),
        }
    }

    pub(super) async fn give_no_number_to(&mut self, last: u64) -> Result<(), StoreError> {
        match self {
            Self::Redis(store) => store.leave_out_numbers_to(last).await,
            Self::Sqlite(carrier) => carrier.give_no_number_to(last),
        }
    }

    /// Puts in order what is done for all at once.
    pub(super) async fn tidy(&mut self, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::Redis(store) => store.sweep(store.present(now).await).await.map(drop),
            Self::Sqlite(_) => Ok(()),
        }
    }
}
