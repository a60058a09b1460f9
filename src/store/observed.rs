//! A store of which it is told how it does: every call has its time, and is counted.

use super::{
    Census, Count, Counted, Cursor, EventBounds, EventNews, EventPage, EventQuery, Inserted,
    Inspection, Issue, Item, ItemKind, ListedToken, Lock, NewToken, Outage, OutageKind,
    PasswordChange, Spared, Store, StoreError, TokenPage, TokenUse, UserPage, UserQuery, Watcher,
};
use crate::clock::{OnceASecond, Timestamp};
use crate::metrics::Metrics;
use crate::model::event::Event;
use crate::model::limit::{Charge, Familiar, Taken};
use crate::model::token::{KnoxKey, OldDigest, TokenDigest, TokenRecord};
use crate::model::user::{NewUser, User, UserChange, UserId, Username};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// What a request asks to be judged: one record or two.
const READ: Option<Duration> = Some(Duration::from_millis(600));
/// What else somebody waits for: whoever is owed an answer gets it within a second.
const STEP: Option<Duration> = Some(Duration::from_millis(800));
/// What operators look through.
const LIST: Option<Duration> = Some(Duration::from_secs(5));
/// What nobody waits for, or takes many steps, such as making a user; each of them has its time.
const LONG: Option<Duration> = None;

/// A store that is watched.
pub struct Observed {
    metrics: Arc<Metrics>,
    store: Arc<dyn Store>,
    told: Told,
}

/// What is told once a second at most.
#[derive(Default)]
struct Told {
    /// Of each kind of record.
    corrupt: Mutex<HashMap<&'static str, OnceASecond>>,
    timeout: OnceASecond,
    unavailable: OnceASecond,
    unsuitable: OnceASecond,
    write_refused: OnceASecond,
}

impl Told {
    /// How many records of a kind are to be told now that cannot be read, if any.
    fn corrupt(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.corrupt.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.entry(kind).or_default().count(now)
    }
}

impl Observed {
    /// Watches a store.
    pub fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { metrics, store, told: Told::default() }
    }

    async fn call<T>(
        &self,
        patience: Option<Duration>,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let _in_flight = self.metrics.store_call_begins();
        let begun = Instant::now();
        let answer = match patience {
            Some(patience) => timeout(patience, call).await.unwrap_or_else(|_| Err(late())),
            None => call.await,
        };
        self.metrics.store_call_ends(begun.elapsed());
        if let Err(error) = &answer {
            self.failed(error);
        }
        answer
    }

    fn failed(&self, error: &StoreError) {
        self.metrics.store_failed(error.kind());
        self.metrics.store_circuits_open(self.store.open_circuits());
        let now = Instant::now();
        let outage = match error {
            StoreError::Corrupt { what, .. } => {
                self.metrics.record_corrupt(what);
                if let Some(number) = self.told.corrupt(what, now) {
                    tracing::error!(number, kind = what, %error, "record_corrupt");
                }
                return;
            }
            StoreError::Unsuitable(_) => {
                if let Some(number) = self.told.unsuitable.count(now) {
                    tracing::error!(number, %error, "store_unsuitable");
                }
                return;
            }
            StoreError::Unavailable(outage) => outage,
        };
        self.out(outage, now);
    }

    /// Tells of an outage. Whether the store is away says only the question that is put once a second:
    /// a call may fail of itself.
    fn out(&self, outage: &Outage, now: Instant) {
        let error = outage as &dyn std::error::Error;
        match outage.kind {
            OutageKind::Gone | OutageKind::Refused => {
                if let Some(number) = self.told.unavailable.count(now) {
                    tracing::warn!(number, error, "store_unavailable");
                }
            }
            OutageKind::Silent => {
                if let Some(number) = self.told.timeout.count(now) {
                    tracing::warn!(number, error, "store_timeout");
                }
            }
            OutageKind::Unwritable(reason) => {
                if let Some(number) = self.told.write_refused.count(now) {
                    tracing::warn!(number, reason, error, "store_write_refused");
                }
            }
        }
    }
}

fn late() -> StoreError {
    StoreError::out(OutageKind::Silent, "no answer in time")
}

/// Passes calls on, each with the time that it may take.
macro_rules! calls {
    ($($time:ident $name:ident($($what:ident: $of:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Observed {
            $(
                async fn $name(&self, $($what: $of),*) -> Result<$answer, StoreError> {
                    self.call($time, self.store.$name($($what),*)).await
                }
            )*

            async fn ping(&self) -> Result<(), StoreError> {
                let answer = self.call(STEP, self.store.ping()).await;
                self.metrics.store_is(answer.is_ok());
                self.metrics.store_circuits_open(self.store.open_circuits());
                answer
            }

            async fn watch(&self, watcher: Arc<dyn Watcher>, beat: Duration) -> StoreError {
                self.store.watch(watcher, beat).await
            }

            fn is_shared(&self) -> bool {
                self.store.is_shared()
            }

            fn open_circuits(&self) -> usize {
                self.store.open_circuits()
            }

            fn told_within(&self) -> Duration {
                self.store.told_within()
            }
        }
    };
}

calls! {
    LONG insert_user(user: NewUser) -> Inserted;
    READ user(id: UserId) -> Option<User>;
    READ user_by_name(name: &Username) -> Option<User>;
    LIST users_after(after: Option<UserId>, limit: usize) -> Vec<User>;
    STEP change_user(id: UserId, change: UserChange) -> Option<User>;
    STEP change_other(id: UserId, change: UserChange) -> Spared<User>;
    STEP replace_password(change: PasswordChange) -> Option<u64>;
    LONG delete_user(id: UserId) -> bool;
    LONG delete_other(id: UserId) -> Spared<()>;
    STEP issue_token(token: NewToken) -> Issue;
    READ token(digest: TokenDigest) -> Option<(TokenRecord, User)>;
    LIST tokens_of(user: UserId, now: Timestamp) -> Vec<ListedToken>;
    STEP extend_token(digest: TokenDigest, expires: Timestamp) -> bool;
    STEP revoke_token(digest: TokenDigest) -> bool;
    STEP exchange_token(old: TokenDigest, new: &TokenRecord) -> bool;
    STEP revoke_tokens_of(user: UserId, ended: u64) -> bool;
    READ old_digests(key: &KnoxKey) -> Vec<OldDigest>;
    READ has_old_digests() -> bool;
    LONG sweep(now: Timestamp) -> u64;
    LIST wants_sweep() -> bool;
    STEP take(charges: &[Charge], now: Timestamp) -> Counted;
    STEP give_back(charges: &[Charge]) -> ();
    LIST limits(now: Timestamp) -> Vec<(String, Taken)>;
    LIST clear_limits(keys: Vec<String>) -> u64;
    STEP make_familiar(familiar: Familiar, until: Timestamp) -> ();
    READ familiar_until(familiar: Familiar, now: Timestamp) -> Option<Timestamp>;
    STEP forget_familiar(user: UserId) -> ();
    LIST keep_events(events: &[Event], bounds: EventBounds) -> ();
    LIST events(query: &EventQuery) -> EventPage;
    LIST news_of_events(place: Option<&Cursor>, limit: usize) -> EventNews;
    LONG sweep_events(bounds: EventBounds) -> ();
    LIST find_users(query: &UserQuery, now: Timestamp) -> UserPage;
    LONG has_operator(beside: Option<UserId>) -> bool;
    LIST find_tokens(after: Option<&Cursor>, limit: usize, now: Timestamp) -> TokenPage;
    LIST note_uses(uses: &[TokenUse]) -> ();
    LIST census(now: Timestamp) -> Census;
    STEP put_item(item: &Item) -> ();
    STEP add_item(item: &Item, now: Timestamp) -> bool;
    STEP replace_item(value: &str, item: &Item) -> bool;
    READ item(kind: ItemKind, key: &str, now: Timestamp) -> Option<Item>;
    LIST items(kind: ItemKind, now: Timestamp) -> Vec<Item>;
    STEP remove_item(kind: ItemKind, key: &str) -> bool;
    STEP take_lock(lock: &Lock, now: Timestamp) -> bool;
    STEP release_lock(lock: &Lock) -> ();
    STEP add_counts(counts: &[Count]) -> ();
    LIST counts(since: Timestamp) -> Vec<Count>;
    STEP clocks() -> Vec<Timestamp>;
    LONG make_newest() -> ();
    STEP refuse_half() -> ();
    LIST inspect() -> Inspection;
}

#[cfg(test)]
mod tests {
    use super::super::redis::RedisStore;
    use super::*;
    use std::future::pending;

    #[tokio::test]
    async fn a_call_that_is_not_answered_ends_in_its_time() {
        const SOON: Duration = Duration::from_secs(1);
        let nobody = RedisStore::open("redis://127.0.0.1:1/0").unwrap();
        let observed = Observed::new(Arc::new(nobody), Arc::default());
        for patience in [READ, STEP] {
            let call = observed.call::<()>(patience, pending());
            let late = timeout(SOON, call).await.expect("an end").unwrap_err();
            assert_eq!(late.kind(), "timeout");
        }
    }
}
