//! What was ended lately, so that it stays ended: although the store could not write it down, or has
//! lost it again with the server that was its primary.

use super::Auth;
use super::cache::Key;
use crate::clock::Timestamp;
use crate::model::token::{TokenDigest, TokenRecord};
use crate::model::user::{User, UserId};
use crate::store::StoreError;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long it is remembered what the store has written: by then its replicas have it, too.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// How many are remembered that the store has written.
const MOST: usize = 100_000;

/// What was ended lately.
#[derive(Default)]
pub(super) struct Tombstones(Mutex<State>);

#[derive(Default)]
struct State {
    tokens: HashMap<Key, Mark<TokenDigest>>,
    /// With the last epoch whose tokens are ended.
    users: HashMap<UserId, Mark<u64>>,
}

impl State {
    fn cover(&self, user: UserId, epoch: u64, outages: u64) -> bool {
        let mark = self.users.get(&user).filter(|mark| epoch <= mark.what);
        mark.is_some_and(|mark| mark.is_needed(outages))
    }
}

/// One that was ended.
#[derive(Clone, Copy)]
struct Mark<T> {
    at: Instant,
    /// By the clock: a token of the same text that was made later is another.
    ended: Timestamp,
    /// How often the store had been lost when it had written this; `None` if it has not written it.
    written: Option<u64>,
    what: T,
}

impl<T> Mark<T> {
    /// Whether the store may say something else: it has not written this, or is perhaps not the server
    /// any more that has.
    fn is_needed(&self, outages: u64) -> bool {
        self.written != Some(outages)
    }
}

impl Tombstones {
    /// A token has ended, whether or not the store has written it.
    fn token_ended(&self, mark: Mark<TokenDigest>) {
        self.state().tokens.insert(Key::from(&mark.what), mark);
    }

    /// All tokens of a user have ended that are of this epoch or an earlier one, likewise.
    fn tokens_of_ended(&self, user: UserId, mark: Mark<u64>) {
        let mut state = self.state();
        match state.users.get(&user) {
            // What is not written of a later epoch stays to be written.
            Some(before) if before.what > mark.what => {}
            _ => drop(state.users.insert(user, mark)),
        }
    }

    /// Whether a token was ended here, whatever the store says.
    pub(super) fn cover(&self, token: &TokenRecord, outages: u64) -> bool {
        let state = self.state();
        let of_token = state.tokens.get(&Key::from(&token.digest));
        of_token.is_some_and(|mark| mark.is_needed(outages) && token.created < mark.ended)
            || state.cover(token.user, token.epoch, outages)
    }

    /// What the store has to write, again if it may have lost it.
    fn to_write(&self, outages: u64) -> (Vec<Mark<TokenDigest>>, Vec<(UserId, u64)>) {
        let state = self.state();
        let tokens = state.tokens.values().filter(|mark| mark.is_needed(outages));
        let users = state.users.iter().filter(|(_, mark)| mark.is_needed(outages));
        let users = users.map(|(user, mark)| (*user, mark.what));
        (tokens.copied().collect(), users.collect())
    }

    fn token_is_written(&self, digest: &TokenDigest, outages: u64) {
        if let Some(mark) = self.state().tokens.get_mut(&Key::from(digest)) {
            mark.written = Some(outages);
        }
    }

    fn tokens_of_are_written(&self, user: UserId, epoch: u64, outages: u64) {
        if let Some(mark) = self.state().users.get_mut(&user).filter(|mark| mark.what <= epoch) {
            mark.written = Some(outages);
        }
    }

    /// The epoch of a user's tokens whose end is not written yet.
    fn unwritten(&self, user: UserId, outages: u64) -> Option<u64> {
        let state = self.state();
        state.users.get(&user).filter(|mark| mark.is_needed(outages)).map(|mark| mark.what)
    }

    /// Lets go of what the store has had for long enough.
    fn forget_old(&self, now: Instant) {
        let mut state = self.state();
        let is_many = state.tokens.len() + state.users.len() > MOST;
        let stays = |at: Instant, is_written: bool| {
            !is_written || (!is_many && now.saturating_duration_since(at) < REMEMBERED_FOR)
        };
        state.tokens.retain(|_, mark| stays(mark.at, mark.written.is_some()));
        state.users.retain(|_, mark| stays(mark.at, mark.written.is_some()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Auth {
    /// Ends a token; says whether there was such a one. It is refused here from now on, also if this
    /// fails: then it is tried again until it is done.
    pub(super) async fn end_token(&self, digest: TokenDigest) -> Result<bool, StoreError> {
        let outages = self.cache.outages();
        let ended = self.store.revoke_token(digest).await;
        if !matches!(ended, Ok(false)) {
            self.tombstones.token_ended(self.mark(digest, ended.is_ok(), outages));
        }
        ended
    }

    /// Ends all tokens of a user, of this epoch at least; says whether there is such a user. Those
    /// are refused here from now on, also if this fails: then it is tried again until it is done.
    pub(super) async fn end_tokens_of(&self, user: UserId, epoch: u64) -> Result<bool, StoreError> {
        let outages = self.cache.outages();
        let ended = self.store.revoke_tokens_of(user).await;
        self.tombstones.tokens_of_ended(user, self.mark(epoch, ended.is_ok(), outages));
        ended
    }

    /// Does what ends all tokens of a user among other things, unless it says that it did not. If it
    /// fails they are refused all the same, and end.
    pub(super) async fn ending_tokens_of<T>(
        &self,
        user: &User,
        change: impl Future<Output = Result<T, StoreError>>,
        did: impl FnOnce(&T) -> bool,
    ) -> Result<T, StoreError> {
        let outages = self.cache.outages();
        let changed = change.await;
        if changed.as_ref().map_or(true, did) {
            let mark = self.mark(user.epoch, changed.is_ok(), outages);
            self.tombstones.tokens_of_ended(user.id, mark);
        }
        changed
    }

    fn mark<T>(&self, what: T, is_written: bool, outages: u64) -> Mark<T> {
        let (at, ended) = (self.clock.instant(), self.clock.now());
        Mark { at, ended, what, written: is_written.then_some(outages) }
    }

    /// Whether all that was said at an epoch of a user has ended here, whatever the store says.
    pub(super) fn has_ended(&self, user: UserId, epoch: u64) -> bool {
        self.tombstones.state().cover(user, epoch, self.cache.outages())
    }

    /// Before a user gets a token: the end of earlier ones must not end it, too.
    pub(super) async fn settle(&self, user: &User) -> Result<(), StoreError> {
        let outages = self.cache.outages();
        match self.tombstones.unwritten(user.id, outages) {
            Some(epoch) => self.end_epoch(user.id, epoch, outages).await.map(drop),
            None => Ok(()),
        }
    }

    /// Writes down what the store could not, or may have lost since. Runs until it is dropped.
    pub async fn keep_revocations(&self) -> Infallible {
        const PAUSE: Duration = Duration::from_secs(1);
        loop {
            tokio::time::sleep(PAUSE).await;
            // It may be away still: then the next time.
            let _ = self.write_again().await;
            self.tombstones.forget_old(self.clock.instant());
        }
    }

    async fn write_again(&self) -> Result<(), StoreError> {
        let outages = self.cache.outages();
        let (tokens, users) = self.tombstones.to_write(outages);
        let mut lost = 0;
        for Mark { ended, what: digest, .. } in tokens {
            let found = self.store.token(digest).await?;
            if found.is_some_and(|(token, _)| token.created < ended) {
                lost += u64::from(self.store.revoke_token(digest).await?);
            }
            self.tombstones.token_is_written(&digest, outages);
        }
        for (user, epoch) in users {
            lost += u64::from(self.end_epoch(user, epoch, outages).await?);
        }
        if lost > 0 {
            self.metrics.tombstones_replayed(lost);
            tracing::warn!(number = lost, "ended again what the store had not ended, or had lost");
        }
        Ok(())
    }

    /// Ends the tokens of an epoch, unless they have ended; says whether it had to.
    async fn end_epoch(&self, user: UserId, epoch: u64, outages: u64) -> Result<bool, StoreError> {
        let is_due = self.store.user(user).await?.is_some_and(|user| user.epoch <= epoch);
        if is_due {
            self.store.revoke_tokens_of(user).await?;
        }
        self.tombstones.tokens_of_are_written(user, epoch, outages);
        Ok(is_due)
    }
}
