//! Many users, read at once, and what of them is on a page.

use super::record::{self, Fields};
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::{User, UserId};
use crate::store::{Cursor, StoreError};
use redis::{Cmd, FromRedisValue, pipe};

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
        let reads: Vec<_> = ids.iter().map(|id| Cmd::hgetall(keys::user(*id))).collect();
        let hashes: Vec<Option<Fields>> = self.each_readable(&reads).await?;
        for (id, fields) in ids.iter().zip(hashes) {
            match fields.map(|fields| record::user(*id, &fields)) {
                Some(Ok(user)) => users.extend(user),
                Some(Err(_)) | None => unreadable.push(*id),
            }
        }
        Ok((users, unreadable))
    }

    /// Those of the users who exist. One who cannot be read is an error.
    pub(super) async fn readable_users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut read = pipe();
        for id in ids {
            read.hgetall(keys::user(*id));
        }
        let hashes: Vec<Fields> = self.link.ask(Request::Batch(&read)).await?;
        let user = |(id, fields): (&UserId, Fields)| {
            let user = record::user(*id, &fields);
            user.map_err(|error| error.of("user", keys::user(*id))).transpose()
        };
        ids.iter().zip(hashes).filter_map(user).collect()
    }

    /// Those of the users who exist and own their name. Nobody owns a name that no user can have.
    pub(super) async fn named_users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let mut users = self.readable_users(ids).await?;
        self.drop_nameless(&mut users).await?;
        Ok(users)
    }

    /// What each of the commands finds; `None` for what is of another type: it must not hide the
    /// others.
    pub(super) async fn each_readable<T: FromRedisValue>(
        &self,
        commands: &[Cmd],
    ) -> Result<Vec<Option<T>>, StoreError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let mut all = pipe();
        for command in commands {
            all.add_command(command.clone());
        }
        match self.link.ask::<Vec<T>>(Request::Batch(&all)).await {
            Ok(found) => return Ok(found.into_iter().map(Some).collect()),
            Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut found = Vec::with_capacity(commands.len());
        for command in commands {
            found.push(match self.link.ask(Request::Command(command)).await {
                Err(StoreError::Corrupt { .. }) => None,
                answer => Some(answer?),
            });
        }
        Ok(found)
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
