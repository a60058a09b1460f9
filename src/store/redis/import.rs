//! Bringing back what was saved. Redis has no step for so much, so no gateway may serve meanwhile, and
//! until it is done a mark keeps them from starting.

use super::before::Restoring;
use super::import_users::Written;
use super::patience::patiently;
use super::request::Request;
use super::{RedisStore, keys, record};
use crate::model::event::Event;
use crate::model::user::UserId;
use crate::store::sqlite::archive::Archive;
use crate::store::whole::{Progress, Restore, Restored};
use crate::store::{Item, ItemKind, OutageKind, StoreError};
use redis::pipe;
use std::collections::HashSet;

impl RedisStore {
    /// Brings back what was saved.
    pub(in crate::store) async fn import(
        &self,
        source: &Archive,
        order: &Restore,
        progress: Progress<'_>,
    ) -> Result<Restored, StoreError> {
        // Whatever of it cannot be read is refused before anything is done.
        let (items, events) = (source.kept_items()?, source.events()?);
        let last = source.last_number()?;
        patiently(async || self.ask_version().await).await?;
        let earlier = patiently(async || self.standing().await).await?.restoring;
        self.refuse_import(order, earlier).await?;
        let closed = self.close_to_gateways(earlier).await;
        closed.map_err(|error| match &error {
            StoreError::Unavailable(outage)
                if earlier.is_none() && matches!(outage.kind, OutageKind::Unwritable(_)) =>
            {
                leaving(error, AS_IT_WAS)
            }
            _ => error,
        })?;
        let beside = Beside { earlier, events, items, last };
        let restored = self.bring_back(source, order, beside, progress).await;
        let restored = self.make_room_again(restored).await;
        restored.map_err(|error| leaving(error, HALF))
    }

    /// Brings it back to where no gateway is.
    async fn bring_back(
        &self,
        source: &Archive,
        order: &Restore,
        beside: Beside,
        progress: Progress<'_>,
    ) -> Result<Restored, StoreError> {
        let Beside { earlier, events, items, last } = beside;
        let before = self.before(earlier).await?;
        self.clear().await?;
        // Of a store that had nobody, the whole count is known.
        let has_all = before.is_empty();
        patiently(async || self.give_no_number_to(last, has_all).await).await?;
        self.import_deleted(source).await?;
        let Written { ended, good, left_out, mut restored } =
            self.write_portions(source, order, &before, progress).await?;
        for item in &items {
            let is_of = |users: &HashSet<UserId>| item.owner.is_some_and(|id| users.contains(&id));
            let ends = item.kind == ItemKind::ApiKey && (!order.keeps_tokens || is_of(&ended));
            if ends || is_of(&left_out) || !item.lives(order.at) {
                continue;
            }
            patiently(async || self.keep_item(item).await).await?;
            restored.contents.items += 1;
        }
        restored.contents.events = self.import_events(events, progress).await?;
        patiently(async || self.note_all_indexed(order.at, good).await).await?;
        patiently(async || self.mark_whole().await).await?;
        restored.contents.at = source.contents()?.at;
        Ok(restored)
    }

    /// Refuses what would lose something that nobody has said may be lost. What an earlier attempt has
    /// left is replaced without a word.
    async fn refuse_import(
        &self,
        order: &Restore,
        earlier: Option<Restoring>,
    ) -> Result<(), StoreError> {
        if order.keeps_tokens && earlier == Some(Restoring::Unknown) {
            return Err(StoreError::Unsuitable(
                "bringing back a backup was not done to its end, and nobody knows any more whose \
                 tokens had ended: they cannot be kept"
                    .to_owned(),
            ));
        }
        let may_replace = order.replaces || earlier.is_some_and(Restoring::may_have_cleared);
        if !may_replace && self.holds_something().await? {
            return Err(StoreError::Unsuitable(format!(
                "{} holds users or tokens already; --replace puts what was saved in their place",
                self.link.description()
            )));
        }
        Ok(())
    }

    /// Keeps gateways from starting, and refuses while one serves. In this order: one that starts in
    /// between is not missed.
    async fn close_to_gateways(&self, earlier: Option<Restoring>) -> Result<(), StoreError> {
        if earlier.is_none() {
            patiently(async || self.mark_begun().await).await?;
        }
        let refusal = patiently(async || self.refuse_followed().await).await;
        if refusal.is_err() && earlier.is_none() {
            patiently(async || self.unmark_begun().await).await?;
        }
        refusal
    }

    async fn holds_something(&self) -> Result<bool, StoreError> {
        for prefix in [keys::USER_PREFIX, keys::TOKEN_PREFIX] {
            let mut pages = self.pages(&format!("{prefix}*")).await?;
            while let Some(page) = pages.next().await? {
                if !page.is_empty() {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Tokens go first: none is good without its user, whenever this is stopped.
    pub(super) async fn clear(&self) -> Result<(), StoreError> {
        for pattern in keys::OF_USERS {
            let mut pages = self.pages(pattern).await?;
            while let Some(page) = pages.next().await? {
                let mut delete = pipe();
                for key in &page {
                    delete.del(key).ignore();
                }
                if !page.is_empty() {
                    patiently(async || self.link.ask::<()>(Request::Batch(&delete)).await).await?;
                }
            }
        }
        let mut delete = pipe();
        let items = ItemKind::ALL.into_iter().map(keys::items);
        let indexes = keys::INDEXES.into_iter().map(str::to_owned);
        for key in items.chain(indexes) {
            delete.del(key).ignore();
        }
        patiently(async || self.link.ask(Request::Batch(&delete)).await).await
    }

    /// Sees to it that no number up to this one is given to another user. With `has_all`, and where there
    /// is no count, none after it was given to anybody either.
    pub(super) async fn give_no_number_to(
        &self,
        last: u64,
        has_all: bool,
    ) -> Result<(), StoreError> {
        let mut raise = self.scripts.raise.key(keys::NEXT_USER);
        raise.key(keys::NEXT_USER_BY).arg(last).arg(record::flag(has_all));
        self.link.ask(Request::Script(&raise)).await
    }

    /// Whoever was deleted stays so, unless they come back by this.
    async fn import_deleted(&self, source: &Archive) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let ids = source.deleted(after, 1_000)?;
            let Some(last) = ids.last() else { return Ok(()) };
            after = Some(*last);
            patiently(async || self.note_deleted(&ids).await).await?;
        }
    }
}

/// What is brought back beside users, and how far an earlier attempt has come.
struct Beside {
    earlier: Option<Restoring>,
    events: Vec<Event>,
    items: Vec<Item>,
    /// The last number that was given to a user.
    last: u64,
}

const AS_IT_WAS: &str = "nothing was changed";
const HALF: &str = "what is there now is not whole, and nothing serves from it: once that is put \
                    right, run the same `authgate store copy` or `authgate store restore` again";

/// Why it was not brought back, and what that leaves.
fn leaving(error: StoreError, left: &str) -> StoreError {
    match error {
        StoreError::Unavailable(outage) => StoreError::Unsuitable(format!("{outage}; {left}")),
        error => error,
    }
}
