//! What was ended lately, so that it stays ended: although the store could not write it down, or has
//! lost it again with the server that was its primary.

use super::Auth;
use super::cache::Key;
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

/// One that was ended.
#[derive(Clone, Copy)]
struct Mark<T> {
    at: Instant,
    is_written: bool,
    what: T,
}

impl Tombstones {
    /// A token has ended, whether or not the store has written it.
    fn token_ended(&self, digest: TokenDigest, is_written: bool, at: Instant) {
        let mark = Mark { at, is_written, what: digest };
        self.state().tokens.insert(Key::from(&digest), mark);
    }

    /// All tokens of a user have ended that are of this epoch or an earlier one, likewise.
    fn tokens_of_ended(&self, user: UserId, epoch: u64, is_written: bool, at: Instant) {
        let mut state = self.state();
        let before = state.users.get(&user);
        // What is not written of a later epoch stays to be written.
        let is_written =
            is_written && before.is_none_or(|mark| mark.is_written || mark.what <= epoch);
        let what = epoch.max(before.map_or(0, |mark| mark.what));
        state.users.insert(user, Mark { at, is_written, what });
    }

    /// Whether a token was ended here, whatever the store says.
    pub(super) fn cover(&self, token: &TokenRecord) -> bool {
        let state = self.state();
        state.tokens.contains_key(&Key::from(&token.digest))
            || state.users.get(&token.user).is_some_and(|mark| token.epoch <= mark.what)
    }

    fn token_is_written(&self, digest: &TokenDigest) {
        if let Some(mark) = self.state().tokens.get_mut(&Key::from(digest)) {
            mark.is_written = true;
        }
    }

    fn tokens_of_are_written(&self, user: UserId, epoch: u64) {
        if let Some(mark) = self.state().users.get_mut(&user).filter(|mark| mark.what <= epoch) {
            mark.is_written = true;
        }
    }

    /// What has to be written, or all of it if what was written may be lost.
    fn to_write(&self, everything: bool) -> (Vec<TokenDigest>, Vec<(UserId, u64)>) {
        let state = self.state();
        let tokens = state.tokens.values().filter(|mark| everything || !mark.is_written);
        let users = state.users.iter().filter(|(_, mark)| everything || !mark.is_written);
        let users = users.map(|(user, mark)| (*user, mark.what));
        (tokens.map(|mark| mark.what).collect(), users.collect())
    }

    /// The epoch of a user's tokens whose end is not written yet.
    fn unwritten(&self, user: UserId) -> Option<u64> {
        self.state().users.get(&user).filter(|mark| !mark.is_written).map(|mark| mark.what)
    }

    /// Lets go of what the store has had for long enough.
    fn forget_old(&self, now: Instant) {
        let mut state = self.state();
        let is_many = state.tokens.len() + state.users.len() > MOST;
        let stays = |at: Instant, is_written: bool| {
            !is_written || (!is_many && now.saturating_duration_since(at) < REMEMBERED_FOR)
        };
        state.tokens.retain(|_, mark| stays(mark.at, mark.is_written));
        state.users.retain(|_, mark| stays(mark.at, mark.is_written));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Auth {
    /// Ends a token; says whether there was such a one. It is refused here from now on, also if this
    /// fails: then it is tried again until it is done.
    pub(super) async fn end_token(&self, digest: TokenDigest) -> Result<bool, StoreError> {
        let ended = self.store.revoke_token(digest).await;
        self.tombstones.token_ended(digest, ended.is_ok(), self.clock.instant());
        ended
    }

    /// Ends all tokens of a user, of this epoch at least; says whether there is such a user. Those
    /// are refused here from now on, also if this fails: then it is tried again until it is done.
    pub(super) async fn end_tokens_of(&self, user: UserId, epoch: u64) -> Result<bool, StoreError> {
        let ended = self.store.revoke_tokens_of(user).await;
        self.tombstones.tokens_of_ended(user, epoch, ended.is_ok(), self.clock.instant());
        ended
    }

    /// Does what ends all tokens of a user among other things. If it fails they are refused all the
    /// same, and end.
    pub(super) async fn ending_tokens_of<T>(
        &self,
        user: &User,
        change: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let changed = change.await;
        self.remember_tokens_of(user, changed.is_ok());
        changed
    }

    /// Refuses the tokens that a user had from now on, whether or not the store has written that.
    pub(super) fn remember_tokens_of(&self, user: &User, is_written: bool) {
        self.tombstones.tokens_of_ended(user.id, user.epoch, is_written, self.clock.instant());
    }

    /// Before a user gets a token: the end of earlier ones must not end it, too.
    pub(super) async fn settle(&self, user: &User) -> Result<(), StoreError> {
        match self.tombstones.unwritten(user.id) {
            Some(epoch) => self.end_epoch(user.id, epoch).await.map(drop),
            None => Ok(()),
        }
    }

    /// Writes down what the store could not, or has lost since. Runs until it is dropped.
    pub async fn keep_revocations(&self) -> Infallible {
        const PAUSE: Duration = Duration::from_secs(1);
        let mut outages = self.cache.outages();
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = self.cache.outages();
            if self.write_again(now != outages).await.is_ok() {
                outages = now;
            }
            self.tombstones.forget_old(self.clock.instant());
        }
    }

    async fn write_again(&self, everything: bool) -> Result<(), StoreError> {
        let (tokens, users) = self.tombstones.to_write(everything);
        let mut lost = 0;
        for digest in tokens {
            lost += u64::from(self.store.revoke_token(digest).await?);
            self.tombstones.token_is_written(&digest);
        }
        for (user, epoch) in users {
            lost += u64::from(self.end_epoch(user, epoch).await?);
        }
        if lost > 0 {
            self.metrics.tombstones_replayed(lost);
            tracing::warn!(number = lost, "ended again what the store had not ended, or had lost");
        }
        Ok(())
    }

    /// Ends the tokens of an epoch, unless they have ended; says whether it had to.
    async fn end_epoch(&self, user: UserId, epoch: u64) -> Result<bool, StoreError> {
        let is_due = self.store.user(user).await?.is_some_and(|user| user.epoch <= epoch);
        if is_due {
            self.store.revoke_tokens_of(user).await?;
        }
        self.tombstones.tokens_of_are_written(user, epoch);
        Ok(is_due)
    }
}
