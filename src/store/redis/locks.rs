//! What only one may do at a time: a key with the name of the holder, which the server ends by its own
//! clock.

use super::request::Request;
use super::{RedisStore, keys};
use crate::store::{Lock, StoreError};

impl RedisStore {
    pub(super) async fn take_or_cap_lock(&self, lock: &Lock) -> Result<bool, StoreError> {
        let lasts = u64::try_from(lock.lasts.as_millis()).unwrap_or(u64::MAX);
        let mut take = self.scripts.take_lock.key(keys::lock(lock.name));
        take.arg(&lock.holder).arg(lasts);
        self.link.end(Request::Script(&take), false).await
    }

    /// Says whether it was there to be renewed.
    pub(super) async fn renew_lock(&self, lock: &Lock) -> Result<bool, StoreError> {
        let lasts = u64::try_from(lock.lasts.as_millis()).unwrap_or(u64::MAX);
        let mut renew = self.scripts.renew_lock.key(keys::lock(lock.name));
        renew.arg(&lock.holder).arg(lasts);
        self.link.ask(Request::Script(&renew)).await
    }

    pub(super) async fn drop_lock(&self, lock: &Lock) -> Result<(), StoreError> {
        let mut release = self.scripts.release_lock.key(keys::lock(lock.name));
        release.arg(&lock.holder);
        self.link.ask(Request::Script(&release)).await
    }
}
