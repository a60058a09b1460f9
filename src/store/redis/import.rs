//! Bringing back what was saved. Redis has no step for so much, so no gateway may serve meanwhile, and
//! until it is done a mark keeps them from starting.

use super::patience::patiently;
use super::request::{How, Request};
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::event::Trail;
use crate::model::user::UserId;
use crate::store::sqlite::archive::{Archive, KEPT};
use crate::store::whole::{Portion, Progress, Restore, Restored, merged};
use crate::store::{EventBounds, ItemKind, NewToken, StoreError};
use futures_util::stream::{self, StreamExt};
use redis::{Cmd, pipe};
use std::collections::HashMap;

/// How many users, keys or events are written at once.
const CHUNK: usize = 200;
/// How many users are written side by side.
const AT_ONCE: usize = 16;

/// What there was of each user: their epoch, and whether they were let in.
type Before = HashMap<UserId, (u64, bool)>;

impl RedisStore {
    /// Brings back what was saved.
    pub(in crate::store) async fn import(
        &self,
        source: &Archive,
        order: &Restore,
        progress: Progress<'_>,
    ) -> Result<Restored, StoreError> {
        patiently(async || self.ask_version().await).await?;
        patiently(async || self.bring_up_to_date().await).await?;
        patiently(async || self.refuse_followed().await).await?;
        if !order.replaces && self.holds_something().await? {
            return Err(StoreError::Unsuitable(format!(
                "{} holds users or tokens already; --replace puts what was saved in their place",
                self.link.description()
            )));
        }
        patiently(async || self.mark_restoring(true).await).await?;
        let before = self.epochs().await?;
        let events = merged(self.all_events().await?.into_iter().chain(source.events()?));
        self.clear().await?;
        let last = source.last_number()?;
        patiently(async || self.give_no_number_to(last).await).await?;
        let mut restored = self.write_portions(source, order, &before, progress).await?;
        for kind in KEPT {
            if kind == ItemKind::ApiKey && !order.keeps_tokens {
                continue;
            }
            for item in source.items(kind)? {
                patiently(async || self.keep_item(&item).await).await?;
                restored.contents.items += 1;
            }
        }
        let all = EventBounds { most: i64::MAX.unsigned_abs(), since: Timestamp::from_micros(0) };
        for chunk in events.chunks(CHUNK) {
            patiently(async || self.add_events(chunk, all).await).await?;
            restored.contents.events += u64::try_from(chunk.len()).unwrap_or(0);
            progress("events", restored.contents.events);
        }
        // The indexes, too.
        patiently(async || self.sweep_users(order.at).await).await?;
        patiently(async || self.mark_restoring(false).await).await?;
        restored.contents.at = source.contents()?.at;
        Ok(restored)
    }

    /// Refuses while a gateway serves from this store: it is told of changes on a connection of its own.
    async fn refuse_followed(&self) -> Result<(), StoreError> {
        for node in self.link.primaries().await?.nodes {
            let mut list = redis::cmd("CLIENT");
            list.arg("LIST");
            let Ok(clients) = node.ask::<String>(&Request::Command(&list), How::default()).await
            else {
                tracing::warn!("Redis does not tell whether a gateway serves from it; none should");
                continue;
            };
            let flags = clients.split_whitespace().filter_map(|word| word.strip_prefix("flags="));
            if flags.into_iter().any(|flags| flags.contains('t')) {
                return Err(StoreError::Unsuitable(
                    "a gateway serves from this store: stop all of them first, for it is not whole \
                     until this is done"
                        .to_owned(),
                ));
            }
        }
        Ok(())
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

    async fn epochs(&self) -> Result<Before, StoreError> {
        let mut found = Before::new();
        let ids: Vec<_> = self.all_users().await?.into_iter().collect();
        for chunk in ids.chunks(CHUNK) {
            let (users, _) = patiently(async || self.read_users(chunk).await).await?;
            found.extend(users.into_iter().map(|user| (user.id, (user.epoch, user.is_active))));
        }
        Ok(found)
    }

    /// Tokens go first: none is good without its user, whenever this is stopped.
    async fn clear(&self) -> Result<(), StoreError> {
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
        let trails = Trail::ALL.into_iter().map(keys::events);
        let indexes = keys::INDEXES.into_iter().map(str::to_owned);
        for key in items.chain(trails).chain(indexes) {
            delete.del(key).ignore();
        }
        patiently(async || self.link.ask(Request::Batch(&delete)).await).await
    }

    /// Nobody else gives numbers meanwhile.
    pub(super) async fn give_no_number_to(&self, last: u64) -> Result<(), StoreError> {
        let given: Option<u64> =
            self.link.ask(Request::Command(&Cmd::get(keys::NEXT_USER))).await?;
        let last = last.max(given.unwrap_or(0));
        self.link.ask(Request::Command(&Cmd::set(keys::NEXT_USER, last))).await
    }

    async fn write_portions(
        &self,
        source: &Archive,
        order: &Restore,
        before: &Before,
        progress: Progress<'_>,
    ) -> Result<Restored, StoreError> {
        let (mut after, mut restored) = (None, Restored::default());
        loop {
            let portions = source.portions(after, CHUNK)?;
            let Some(last) = portions.last() else { return Ok(restored) };
            after = Some(last.as_ref().map_or_else(|id| *id, |portion| portion.user.id));
            let mut known = Vec::with_capacity(CHUNK);
            for portion in portions {
                match portion {
                    Ok(portion) => known.push(as_now(portion, order.keeps_tokens, before)),
                    Err(user) => tracing::warn!(%user, "a user who cannot be read is left out"),
                }
            }
            for portion in &known {
                let was = before.get(&portion.user.id);
                restored.added += u64::from(was.is_none());
                let is_in = portion.user.is_active;
                restored.let_in += u64::from(is_in && was.is_some_and(|(_, was_in)| !was_in));
            }
            restored.contents.users += u64::try_from(known.len()).unwrap_or(0);
            let write = |portion| async move {
                patiently(async || self.write_portion(&portion).await).await
            };
            let mut writes = stream::iter(known).map(write).buffer_unordered(AT_ONCE);
            while let Some(tokens) = writes.next().await {
                restored.contents.tokens += tokens?;
            }
            progress("users", restored.contents.users);
        }
    }

    /// The name comes last, as with any new user. Says how many tokens were written.
    async fn write_portion(&self, portion: &Portion) -> Result<u64, StoreError> {
        let Portion { familiar, tokens, user } = portion;
        self.write_user(user).await?;
        let mut written = 0;
        for (record, about) in tokens {
            let (about, record) = (about.clone(), record.clone());
            let token = NewToken { about, record, limit: None, is_login: false };
            let issue = self.add_token(&token).await?;
            written += u64::from(issue == crate::store::Issue::Done);
        }
        if let Some(last) = familiar.iter().map(|(_, until)| *until).max() {
            let key = keys::familiar(user.id);
            let mut note = pipe();
            for (network, until) in familiar {
                note.zadd(&key, network.as_str(), until.micros()).ignore();
            }
            note.cmd("PEXPIREAT").arg(&key).arg(last.millis_up()).ignore();
            self.link.ask::<()>(Request::Batch(&note)).await?;
        }
        if !self.take_name(user).await? {
            let problem = format!("two users have the name of number {}", user.id);
            return Err(StoreError::Corrupt { what: "backup", problem });
        }
        Ok(written)
    }
}

/// A user as they are to be: whoever has ended all their tokens since then has ended those that were
/// saved, too.
fn as_now(mut portion: Portion, keeps_tokens: bool, before: &Before) -> Portion {
    let was = before.get(&portion.user.id).map_or(0, |(epoch, _)| *epoch);
    portion.user.epoch = portion.user.epoch.max(was) + u64::from(!keeps_tokens);
    let epoch = portion.user.epoch;
    portion.tokens.retain(|(record, _)| keeps_tokens && record.epoch == epoch);
    portion
}
