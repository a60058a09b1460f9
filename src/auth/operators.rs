//! That there is always someone who can sign in at the console.

use super::issue::random_bytes;
use super::{Auth, ManageError};
use crate::model::event::Actor;
use crate::model::user::{User, UserChange, UserId};
use crate::store::{Lock, Spared, StoreError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// What the lock is called.
const NAME: &str = "operators";
/// After which time a lock counts as left behind by a process that has died.
const LASTS: Duration = Duration::from_secs(30);
/// The part of that time in which whoever has the lock may begin to change something.
const USABLE: Duration = Duration::from_secs(15);
/// How long one waits for another to be done.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long whoever waits has all users looked at for an operator.
pub(super) const LOOK_FOR: Duration = Duration::from_secs(5);
/// How soon one looks again.
const GLANCE: Duration = Duration::from_millis(20);

/// Held while the number of operators may become smaller, or the first one is made: of all gateways
/// and command lines one at a time.
#[must_use = "the lock is released, or others wait until it runs out"]
pub(super) struct OperatorsLock {
    lock: Lock,
    /// Until when something may be begun under it, on a scale that nobody sets.
    usable: Instant,
}

/// What takes an operator away, if it is done to one.
#[derive(Clone)]
pub(super) enum Parting {
    /// A change after which they are none.
    Change(UserChange),
    /// The end of the account.
    Deletion,
}

/// Whether a user may sign in at the console, if they know their password.
pub(super) fn is_operator(user: &User) -> bool {
    user.is_active && user.is_staff && user.username.is_sound()
}

impl Auth {
    /// Deactivates, demotes or deletes a user, unless nobody else could sign in at the console then, or
    /// they would do it to themselves there. The user after that, and how many keys of theirs ended
    /// before.
    ///
    /// Only for an operator the lock is taken, so that thousands of others do not queue for it: whoever
    /// is none is spared by the store, should they have become one by then.
    pub(super) async fn part(
        &self,
        user: &User,
        parting: Parting,
        by: &Actor,
    ) -> Result<(User, usize), ManageError> {
        if by.operator() == Some(&user.username) {
            return Err(ManageError::OwnAccount);
        }
        if !is_operator(user) {
            match self.part_from_other(user, parting.clone()).await? {
                Spared::Done(user) => return Ok((user, 0)),
                Spared::Gone => return Err(gone(user)),
                Spared::Operator => {}
            }
        }
        let lock = self.lock_operators().await?;
        let parted = self.part_under(&lock, user, parting, by).await;
        lock.release(self).await;
        parted
    }

    async fn part_from_other(
        &self,
        user: &User,
        parting: Parting,
    ) -> Result<Spared<User>, StoreError> {
        match parting {
            Parting::Change(change) => {
                let change = self.store.change_other(user.id, change);
                let did = |changed: &Spared<_>| matches!(changed, Spared::Done(_));
                self.ending_tokens_of(user, change, did).await
            }
            Parting::Deletion => {
                let deletion = self.store.delete_other(user.id);
                let did = |deleted: &Spared<_>| matches!(deleted, Spared::Done(()));
                Ok(match self.deleting(user, deletion, did).await? {
                    Spared::Done(()) => Spared::Done(user.clone()),
                    Spared::Gone => Spared::Gone,
                    Spared::Operator => Spared::Operator,
                })
            }
        }
    }

    async fn part_under(
        &self,
        lock: &OperatorsLock,
        user: &User,
        parting: Parting,
        by: &Actor,
    ) -> Result<(User, usize), ManageError> {
        let now = self.store.user(user.id).await?.ok_or_else(|| gone(user))?;
        if is_operator(&now) && !self.has_operator(Some(user.id)).await? {
            return Err(ManageError::LastOperator(user.username.to_string()));
        }
        // Keys end first: none is good again when the change is taken back. Those of a deleted user go
        // with them.
        let ended = match parting {
            Parting::Change(_) => self.end_keys(user, by.clone()).await?,
            Parting::Deletion => 0,
        };
        // Right before it is done: however long the rest took, nobody else has the lock meanwhile.
        if !lock.is_usable(self) {
            return Err(ManageError::OperatorsBusy);
        }
        let parted = match parting {
            Parting::Change(change) => {
                self.ending_tokens_of(
                    user,
                    self.store.change_user(user.id, change),
                    Option::is_some,
                )
                .await?
            }
            Parting::Deletion => self
                .deleting(user, self.store.delete_user(user.id), |done| *done)
                .await?
                .then_some(now),
        };
        Ok((parted.ok_or_else(|| gone(user))?, ended))
    }

    /// Whether somebody could sign in at the console, beside one user perhaps. An error if that cannot be
    /// told while somebody waits.
    pub(super) async fn has_operator(&self, beside: Option<UserId>) -> Result<bool, StoreError> {
        let found = timeout(LOOK_FOR, self.store.has_operator(beside)).await;
        let late = |_| Err(StoreError::unavailable("to look at all users takes too long"));
        found.unwrap_or_else(late)
    }

    /// Waits until nobody else changes who is an operator.
    pub(super) async fn lock_operators(&self) -> Result<OperatorsLock, ManageError> {
        let holder = hex::encode(random_bytes::<16>()?);
        let lock = Lock { holder, lasts: LASTS, name: NAME };
        let begun = self.clock.instant();
        loop {
            let asked = self.clock.instant();
            if self.store.take_lock(&lock, self.clock.now()).await? {
                return Ok(OperatorsLock { lock, usable: asked + USABLE });
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
        if let Err(error) = auth.store.release_lock(&self.lock).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "who is staff cannot be changed for some seconds");
        }
    }

    /// Whether something may still be begun under it.
    pub(super) fn is_usable(&self, auth: &Auth) -> bool {
        auth.clock.instant() < self.usable
    }
}

fn gone(user: &User) -> ManageError {
    ManageError::NoSuchUser(user.username.to_string())
}
