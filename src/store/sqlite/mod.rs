//! Users and tokens in an SQLite file on this machine.
//!
//! Writes go to one thread, which commits what has queued up in one transaction; reads go to a few
//! threads with a connection each. Other processes may use the file at the same time.

pub(in crate::store) mod archive;
pub(in crate::store) mod carry;
mod check;
mod counts;
mod deleted;
pub(in crate::store) mod draft;
mod ended;
mod events;
mod fault;
mod feed;
mod file;
mod find_order;
mod find_tokens;
mod find_users;
mod find_wanted;
mod items;
pub(in crate::store) mod land;
mod land_anew;
mod land_one;
mod land_others;
mod land_step;
mod land_tokens;
mod limits;
mod locks;
mod log;
pub(in crate::store) mod make;
mod mirror;
mod old_digests;
mod queue;
mod readers;
pub(in crate::store) mod restore;
mod rows;
pub(in crate::store) mod stats;
mod tokens;
mod trouble;
mod users;
pub(in crate::store) mod verify;
mod writer;

pub use self::file::APPLICATION;

use super::feed::Listener;
use super::{
    Census, Change, Count, Counted, Cursor, EventBounds, EventNews, EventPage, EventQuery,
    Inserted, Inspection, Issue, Item, ItemKind, ListedToken, Lock, NewToken, PasswordChange,
    Spared, Store, StoreError, TokenPage, TokenUse, Unreadable, UserPage, UserQuery, Watcher,
};
use crate::clock::Timestamp;
use crate::model::event::Event;
use crate::model::limit::{Charge, Familiar, Taken};
use crate::model::token::{KnoxKey, OldDigest, TokenDigest, TokenRecord};
use crate::model::user::{NewUser, User, UserChange, UserId, Username};
use async_trait::async_trait;
use file::Place;
use readers::Readers;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use writer::Writer;

/// A store in one file. Its threads end when it is dropped.
pub struct SqliteStore {
    listener: Listener,
    place: Arc<Place>,
    readers: Readers,
    unreadable: Unreadable,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the file, or makes it for the eyes of this user alone when it is not there.
    ///
    /// Blocks for up to a second. Refuses, as [`StoreError::Unsuitable`], a file that is not ours or
    /// comes from a newer version, and leaves it as it is.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let writer = file::open(path)?;
        let readers = (0..readers::COUNT).map(|_| file::connect_reader(path));
        let listener = Listener::default();
        Ok(Self {
            readers: Readers::start(readers.collect::<Result<_, _>>()?)?,
            unreadable: Unreadable::default(),
            writer: Writer::start(writer, listener.clone())?,
            listener,
            place: Arc::new(Place::of(path)?),
        })
    }

    /// Refuses a file that is there and damaged, as far as that can be seen in the time that a start may
    /// take: the whole of it is gone through up to 64 MiB.
    pub fn check(path: &Path) -> Result<(), StoreError> {
        check::check(path)
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.place);
        self.readers.query(move |db| place.check().and_then(|()| query(db))).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &mut Vec<Change>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.place);
        let work = move |db: &Connection, changes: &mut Vec<Change>| {
            place.check()?;
            work(db, changes)
        };
        self.writer.perform(work).await
    }

    /// Deletes some useless tokens; `None` when none are left.
    ///
    /// The search, which may be long, is a reader's: the writer is held for no more than a batch.
    async fn sweep_some(&self, now: Timestamp) -> Result<Option<u64>, StoreError> {
        let useless = self.read(move |db| tokens::find_useless(db, now)).await?;
        if useless.is_empty() {
            return Ok(None);
        }
        self.write(move |db, _| tokens::delete_useless(db, &useless, now)).await.map(Some)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn insert_user(&self, user: NewUser) -> Result<Inserted, StoreError> {
        self.write(move |db, _| users::insert(db, &user)).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.read(move |db| users::find(db, id)).await
    }

    async fn user_by_name(&self, name: &Username) -> Result<Option<User>, StoreError> {
        let name = name.clone();
        self.read(move |db| users::find_by_name(db, &name)).await
    }

    async fn users_after(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        self.read(move |db| users::list(db, after, limit)).await
    }

    async fn change_user(
        &self,
        id: UserId,
        change: UserChange,
    ) -> Result<Option<User>, StoreError> {
        self.write(move |db, changes| {
            changes.push(Change::User(id));
            users::change(db, id, &change)
        })
        .await
    }

    async fn change_other(
        &self,
        id: UserId,
        change: UserChange,
    ) -> Result<Spared<User>, StoreError> {
        self.write(move |db, changes| {
            users::sparing(db, id, || {
                changes.push(Change::User(id));
                users::change(db, id, &change)
            })
        })
        .await
    }

    async fn replace_password(&self, change: PasswordChange) -> Result<Option<u64>, StoreError> {
        self.write(move |db, changes| users::replace_password(db, &change, changes)).await
    }

    async fn delete_user(&self, id: UserId) -> Result<bool, StoreError> {
        self.write(move |db, changes| {
            changes.push(Change::User(id));
            users::delete(db, id)
        })
        .await
    }

    async fn delete_other(&self, id: UserId) -> Result<Spared<()>, StoreError> {
        self.write(move |db, changes| {
            users::sparing(db, id, || {
                changes.push(Change::User(id));
                Ok(users::delete(db, id)?.then_some(()))
            })
        })
        .await
    }

    async fn issue_token(&self, token: NewToken) -> Result<Issue, StoreError> {
        self.write(move |db, changes| tokens::issue(db, &token, changes)).await
    }

    async fn token(&self, digest: TokenDigest) -> Result<Option<(TokenRecord, User)>, StoreError> {
        self.read(move |db| tokens::find(db, &digest)).await
    }

    async fn tokens_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<ListedToken>, StoreError> {
        self.read(move |db| tokens::list(db, user, now)).await
    }

    async fn extend_token(
        &self,
        digest: TokenDigest,
        expires: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write(move |db, changes| {
            changes.push(Change::Token(digest.key()));
            tokens::extend(db, &digest, expires)
        })
        .await
    }

    async fn revoke_token(&self, digest: TokenDigest) -> Result<bool, StoreError> {
        self.write(move |db, changes| tokens::revoke(db, &digest, changes)).await
    }

    async fn revoke_tokens_of(&self, user: UserId, ended: u64) -> Result<bool, StoreError> {
        self.write(move |db, changes| {
            changes.push(Change::User(user));
            tokens::revoke_all(db, user, ended)
        })
        .await
    }

    async fn exchange_token(
        &self,
        old: TokenDigest,
        new: &TokenRecord,
    ) -> Result<bool, StoreError> {
        let new = new.clone();
        self.write(move |db, changes| tokens::exchange(db, &old, &new, changes)).await
    }

    async fn old_digests(&self, key: &KnoxKey) -> Result<Vec<OldDigest>, StoreError> {
        let key = key.clone();
        self.read(move |db| old_digests::find(db, &key)).await
    }

    async fn has_old_digests(&self) -> Result<bool, StoreError> {
        self.read(old_digests::any).await
    }

    async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut total = 0;
        while let Some(deleted) = self.sweep_some(now).await? {
            total += deleted;
        }
        while self.write(move |db, _| limits::sweep(db, now)).await? > 0 {}
        self.write(move |db, _| items::sweep(db, now)).await?;
        Ok(total)
    }

    async fn wants_sweep(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Counted, StoreError> {
        let charges = charges.to_vec();
        self.write(move |db, _| limits::take(db, &charges, now)).await
    }

    async fn give_back(&self, charges: &[Charge]) -> Result<(), StoreError> {
        let charges = charges.to_vec();
        self.write(move |db, _| limits::give_back(db, &charges)).await
    }

    async fn limits(&self, now: Timestamp) -> Result<Vec<(String, Taken)>, StoreError> {
        self.read(move |db| limits::list(db, now)).await
    }

    async fn clear_limits(&self, keys: Vec<String>) -> Result<u64, StoreError> {
        self.write(move |db, _| limits::clear(db, &keys)).await
    }

    async fn make_familiar(&self, familiar: Familiar, until: Timestamp) -> Result<(), StoreError> {
        self.write(move |db, _| limits::make_familiar(db, familiar, until)).await
    }

    async fn familiar_until(
        &self,
        familiar: Familiar,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |db| limits::familiar_until(db, familiar, now)).await
    }

    async fn forget_familiar(&self, user: UserId) -> Result<(), StoreError> {
        self.write(move |db, _| limits::forget_familiar(db, user)).await
    }

    /// Another process may have the file for a while, but not another machine.
    fn is_shared(&self) -> bool {
        false
    }

    async fn keep_events(&self, events: &[Event], bounds: EventBounds) -> Result<(), StoreError> {
        let events = events.to_vec();
        self.write(move |db, _| events::keep(db, &events, bounds)).await
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, StoreError> {
        let query = query.clone();
        self.read(move |db| events::list(db, &query)).await
    }

    async fn news_of_events(
        &self,
        place: Option<&Cursor>,
        limit: usize,
    ) -> Result<EventNews, StoreError> {
        let place = place.cloned();
        self.read(move |db| events::news(db, place.as_ref(), limit)).await
    }

    async fn sweep_events(&self, bounds: EventBounds) -> Result<(), StoreError> {
        while self.write(move |db, _| events::sweep_some(db, bounds)).await? > 0 {}
        Ok(())
    }

    async fn find_users(&self, query: &UserQuery, now: Timestamp) -> Result<UserPage, StoreError> {
        let query = query.clone();
        self.read(move |db| find_users::page(db, &query, now)).await
    }

    async fn has_operator(&self, beside: Option<UserId>) -> Result<bool, StoreError> {
        self.read(move |db| users::has_operator(db, beside)).await
    }

    async fn find_tokens(
        &self,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<TokenPage, StoreError> {
        let after = after.cloned();
        self.read(move |db| find_tokens::page(db, after.as_ref(), limit, now)).await
    }

    /// Tells no watcher: a use changes nothing that decides.
    async fn note_uses(&self, uses: &[TokenUse]) -> Result<(), StoreError> {
        let uses = uses.to_vec();
        self.write(move |db, _| find_tokens::note_uses(db, &uses)).await
    }

    async fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        self.read(move |db| find_tokens::census(db, now)).await
    }

    async fn take_lock(&self, lock: &Lock, now: Timestamp) -> Result<bool, StoreError> {
        let lock = lock.clone();
        self.write(move |db, _| locks::take(db, &lock, now)).await
    }

    async fn release_lock(&self, lock: &Lock) -> Result<(), StoreError> {
        let lock = lock.clone();
        self.write(move |db, _| locks::release(db, &lock)).await
    }

    async fn add_counts(&self, counts: &[Count]) -> Result<(), StoreError> {
        let counts = counts.to_vec();
        self.write(move |db, _| counts::add(db, &counts)).await
    }

    async fn counts(&self, since: Timestamp) -> Result<Vec<Count>, StoreError> {
        self.read(move |db| counts::list(db, since)).await
    }

    async fn put_item(&self, item: &Item) -> Result<(), StoreError> {
        let item = item.clone();
        self.write(move |db, _| items::put(db, &item)).await
    }

    async fn add_item(&self, item: &Item, now: Timestamp) -> Result<bool, StoreError> {
        let item = item.clone();
        self.write(move |db, _| items::add(db, &item, now)).await
    }

    async fn replace_item(&self, value: &str, item: &Item) -> Result<bool, StoreError> {
        let (value, item) = (value.to_owned(), item.clone());
        self.write(move |db, _| items::replace(db, &value, &item)).await
    }

    async fn item(
        &self,
        kind: ItemKind,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Item>, StoreError> {
        let key = key.to_owned();
        self.read(move |db| items::find(db, kind, &key, now)).await
    }

    async fn items(&self, kind: ItemKind, now: Timestamp) -> Result<Vec<Item>, StoreError> {
        let found = self.read(move |db| items::list(db, kind, now)).await?;
        Ok(self.unreadable.pass_over(kind, found))
    }

    async fn remove_item(&self, kind: ItemKind, key: &str) -> Result<bool, StoreError> {
        let key = key.to_owned();
        self.write(move |db, _| items::remove(db, kind, &key)).await
    }

    async fn watch(&self, watcher: Arc<dyn Watcher>, beat: Duration) -> StoreError {
        self.listener.set(Arc::clone(&watcher));
        self.follow(&*watcher, beat).await
    }

    fn told_within(&self) -> Duration {
        feed::TOLD_WITHIN
    }

    /// It judges by the clock of this machine.
    async fn clocks(&self) -> Result<Vec<Timestamp>, StoreError> {
        Ok(Vec::new())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(|db| users::list(db, None, 1)).await.map(drop)
    }

    /// It was, when it was opened.
    async fn make_newest(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn inspect(&self) -> Result<Inspection, StoreError> {
        let place = Arc::clone(&self.place);
        self.read(move |db| file::inspect(db, place.path())).await
    }
}
