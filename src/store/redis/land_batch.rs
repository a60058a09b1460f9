//! Many commands at once, in batches of a size that a server answers in time.

use super::patience::patiently;
use super::request::{How, Request};
use super::scripts::Step;
use super::{RedisStore, keys};
use crate::model::user::User;
use crate::store::StoreError;
use redis::{Cmd, FromRedisValue, Pipeline, ToRedisArgs, pipe};
use std::iter;

/// How many commands go out in one go.
pub(super) const COMMANDS: usize = 1_000;
/// How many members one command puts into a set.
pub(super) const MEMBERS: usize = 500;

impl RedisStore {
    /// What each of these answers, which may all be done twice.
    async fn ask_all<T: FromRedisValue>(&self, commands: Vec<Cmd>) -> Result<Vec<T>, StoreError> {
        let mut answers = Vec::with_capacity(commands.len());
        for batch in batches(commands) {
            let ask = async || self.link.ask::<Vec<T>>(Request::Batch(&batch)).await;
            answers.extend(patiently(ask).await?);
        }
        Ok(answers)
    }

    /// The same of commands whose answers say nothing.
    pub(super) async fn do_all(&self, commands: Vec<Cmd>) -> Result<(), StoreError> {
        for batch in batches(commands) {
            self.send(&batch).await?;
        }
        Ok(())
    }

    /// The same of one batch.
    pub(super) async fn send(&self, batch: &Pipeline) -> Result<(), StoreError> {
        // One server refuses to be asked for nothing.
        if batch.is_empty() {
            return Ok(());
        }
        patiently(async || self.link.ask::<()>(Request::Batch(batch)).await).await
    }

    /// Has each of these users own their name, unless it is another's; says who does.
    pub(super) async fn take_names(&self, users: &[&User]) -> Result<Vec<bool>, StoreError> {
        let take = users.iter().map(|user| Cmd::set_nx(keys::name(&user.username), user.id.0));
        let mut own: Vec<bool> = self.ask_all(take.collect()).await?;
        for (user, own) in users.iter().zip(&mut own).filter(|(_, own)| !**own) {
            // It may be theirs, by a batch of which the answer was lost.
            *own = patiently(async || self.take_name(user).await).await?;
        }
        Ok(own)
    }

    /// What each of these calls of a script answers, which may all be done twice.
    pub(super) async fn call_all(
        &self,
        step: &Step,
        calls: Vec<Cmd>,
    ) -> Result<Vec<bool>, StoreError> {
        let mut answers = Vec::with_capacity(calls.len());
        for batch in batches(calls) {
            let mut is_known = true;
            let call = async || {
                // Another server may be the primary by now, or it has begun anew.
                if !std::mem::replace(&mut is_known, false) {
                    self.make_known(step).await?;
                }
                self.link.ask::<Vec<bool>>(Request::Batch(&batch)).await
            };
            answers.extend(patiently(call).await?);
        }
        Ok(answers)
    }

    /// Has all servers know a script.
    pub(super) async fn make_known(&self, step: &Step) -> Result<(), StoreError> {
        let load = step.load();
        for node in self.link.primaries().await?.nodes {
            node.ask_again::<()>(&Request::Command(&load), How::default()).await?;
        }
        Ok(())
    }
}

/// The commands in batches.
pub(super) fn batches(commands: impl IntoIterator<Item = Cmd>) -> impl Iterator<Item = Pipeline> {
    let mut commands = commands.into_iter();
    iter::from_fn(move || {
        let mut batch = pipe();
        for command in commands.by_ref().take(COMMANDS) {
            batch.add_command(command);
        }
        (!batch.is_empty()).then_some(batch)
    })
}

/// Has a sorted set have these members, with their scores.
pub(super) fn put<M: ToRedisArgs>(
    to: &mut Vec<Cmd>,
    set: impl AsRef<str>,
    members: &[(String, M)],
) {
    let add = |some| Cmd::zadd_multiple(set.as_ref(), some);
    to.extend(members.chunks(MEMBERS).map(add));
}
