//! Taking over what has changed in a store that this one follows, while gateways may write to it.

use super::archive::{self, note_last_number};
use super::{deleted, file, items, limits, old_digests, rows, tokens, users};
use crate::model::user::{User, UserId};
use crate::store::follow::Delta;
use crate::store::{Item, StoreError};
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::Path;
use std::time::Duration;

/// Who writes down what has changed.
pub(in crate::store) struct Carrier(Connection);

impl Carrier {
    /// How long to wait for those who write to the file.
    const PATIENCE: Duration = Duration::from_secs(10);

    pub(in crate::store) fn open(path: &Path) -> Result<Self, StoreError> {
        let db = file::open(path)?;
        db.busy_timeout(Self::PATIENCE)?;
        Ok(Self(db))
    }

    /// Takes over what has changed of a user, in one step. It does not if somebody else has their name.
    pub(in crate::store) fn carry_over(&mut self, delta: &Delta<'_>) -> Result<bool, StoreError> {
        let step = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let user = delta.user;
        let sql = "SELECT id FROM users WHERE username = ?1 AND id <> ?2";
        let columns = params![user.username.as_str(), user.id];
        if rows::first(&step, sql, columns, |_| Ok(()))?.is_some() {
            return Ok(false);
        }
        let epoch = put_user(&step, user)?;
        for digest in &delta.ended {
            rows::execute(&step, "DELETE FROM tokens WHERE digest = ?1", [digest])?;
        }
        // Whoever has ended all their tokens here meanwhile has ended these, too.
        for (record, about) in delta.added.iter().filter(|(record, _)| record.epoch == epoch) {
            tokens::insert(&step, record, about)?;
            let mut old = delta.old_digests.iter().filter(|old| old.digest == record.digest);
            old.try_for_each(|old| old_digests::put(&step, old))?;
        }
        limits::put_familiar(&step, user.id, delta.familiar)?;
        step.commit()?;
        Ok(true)
    }

    pub(in crate::store) fn delete(&mut self, id: UserId) -> Result<(), StoreError> {
        let step = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        users::delete(&step, id)?;
        Ok(step.commit()?)
    }

    /// Notes who was deleted, of those who are not there.
    pub(in crate::store) fn note_deleted(&mut self, ids: &[UserId]) -> Result<(), StoreError> {
        let step = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "INSERT OR IGNORE INTO deleted_users (id)
                   SELECT ?1 WHERE ?1 NOT IN (SELECT id FROM users)";
        ids.iter().try_for_each(|id| rows::execute(&step, sql, [id]).map(drop))?;
        Ok(step.commit()?)
    }

    pub(in crate::store) fn put_item(&self, item: &Item) -> Result<(), StoreError> {
        items::put(&self.0, item)
    }

    pub(in crate::store) fn remove_item(&self, item: &Item) -> Result<(), StoreError> {
        items::remove(&self.0, item.kind, &item.key).map(drop)
    }

    pub(in crate::store) fn give_no_number_to(&self, last: u64) -> Result<(), StoreError> {
        note_last_number(&self.0, rows::integer(last))
    }
}

/// Writes a user down, and says their epoch now: it never goes back.
fn put_user(db: &Connection, user: &User) -> Result<u64, StoreError> {
    let epoch = users::find(db, user.id)?.map_or(user.epoch, |known| known.epoch.max(user.epoch));
    archive::put_user(db, &User { epoch, ..user.clone() })?;
    deleted::forget(db, user.id)?;
    Ok(epoch)
}
