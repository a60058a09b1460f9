//! Writing many users with all that is theirs, while no gateway serves: so nothing is asked, and commands
//! go out in batches.

use super::before::Before;
use super::index_entries::enter;
use super::land_batch::COMMANDS;
use super::patience::patiently;
use super::record::{self, Entry};
use super::tokens::set;
use super::{RedisStore, keys, limits, notes, old_digests};
use crate::model::user::UserId;
use crate::store::StoreError;
use crate::store::sqlite::archive::Archive;
use crate::store::whole::{Portion, Progress, Restore, Restored};
use futures_util::stream::{self, StreamExt};
use redis::{Pipeline, pipe};
use std::collections::HashSet;
use std::iter;
use std::pin::pin;

/// How many users are written in one go.
const CHUNK: usize = 200;
/// How many such goes are under way at once.
const AT_ONCE: usize = 4;

/// What was written of users.
#[derive(Default)]
pub(super) struct Written {
    /// Whoever has ended all their tokens since.
    pub(super) ended: HashSet<UserId>,
    /// Whoever cannot be read, and is left out.
    pub(super) left_out: HashSet<UserId>,
    /// Good tokens.
    pub(super) good: u64,
    pub(super) restored: Restored,
}

/// Users as they are to be, and what is told of them.
struct Lot {
    portions: Vec<Portion>,
    written: Written,
}

impl RedisStore {
    pub(super) async fn write_portions(
        &self,
        source: &Archive,
        order: &Restore,
        before: &Before,
        progress: Progress<'_>,
    ) -> Result<Written, StoreError> {
        let mut after = None;
        let next = || match source.portions(after, CHUNK) {
            Ok(portions) => {
                let last = portions.last()?;
                after = Some(last.as_ref().map_or_else(|id| *id, |portion| portion.user.id));
                Some(Ok(Lot::of(portions, order, before)))
            }
            Err(error) => Some(Err(error)),
        };
        // While Redis writes some, the next are made ready.
        let parts = stream::iter(iter::from_fn(next)).map(|lot: Result<Lot, StoreError>| async {
            let Lot { portions, written } = lot?;
            self.write_users(&portions).await?;
            Ok::<_, StoreError>(written)
        });
        let (mut written, mut parts) = (Written::default(), pin!(parts.buffer_unordered(AT_ONCE)));
        while let Some(part) = parts.next().await {
            written.add(part?);
            progress("users", written.restored.contents.users);
        }
        Ok(written)
    }

    /// Writes users, their names last, as with any new user.
    async fn write_users(&self, portions: &[Portion]) -> Result<(), StoreError> {
        let mut batch = pipe();
        for Portion { familiar, old_digests, tokens, user } in portions {
            batch.hset_multiple(keys::user(user.id), &record::user_fields(user)).ignore();
            for (token, about) in tokens {
                let (list, entry) = (keys::user_tokens(user.id), Entry::of(token).bytes());
                batch.zadd(list, entry, record::score(token.expires)).ignore();
                batch.add_command(set(token, false)?).ignore();
                notes::note_new(&mut batch, token, about);
                self.send_full(&mut batch).await?;
            }
            for old in old_digests {
                old_digests::write(&mut batch, old);
                self.send_full(&mut batch).await?;
            }
            limits::write_familiar(&mut batch, user.id, familiar);
            self.send_full(&mut batch).await?;
        }
        self.send(&batch).await?;
        let mut indexes = Vec::new();
        enter(&mut indexes, portions.iter().map(|one| (&one.user, one.tokens.len())));
        self.do_all(indexes).await?;
        let users: Vec<_> = portions.iter().map(|portion| &portion.user).collect();
        let own = self.take_names(&users).await?;
        if let Some((user, _)) = users.iter().zip(own).find(|(_, own)| !own) {
            let problem = format!("two users have the name of number {}", user.id);
            return Err(StoreError::Corrupt { what: "backup", problem });
        }
        let ids: Vec<_> = users.iter().map(|user| user.id).collect();
        patiently(async || self.forget_deleted(&ids).await).await
    }

    async fn send_full(&self, batch: &mut Pipeline) -> Result<(), StoreError> {
        if batch.len() < COMMANDS {
            return Ok(());
        }
        self.send(&std::mem::replace(batch, pipe())).await
    }
}

impl Lot {
    fn of(saved: Vec<Result<Portion, UserId>>, order: &Restore, before: &Before) -> Self {
        let (mut portions, mut written) = (Vec::with_capacity(saved.len()), Written::default());
        for portion in saved {
            match portion {
                Ok(portion) => portions.push(written.take_in(portion, order, before)),
                Err(user) => {
                    tracing::warn!(%user, "a user who cannot be read is left out");
                    written.left_out.insert(user);
                }
            }
        }
        Self { portions, written }
    }
}

impl Written {
    /// A user as they are to be. Whoever has ended all their tokens since then has ended those that were
    /// saved, too; those that have run out need not be written.
    fn take_in(&mut self, mut portion: Portion, order: &Restore, before: &Before) -> Portion {
        let Portion { old_digests, tokens, user, .. } = &mut portion;
        let was = before.get(&user.id);
        let epoch = was.map_or(0, |(epoch, _)| *epoch);
        if epoch > user.epoch {
            self.ended.insert(user.id);
        }
        user.epoch = user.epoch.max(epoch) + u64::from(!order.keeps_tokens);
        tokens.retain(|(token, _)| order.keeps_tokens && token.epoch == user.epoch);
        let Restored { added, contents, let_in } = &mut self.restored;
        *added += u64::from(was.is_none());
        *let_in += u64::from(user.is_active && was.is_some_and(|(_, was_in)| !was_in));
        contents.users += 1;
        contents.tokens += u64::try_from(tokens.len()).unwrap_or(u64::MAX);
        tokens.retain(|(token, _)| !token.has_expired(order.at));
        let digests: HashSet<_> = tokens.iter().map(|(token, _)| token.digest).collect();
        old_digests.retain(|old| digests.contains(&old.digest));
        if user.is_active {
            self.good += u64::try_from(tokens.len()).unwrap_or(u64::MAX);
        }
        portion
    }

    fn add(&mut self, more: Self) {
        let Self { ended, good, left_out, restored: Restored { added, contents, let_in } } = more;
        self.ended.extend(ended);
        self.left_out.extend(left_out);
        self.good += good;
        self.restored.added += added;
        self.restored.let_in += let_in;
        self.restored.contents.tokens += contents.tokens;
        self.restored.contents.users += contents.users;
    }
}
