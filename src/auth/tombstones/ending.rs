//! Ending something, so that it is refused here from then on.

use super::{Ended, Mark};
use crate::auth::Auth;
use crate::model::token::TokenDigest;
use crate::model::user::{User, UserId};
use crate::store::{Change, ItemKind, StoreError, Watcher};

impl Auth {
    /// Ends a token; says whether there was such a one. It is refused here from now on, also if this
    /// fails: then it is tried again until it is done.
    pub(in crate::auth) async fn end_token(&self, digest: TokenDigest) -> Result<bool, StoreError> {
        let outages = self.cache.outages();
        let ended = self.store.revoke_token(digest).await;
        if !matches!(ended, Ok(false)) {
            self.tombstones.token_ended(self.mark(digest, ended.is_ok(), outages));
            // A server that has lost this may have lost the rewriting, too.
            if let Some(old) = self.old_digests.rewritten_from(digest) {
                self.tombstones.token_ended(self.mark(old, ended.is_ok(), outages));
            }
        }
        self.forget_unless_told(&ended, Change::Token(digest.key()));
        ended
    }

    /// Ends a token here, and in the store as soon as that can be asked.
    pub(in crate::auth) fn end_token_later(&self, digest: TokenDigest) {
        self.tombstones.token_ended(self.mark(digest, false, self.cache.outages()));
        self.cache.changed(Change::Token(digest.key()));
    }

    /// Ends all tokens of a user here, of this epoch at least, and in the store as soon as that can be
    /// asked.
    pub(in crate::auth) fn end_tokens_later(&self, user: UserId, epoch: u64) {
        let what = Ended { deleted: None, epoch };
        self.tombstones.tokens_of_ended(user, self.mark(what, false, self.cache.outages()));
        self.cache.changed(Change::User(user));
    }

    /// A store that could not even begin tells nobody: what was to end here is forgotten all the same.
    fn forget_unless_told<T>(&self, outcome: &Result<T, StoreError>, change: Change) {
        if outcome.is_err() {
            self.cache.changed(change);
        }
    }

    /// Ends a session of the console or an API key, likewise.
    pub(in crate::auth) async fn end_item(
        &self,
        kind: ItemKind,
        key: &str,
    ) -> Result<bool, StoreError> {
        let outages = self.cache.outages();
        let ended = self.store.remove_item(kind, key).await;
        if !matches!(ended, Ok(false)) {
            self.tombstones.item_ended(kind, key, self.mark((), ended.is_ok(), outages));
        }
        ended
    }

    /// Ends all tokens of a user, of this epoch at least; says whether there is such a user. Those
    /// are refused here from now on, also if this fails: then it is tried again until it is done.
    pub(in crate::auth) async fn end_tokens_of(
        &self,
        user: UserId,
        epoch: u64,
    ) -> Result<bool, StoreError> {
        let outages = self.cache.outages();
        let ended = self.store.revoke_tokens_of(user, epoch).await;
        let what = Ended { deleted: None, epoch };
        self.tombstones.tokens_of_ended(user, self.mark(what, ended.is_ok(), outages));
        self.forget_unless_told(&ended, Change::User(user));
        ended
    }

    /// Does what ends all tokens of a user among other things, unless it says that it did not. If it
    /// fails they are refused all the same, and end.
    pub(in crate::auth) async fn ending_tokens_of<T>(
        &self,
        user: &User,
        change: impl Future<Output = Result<T, StoreError>>,
        did: impl FnOnce(&T) -> bool,
    ) -> Result<T, StoreError> {
        let outages = self.cache.outages();
        let changed = change.await;
        if changed.as_ref().map_or(true, did) {
            let what = Ended { deleted: None, epoch: user.epoch };
            let mark = self.mark(what, changed.is_ok(), outages);
            self.tombstones.tokens_of_ended(user.id, mark);
        }
        self.forget_unless_told(&changed, Change::User(user.id));
        changed
    }

    /// Deletes a user, which ends their tokens likewise. Should the store lose the deletion they are
    /// deleted again; but not if it fails here, for whoever asked is told so, and decides.
    pub(in crate::auth) async fn deleting<T>(
        &self,
        user: &User,
        deletion: impl Future<Output = Result<T, StoreError>>,
        did: impl Fn(&T) -> bool,
    ) -> Result<T, StoreError> {
        let outages = self.cache.outages();
        let deleted = self.ending_tokens_of(user, deletion, &did).await;
        if deleted.as_ref().is_ok_and(did) {
            let what = Ended { deleted: Some(user.joined), epoch: user.epoch };
            self.tombstones.tokens_of_ended(user.id, self.mark(what, true, outages));
        }
        deleted
    }

    /// Remembers that the store has ended all tokens of a user, when the feed had been lost so often.
    pub(in crate::auth) fn have_ended(&self, user: &User, outages: u64) {
        let what = Ended { deleted: None, epoch: user.epoch };
        self.tombstones.tokens_of_ended(user.id, self.mark(what, true, outages));
    }

    fn mark<T>(&self, what: T, is_written: bool, outages: u64) -> Mark<T> {
        let (at, ended) = (self.clock.instant(), self.clock.now());
        Mark { at, ended, what, written: is_written.then_some(outages) }
    }

    /// Whether all that was said at an epoch of a user has ended here, whatever the store says.
    pub(in crate::auth) fn has_ended(&self, user: UserId, epoch: u64) -> bool {
        self.tombstones.state().of_user(user, epoch, self.cache.outages()).is_some()
    }

    /// Whether a session of the console or an API key has ended here, whatever the store says.
    pub(in crate::auth) fn has_ended_item(&self, kind: ItemKind, key: &str) -> bool {
        self.tombstones.cover_item(kind, key)
    }

    /// Before a user gets a token or a session: the end of earlier ones must not end it, too. Says
    /// whether there was something to end, so that the user is not as they were read.
    pub(in crate::auth) async fn settle(&self, user: &User) -> Result<bool, StoreError> {
        let outages = self.cache.outages();
        match self.tombstones.unwritten(user.id, outages) {
            Some(mark) => self.write_user(user.id, mark, outages).await,
            None => Ok(false),
        }
    }
}
