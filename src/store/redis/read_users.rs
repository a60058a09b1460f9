//! Many users, read at once, and what of them is on a page.

use super::link::Request;
use super::record::{self, Fields};
use super::{RedisStore, keys};
use crate::model::user::{User, UserId};
use crate::store::{Cursor, StoreError};
use redis::{Cmd, pipe};

/// How many users are gathered and sorted at most, and how many a walk looks at before it ends with a
/// short page.
pub(super) const MOST: usize = 5_000;
/// How many it looks at before it ends with an empty one.
const FURTHEST: usize = 4 * MOST;

/// Some of the users who are wanted.
#[derive(Default)]
pub(super) struct Found {
    pub next: Option<Cursor>,
    /// Those whose record cannot be read.
    pub unreadable: Vec<UserId>,
    pub users: Vec<User>,
}

impl Found {
    /// How many rows of a page it has.
    pub(super) fn rows(&self) -> usize {
        self.users.len() + self.unreadable.len()
    }

    /// Whether so many were looked at that the page ends: sooner if there is something on it.
    pub(super) fn ends_after(&self, seen: usize) -> bool {
        seen >= FURTHEST || (seen >= MOST && self.rows() > 0)
    }

    /// The same, with the place where the next page begins.
    pub(super) fn until(self, next: Option<Cursor>) -> Self {
        Self { next, ..self }
    }
}

impl RedisStore {
    /// Those of the users who exist, and those whose record cannot be read.
    pub(super) async fn read_users(
        &self,
        ids: &[UserId],
    ) -> Result<(Vec<User>, Vec<UserId>), StoreError> {
        let (mut users, mut unreadable) = (Vec::new(), Vec::new());
        let mut read = pipe();
        for id in ids {
            read.hgetall(keys::user(*id));
        }
        if ids.is_empty() {
            return Ok((users, unreadable));
        }
        let hashes = match self.link.ask::<Vec<Fields>>(Request::Batch(&read)).await {
            Ok(hashes) => hashes.into_iter().map(Some).collect(),
            // One of them is nonsense, and must not hide the others.
            Err(StoreError::Corrupt { .. }) => self.read_each(ids).await?,
            Err(error) => return Err(error),
        };
        for (id, fields) in ids.iter().zip(hashes) {
            match fields.map(|fields| record::user(*id, &fields)) {
                Some(Ok(user)) => users.extend(user),
                Some(Err(_)) | None => unreadable.push(*id),
            }
        }
        Ok((users, unreadable))
    }

    /// The records one after the other; `None` for one that is none.
    async fn read_each(&self, ids: &[UserId]) -> Result<Vec<Option<Fields>>, StoreError> {
        let mut hashes = Vec::with_capacity(ids.len());
        for id in ids {
            let read = Cmd::hgetall(keys::user(*id));
            hashes.push(match self.link.ask(Request::Command(&read)).await {
                Err(StoreError::Corrupt { .. }) => None,
                fields => Some(fields?),
            });
        }
        Ok(hashes)
    }

    /// An insertion that stopped half-way, or lost the name, left a user who does not own theirs.
    pub(super) async fn drop_nameless(&self, users: &mut Vec<User>) -> Result<(), StoreError> {
        let mut find = pipe();
        for user in users.iter() {
            find.get(keys::name(&user.username));
        }
        if users.is_empty() {
            return Ok(());
        }
        let owners: Vec<Option<u64>> = self.link.ask(Request::Batch(&find)).await?;
        let mut owners = owners.into_iter();
        users.retain(|user| {
            let owner = owners.next().flatten();
            owner == Some(user.id.0) || !user.username.is_sound()
        });
        Ok(())
    }
}
