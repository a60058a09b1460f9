//! What was ended lately, so that it stays ended: although the store could not write it down, or has
//! lost it again with the server that was its primary.

use super::Auth;
use super::cache::Key;
use crate::clock::Timestamp;
use crate::model::token::{TokenDigest, TokenRecord};
use crate::model::user::{User, UserId};
use crate::store::{Change, StoreError, Watcher};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long it is remembered what the store has written: by then its replicas have it, too.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// Beyond how many they are remembered for a tenth of that.
const MOST: usize = 100_000;
/// By how much the clocks of gateways may differ.
const SKEW: Duration = Duration::from_secs(2);

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
    fn of_user(&self, user: UserId, epoch: u64, outages: u64) -> Option<&Mark<u64>> {
        self.users.get(&user).filter(|mark| epoch <= mark.what && mark.is_needed(outages))
    }
}

/// One that was ended.
#[derive(Clone, Copy)]
struct Mark<T> {
    /// When it ended, or when the store was last found to have lost it.
    at: Instant,
    ended: Timestamp,
    what: T,
    /// How often the feed had been lost when the store had this; `None` if it has not written it.
    written: Option<u64>,
}

impl<T> Mark<T> {
    /// Whether the store may say something else: it has not written this, or is perhaps not the server
    /// any more that has.
    fn is_needed(&self, outages: u64) -> bool {
        self.written != Some(outages)
    }

    /// Whether a token that was made then was there when this ended, by the clocks of two gateways.
    fn ends(&self, created: Timestamp) -> bool {
        created < self.ended.plus(SKEW)
    }

    /// Notes that the store has it, and whether it had lost it.
    fn was_written(&mut self, outages: u64, was_lost: bool, now: Instant) {
        self.written = Some(outages);
        if was_lost {
            self.at = now;
        }
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
        let of_user = state.of_user(token.user, token.epoch, outages);
        of_token.is_some_and(|mark| mark.is_needed(outages))
            || of_user.is_some_and(|mark| mark.ends(token.created))
    }

    /// What the store has to write, again if it may have lost it.
    fn to_write(&self, outages: u64) -> (Vec<TokenDigest>, Vec<(UserId, Mark<u64>)>) {
        let state = self.state();
        let tokens = state.tokens.values().filter(|mark| mark.is_needed(outages));
        let users = state.users.iter().filter(|(_, mark)| mark.is_needed(outages));
        let users = users.map(|(user, mark)| (*user, *mark));
        (tokens.map(|mark| mark.what).collect(), users.collect())
    }

    fn change_token(&self, digest: &TokenDigest, change: impl FnOnce(&mut Mark<TokenDigest>)) {
        self.state().tokens.get_mut(&Key::from(digest)).map(change);
    }

    fn change_user(&self, user: UserId, epoch: u64, change: impl FnOnce(&mut Mark<u64>)) {
        self.state().users.get_mut(&user).filter(|mark| mark.what <= epoch).map(change);
    }

    /// What is to be written of a user's tokens.
    fn unwritten(&self, user: UserId, outages: u64) -> Option<Mark<u64>> {
        self.state().users.get(&user).filter(|mark| mark.is_needed(outages)).copied()
    }

    /// Lets go of what the store has had for long enough.
    fn forget_old(&self, now: Instant, outages: u64) {
        let mut state = self.state();
        let is_many = state.tokens.len() + state.users.len() > MOST;
        let enough = if is_many { REMEMBERED_FOR / 10 } else { REMEMBERED_FOR };
        let is_old = |at: Instant| now.saturating_duration_since(at) >= enough;
        state.tokens.retain(|_, mark| mark.is_needed(outages) || !is_old(mark.at));
        state.users.retain(|_, mark| mark.is_needed(outages) || !is_old(mark.at));
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
        self.forget_unless_told(&ended, Change::Token(digest));
        ended
    }

    /// Ends a token here, and in the store as soon as that can be asked.
    pub(super) fn end_token_later(&self, digest: TokenDigest) {
        self.tombstones.token_ended(self.mark(digest, false, self.cache.outages()));
        self.cache.changed(Change::Token(digest));
    }

    /// Ends all tokens of a user here, of this epoch at least, and in the store as soon as that can be
    /// asked.
    pub(super) fn end_tokens_later(&self, user: UserId, epoch: u64) {
        self.tombstones.tokens_of_ended(user, self.mark(epoch, false, self.cache.outages()));
        self.cache.changed(Change::User(user));
    }

    /// A store that could not even begin tells nobody: what was to end here is forgotten all the same.
    fn forget_unless_told<T>(&self, outcome: &Result<T, StoreError>, change: Change) {
        if outcome.is_err() {
            self.cache.changed(change);
        }
    }

    /// Ends all tokens of a user, of this epoch at least; says whether there is such a user. Those
    /// are refused here from now on, also if this fails: then it is tried again until it is done.
    pub(super) async fn end_tokens_of(&self, user: UserId, epoch: u64) -> Result<bool, StoreError> {
        let outages = self.cache.outages();
        let ended = self.store.revoke_tokens_of(user).await;
        self.tombstones.tokens_of_ended(user, self.mark(epoch, ended.is_ok(), outages));
        self.forget_unless_told(&ended, Change::User(user));
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
        self.forget_unless_told(&changed, Change::User(user.id));
        changed
    }

    /// Remembers that the store has ended all tokens of a user, when the feed had been lost so often.
    pub(super) fn have_ended(&self, user: &User, outages: u64) {
        self.tombstones.tokens_of_ended(user.id, self.mark(user.epoch, true, outages));
    }

    fn mark<T>(&self, what: T, is_written: bool, outages: u64) -> Mark<T> {
        let (at, ended) = (self.clock.instant(), self.clock.now());
        Mark { at, ended, what, written: is_written.then_some(outages) }
    }

    /// Whether all that was said at an epoch of a user has ended here, whatever the store says.
    pub(super) fn has_ended(&self, user: UserId, epoch: u64) -> bool {
        self.tombstones.state().of_user(user, epoch, self.cache.outages()).is_some()
    }

    /// Before a user gets a token: the end of earlier ones must not end it, too.
    pub(super) async fn settle(&self, user: &User) -> Result<(), StoreError> {
        let outages = self.cache.outages();
        match self.tombstones.unwritten(user.id, outages) {
            Some(mark) => self.write_user(user.id, mark, outages).await.map(drop),
            None => Ok(()),
        }
    }

    /// Writes down what the store could not, or may have lost since. Runs until it is dropped.
    pub async fn keep_revocations(&self) -> Infallible {
        const PAUSE: Duration = Duration::from_secs(1);
        loop {
            tokio::time::sleep(PAUSE).await;
            let outages = self.cache.outages();
            // It may be away still: then the next time.
            let _ = self.write_again(outages).await;
            self.tombstones.forget_old(self.clock.instant(), outages);
        }
    }

    /// Users first: each of theirs ends many.
    async fn write_again(&self, outages: u64) -> Result<(), StoreError> {
        let (tokens, users) = self.tombstones.to_write(outages);
        let mut lost = 0;
        for (user, mark) in users {
            lost += u64::from(unless_corrupt(self.write_user(user, mark, outages).await)?);
        }
        for digest in tokens {
            let was_lost = unless_corrupt(self.store.revoke_token(digest).await)?;
            let now = self.clock.instant();
            self.tombstones.change_token(&digest, |mark| mark.was_written(outages, was_lost, now));
            lost += u64::from(was_lost);
        }
        if lost > 0 {
            self.metrics.tombstones_replayed(lost);
            tracing::warn!(number = lost, "ended again what the store had not ended, or had lost");
        }
        Ok(())
    }

    /// Ends what a user had by then, unless it has ended; says whether it had to. Tokens that were
    /// made later, by another gateway, are left alone.
    async fn write_user(
        &self,
        id: UserId,
        mark: Mark<u64>,
        outages: u64,
    ) -> Result<bool, StoreError> {
        let was_lost = self.store.user(id).await?.is_some_and(|user| user.epoch <= mark.what);
        if was_lost {
            let tokens = self.store.tokens_of(id, self.clock.now()).await?;
            if tokens.iter().all(|token| mark.ends(token.record.created)) {
                self.store.revoke_tokens_of(id).await?;
            } else {
                for token in tokens.iter().filter(|token| mark.ends(token.record.created)) {
                    self.store.revoke_token(token.record.digest).await?;
                }
            }
        }
        let now = self.clock.instant();
        let written = |mark: &mut Mark<u64>| mark.was_written(outages, was_lost, now);
        self.tombstones.change_user(id, mark.what, written);
        Ok(was_lost)
    }
}

/// What cannot be read must not keep the rest from being written.
fn unless_corrupt(written: Result<bool, StoreError>) -> Result<bool, StoreError> {
    match written {
        Err(StoreError::Corrupt { .. }) => Ok(false),
        written => written,
    }
}
