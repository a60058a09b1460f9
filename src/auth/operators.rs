//! That there is always someone who can sign in at the console.

use super::issue::random_bytes;
use super::{Auth, ManageError};
use crate::clock::Timestamp;
use crate::model::event::Actor;
use crate::model::user::User;
use crate::store::{Item, ItemKind};
use std::time::Duration;

/// The key of the lock.
const KEY: &str = "operators";
/// After which time a lock counts as left behind by a process that has died.
const LASTS: Duration = Duration::from_secs(30);
/// The part of that time in which whoever has the lock may begin to change something.
const USABLE: Duration = Duration::from_secs(15);
/// How long one waits for another to be done.
const PATIENCE: Duration = Duration::from_secs(3);
/// How soon one looks again.
const GLANCE: Duration = Duration::from_millis(20);

/// Held while the number of operators may become smaller, or the first one is made: of all gateways
/// and command lines one at a time.
#[must_use = "the lock is released, or others wait until it runs out"]
pub(super) struct OperatorsLock {
    item: Item,
    /// Until when something may be begun under it.
    usable: Timestamp,
}

impl Auth {
    /// Lets a user be deactivated, demoted or deleted, unless nobody else could sign in at the console
    /// then, or they would do it to themselves there. Until the lock is released no other operator
    /// goes.
    pub(super) async fn keep_an_operator(
        &self,
        user: &User,
        by: &Actor,
    ) -> Result<OperatorsLock, ManageError> {
        if by.operator() == Some(&user.username) {
            return Err(ManageError::OwnAccount);
        }
        let is_operator = |user: &User| user.is_active && user.is_staff;
        // Of whoever is no operator too: they may become one before it is done, and others count on them.
        let lock = self.lock_operators().await?;
        let checked = async {
            let now = self.store.user(user.id).await?;
            let is_needed = now.as_ref().is_some_and(is_operator);
            if is_needed && !self.store.has_operator(Some(user.id)).await? {
                return Err(ManageError::LastOperator(user.username.to_string()));
            }
            if self.clock.now() >= lock.usable {
                return Err(ManageError::OperatorsBusy);
            }
            Ok(())
        };
        if let Err(error) = checked.await {
            lock.release(self).await;
            return Err(error);
        }
        Ok(lock)
    }

    /// Waits until nobody else changes who is an operator.
    pub(super) async fn lock_operators(&self) -> Result<OperatorsLock, ManageError> {
        let value = hex::encode(random_bytes::<16>()?);
        let begun = self.clock.instant();
        loop {
            let now = self.clock.now();
            let item = Item {
                expires: Some(now.plus(LASTS)),
                key: KEY.to_owned(),
                kind: ItemKind::Lock,
                owner: None,
                value: value.clone(),
            };
            if self.store.add_item(&item, now).await? {
                return Ok(OperatorsLock { item, usable: now.plus(USABLE) });
            }
            if self.clock.instant().saturating_duration_since(begun) >= PATIENCE {
                return Err(ManageError::OperatorsBusy);
            }
            tokio::time::sleep(GLANCE).await;
        }
    }
}

impl OperatorsLock {
    /// Lets others go on: unless it ran out, and another has it now.
    pub(super) async fn release(self, auth: &Auth) {
        let over = Item { expires: Some(auth.clock.now()), ..self.item };
        if let Err(error) = auth.store.replace_item(&over.value.clone(), &over).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "who is staff cannot be changed for some seconds");
        }
    }

    /// Whether something may still be begun under it.
    pub(super) fn is_usable(&self, auth: &Auth) -> bool {
        auth.clock.now() < self.usable
    }
}
