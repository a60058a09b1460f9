//! What a landing has left that was stopped: users with its mark, whom nobody can log in as and whose tokens
//! are not good.

use super::patience::patiently;
use super::record::{self, Entry, Fields, LANDING};
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::{UserId, Username};
use crate::store::StoreError;
use futures_util::stream::{self, StreamExt};
use redis::{Cmd, pipe};
use std::collections::HashMap;

/// How many tokens are looked at in one go.
const CHUNK: usize = 500;
/// How many users are removed side by side.
const AT_ONCE: usize = 16;

/// The epochs of users who were removed: whoever gets such a number next gets a later one, so that nothing
/// of what was written of them before is good.
pub(super) type Past = HashMap<UserId, u64>;

/// Whom to remove of those who are not wholly there.
#[derive(Clone, Copy)]
pub(super) enum Whose<'a> {
    /// Whom any other run than this one has begun.
    NotOf(&'a str),
    /// Whom this run has begun.
    Of(&'a str),
}

impl Whose<'_> {
    fn is(self, mark: &str) -> bool {
        match self {
            Self::NotOf(run) => mark != run,
            Self::Of(run) => mark == run,
        }
    }
}

impl RedisStore {
    /// Removes whom other runs have begun and not brought to the end. Nobody else may be landing.
    pub(super) async fn remove_begun(&self, run: &str) -> Result<Past, StoreError> {
        let all = Cmd::smembers(keys::LANDING);
        let all: Vec<u64> = patiently(async || self.link.ask(Request::Command(&all)).await).await?;
        let all: Vec<_> = all.into_iter().map(UserId).collect();
        self.remove_some_begun(&all, Whose::NotOf(run)).await
    }

    /// Removes those of these whom such a run has begun.
    pub(super) async fn remove_some_begun(
        &self,
        ids: &[UserId],
        whose: Whose<'_>,
    ) -> Result<Past, StoreError> {
        let remove = |id| async move { (id, self.remove_one_begun(id, whose).await) };
        let mut all = stream::iter(ids.iter().copied()).map(remove).buffer_unordered(AT_ONCE);
        let mut past = Past::new();
        while let Some((id, removed)) = all.next().await {
            past.extend(removed?.map(|epoch| (id, epoch)));
        }
        Ok(past)
    }

    /// Removes a user if such a run has begun them. The record goes first: what is left without it is
    /// nobody's. Says which epoch they had.
    async fn remove_one_begun(
        &self,
        id: UserId,
        whose: Whose<'_>,
    ) -> Result<Option<u64>, StoreError> {
        let read = [Cmd::hgetall(keys::user(id))];
        let fields = patiently(async || self.each_readable::<Fields>(&read).await).await?;
        let Some(mut fields) = fields.into_iter().next().flatten() else { return Ok(None) };
        match fields.remove(LANDING) {
            Some(mark) if !whose.is(&mark) => return Ok(None),
            Some(mark) => {
                let mut drop = self.scripts.drop_arrival.key(keys::user(id));
                drop.arg(mark);
                let script = async || self.link.ask::<bool>(Request::Script(&drop)).await;
                // Unless they are there wholly by now; or it was done, and the answer was lost.
                if !patiently(script).await? && patiently(async || self.is_there(id).await).await? {
                    return self.note_arrived(&[id]).await.map(|()| None);
                }
            }
            None if fields.is_empty() => {}
            // They are there, and this alone was left to do.
            None => return self.note_arrived(&[id]).await.map(|()| None),
        }
        let listed = self.remove_what_is_left(id, &fields).await?;
        self.note_arrived(&[id]).await?;
        let known = fields.get("epoch").and_then(|epoch| epoch.parse().ok());
        Ok(known.max(listed))
    }

    /// Removes all that there is beside the record of a user. A key of a token is theirs only if it says so:
    /// it was listed before that was known. Says the last epoch of their tokens.
    async fn remove_what_is_left(
        &self,
        id: UserId,
        fields: &Fields,
    ) -> Result<Option<u64>, StoreError> {
        if let Some(name) = fields.get("username") {
            let name = keys::name(&Username::stored(name.clone()));
            patiently(async || self.free_name(&name, id).await).await?;
        }
        let entries = patiently(async || self.entries(id, "-inf").await).await?;
        for some in entries.chunks(CHUNK) {
            let mut read = pipe();
            for entry in some {
                read.get(keys::token(&entry.key));
            }
            let found: Vec<Option<Vec<u8>>> =
                patiently(async || self.link.ask(Request::Batch(&read)).await).await?;
            let is_theirs = |(entry, bytes): &(&Entry, Option<Vec<u8>>)| {
                let token = bytes.as_deref().map(|bytes| record::token(&entry.key, bytes));
                token.is_none_or(|token| token.is_ok_and(|token| token.user == id))
            };
            let (theirs, others): (Vec<_>, Vec<_>) = some.iter().zip(found).partition(is_theirs);
            let entries = |some: Vec<(&Entry, _)>| -> Vec<Entry> {
                some.into_iter().map(|(entry, _)| entry.clone()).collect()
            };
            let (theirs, others) = (entries(theirs), entries(others));
            patiently(async || self.remove_entries(id, &theirs).await).await?;
            patiently(async || self.unlist(id, &others).await).await?;
        }
        let user = record::user(id, fields).ok().flatten();
        patiently(async || match &user {
            Some(user) => self.unindex_user(user).await,
            None => self.unindex(id).await,
        })
        .await?;
        let unlist = Cmd::zrem(keys::USERS, id.0);
        patiently(async || self.link.ask::<()>(Request::Command(&unlist)).await).await?;
        Ok(entries.iter().map(|entry| entry.epoch).max())
    }

    /// Notes who is about to be written.
    pub(super) async fn note_arriving(&self, ids: &[UserId]) -> Result<(), StoreError> {
        self.note(&Cmd::sadd(keys::LANDING, numbers(ids)), ids).await
    }

    /// Notes who is there wholly, or gone.
    pub(super) async fn note_arrived(&self, ids: &[UserId]) -> Result<(), StoreError> {
        self.note(&Cmd::srem(keys::LANDING, numbers(ids)), ids).await
    }

    async fn note(&self, note: &Cmd, ids: &[UserId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        patiently(async || self.link.ask::<()>(Request::Command(note)).await).await
    }
}

fn numbers(ids: &[UserId]) -> Vec<u64> {
    ids.iter().map(|id| id.0).collect()
}
