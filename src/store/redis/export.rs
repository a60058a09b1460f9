//! Reading all that is to be saved, while others change it.
//!
//! Nothing holds the whole still. Each user is read with everything of theirs, and read again until
//! their epoch was the same before and after: so no token is saved that had ended when its user was
//! read, and none whose epoch is not its user's.

use super::patience::patiently;
use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::event::{Event, Trail};
use crate::model::user::UserId;
use crate::store::events::Places;
use crate::store::sqlite::archive::{Archive, KEPT};
use crate::store::whole::{Portion, Progress};
use crate::store::{Change, Cursor, Item, ItemKind, StoreError};
use futures_util::stream::{self, StreamExt};
use redis::Cmd;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

/// How many users are written down at once.
const CHUNK: usize = 200;
/// How many such chunks are read at once.
const AT_ONCE: usize = 4;
/// How many events of a trail are read at once.
const EVENTS: usize = 1_000;

impl RedisStore {
    /// Writes all that is to be saved to an archive. Says what could not be read.
    pub(in crate::store) async fn export(
        &self,
        archive: &mut Archive,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Vec<String>, StoreError> {
        patiently(async || self.ask_inspection().await).await?;
        let mut warnings = Vec::new();
        let ids = self.all_users().await?;
        let ids: Vec<_> = ids.into_iter().collect();
        let mut done = 0;
        // While some are written down, the next are read.
        let read =
            |chunk: Vec<UserId>| async move { (chunk.len(), self.portions_of(&chunk, now).await) };
        let chunks = ids.chunks(CHUNK).map(<[UserId]>::to_vec);
        let mut reads = pin!(stream::iter(chunks).map(read).buffered(AT_ONCE));
        while let Some((count, outcome)) = reads.next().await {
            let (portions, unreadable) = outcome?;
            warnings.extend(unreadable);
            archive.add(&portions)?;
            done += u64::try_from(count).unwrap_or(0);
            progress("users", done);
        }
        archive.add_items(&self.kept_items(now).await?)?;
        self.export_events(archive, progress).await?;
        archive.add_deleted(&patiently(async || self.all_deleted().await).await?)?;
        let last = self.last_number().await?;
        archive.give_no_number_to(last.max(ids.last().map_or(0, |id| id.0)))?;
        Ok(warnings)
    }

    /// Some users with everything of theirs, and what is said of those who cannot be read: one of them must not
    /// hide the others, nor must some who have so many tokens that Redis cannot tell of all at once.
    async fn portions_of(
        &self,
        ids: &[UserId],
        now: Timestamp,
    ) -> Result<(Vec<Portion>, Vec<String>), StoreError> {
        if let Ok(portions) = self.portions(ids, now).await {
            return Ok((portions, Vec::new()));
        }
        let (mut portions, mut unreadable) = (Vec::new(), Vec::new());
        for id in ids {
            match self.portion_of(*id, now).await {
                Err(StoreError::Corrupt { what, problem }) => unreadable
                    .push(format!("user {id} is left out: the {what} cannot be read: {problem}")),
                outcome => portions.extend(outcome?),
            }
        }
        Ok((portions, unreadable))
    }

    /// The items that are saved, of all kinds.
    pub(in crate::store) async fn kept_items(
        &self,
        now: Timestamp,
    ) -> Result<Vec<Item>, StoreError> {
        let mut all = Vec::new();
        for kind in KEPT {
            all.extend(patiently(async || self.saved_items(kind, now).await).await?);
        }
        Ok(all)
    }

    /// The items of a kind. Refused if one cannot be read: brought back without a second factor, a
    /// password alone would be enough.
    async fn saved_items(&self, kind: ItemKind, now: Timestamp) -> Result<Vec<Item>, StoreError> {
        let all = Cmd::hgetall(keys::items(kind));
        let all: BTreeMap<Vec<u8>, Vec<u8>> = self.link.ask(Request::Command(&all)).await?;
        let mut items = Vec::with_capacity(all.len());
        for (key, text) in all {
            let item = super::items::read_raw(kind, &key, &text);
            items.push(item.ok_or_else(|| StoreError::unreadable_item(kind, &key))?);
        }
        items.retain(|item| item.lives(now));
        Ok(items)
    }

    /// Everyone who has a record. The index knows all of them, as a rule; what it has lost is found by
    /// looking at every key.
    pub(in crate::store) async fn all_users(&self) -> Result<BTreeSet<UserId>, StoreError> {
        let mut found = BTreeSet::new();
        let mut after = None;
        loop {
            let ids = patiently(async || self.indexed_after(after, EVENTS).await).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            found.extend(ids);
        }
        let mut pages = self.pages(&format!("{}*", keys::USER_PREFIX)).await?;
        while let Some(page) = pages.next().await? {
            found.extend(page.iter().filter_map(|key| match keys::change(key) {
                Some(Change::User(id)) => Some(id),
                _ => None,
            }));
        }
        Ok(found)
    }

    async fn export_events(
        &self,
        archive: &mut Archive,
        progress: Progress<'_>,
    ) -> Result<(), StoreError> {
        let mut done = 0;
        let mut place = beginning();
        while let Some(events) = self.next_events(&mut place).await? {
            archive.add_events(&events)?;
            done += u64::try_from(events.len()).unwrap_or(0);
            progress("events", done);
        }
        Ok(())
    }

    pub(super) async fn all_events(&self) -> Result<Vec<Event>, StoreError> {
        let mut all = Vec::new();
        let mut place = beginning();
        while let Some(events) = self.next_events(&mut place).await? {
            all.extend(events);
        }
        Ok(all)
    }

    /// The events after a place, which moves on; `None` once there are none. Some may be there that
    /// cannot be read.
    async fn next_events(&self, place: &mut Cursor) -> Result<Option<Vec<Event>>, StoreError> {
        let news = patiently(async || self.news(Some(place), EVENTS).await).await?;
        let is_over = news.place == *place;
        *place = news.place;
        Ok((!is_over).then_some(news.events))
    }
}

fn beginning() -> Cursor {
    Places::cursor(Trail::ALL.into_iter().map(|trail| (trail, "0-0".to_owned())))
}
