//! Users and tokens in Redis or Valkey, for more than one gateway.
//!
//! A token is good only while its epoch is its user's, so all of a user's tokens end in one step.
//! No step needs keys of two slots to change together: writes are ordered so that a crash between
//! two of them leaves what nobody can reach, and [`Store::sweep`] picks that up.

mod address;
mod before;
mod carry;
mod clocks;
mod cluster;
mod connecting;
mod connection;
mod counts;
mod deleted;
mod events;
mod exchange;
mod export;
mod fault;
mod feed;
mod find_order;
mod find_prefix;
mod find_tokens;
mod find_users;
mod followed;
mod identity;
mod import;
mod import_events;
mod import_full;
mod import_users;
mod index_entries;
mod indexes;
mod inspect;
mod items;
mod kept;
mod keys;
mod land;
mod land_add;
mod land_batch;
mod land_begun;
mod land_former;
mod land_judge;
mod land_over;
mod land_pace;
mod land_put;
mod land_replace;
mod land_token;
mod layout;
mod layout_1;
mod limits;
mod link;
mod locks;
mod node;
mod notes;
mod old_digests;
mod operators;
mod opinions;
mod password;
mod patience;
mod portions;
mod read_users;
mod record;
mod request;
mod room;
mod scripts;
mod sentinel;
mod slots;
mod stats;
mod sweep;
mod tokens;
pub(super) mod turn;
mod users;
mod verify;
mod verify_begun;
mod verify_items;
mod verify_page;
mod verify_tokens;
mod walk;

use self::address::Address;
use self::layout::Update;
use self::link::Link;
use self::scripts::Scripts;
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
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Keeps users and tokens in a Redis server.
///
/// The connection is made on first use. A server that is down or silent is an error within a
/// second, and is used again as soon as it is back.
pub struct RedisStore {
    /// The highest number of a user that was seen here: none up to it is given out again.
    highest_user: AtomicU64,
    link: Link,
    listener: Listener,
    scripts: Scripts,
    unreadable: Unreadable,
    update: Update,
}

impl RedisStore {
    /// A store at `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, by Sentinel at
    /// `redis+sentinel://…HOST:PORT,HOST:PORT/NAME[/DB]`, or in a Cluster at
    /// `redis+cluster://…HOST:PORT,HOST:PORT`; with `rediss` for TLS. Connects to nothing yet; fails
    /// with [`StoreError::Unsuitable`] if the address is wrong.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_trusting(url, None)
    }

    /// The same, where by TLS only those are trusted for whom these authorities vouch, in PEM.
    pub fn open_trusting(url: &str, authorities: Option<&[u8]>) -> Result<Self, StoreError> {
        // The crate's own words could repeat the address, and with it the password.
        let link = Address::parse(url).and_then(|mut address| {
            address.trust(authorities);
            Link::new(address).ok()
        });
        let link = link.ok_or_else(|| {
            StoreError::Unsuitable(
                "the address of Redis is not like redis://HOST:PORT/DB, \
                 redis+sentinel://HOST:PORT,HOST:PORT/NAME or redis+cluster://HOST:PORT,HOST:PORT \
                 (special characters in a password must be percent-encoded)"
                    .to_owned(),
            )
        })?;
        let (listener, scripts) = (Listener::default(), Scripts::new());
        let (highest_user, unreadable) = (AtomicU64::default(), Unreadable::default());
        let update = Update::default();
        Ok(Self { highest_user, link, listener, scripts, unreadable, update })
    }

    /// Has what ends something answered only once so many replicas have it.
    #[must_use]
    pub fn ending_on(mut self, replicas: u16) -> Self {
        self.link.end_on(replicas);
        self
    }

    /// Whether [`RedisStore::open`] can read an address.
    pub fn is_address(url: &str) -> bool {
        Address::parse(url).is_some()
    }

    /// Tells of a change once it is tried: whether or not it happened, it may have. The feed will
    /// tell the same, but perhaps only after the answer.
    ///
    /// It is told also if the caller gives up in between.
    async fn changing<T>(&self, change: Change, attempt: impl Future<Output = T>) -> T {
        let _told = self.listener.tell_at_the_end(change);
        attempt.await
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn insert_user(&self, user: NewUser) -> Result<Inserted, StoreError> {
        self.add_user(user).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.read_user(id).await
    }

    async fn user_by_name(&self, name: &Username) -> Result<Option<User>, StoreError> {
        self.find_user(name).await
    }

    async fn users_after(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        self.list_users(after, limit).await
    }

    async fn change_user(
        &self,
        id: UserId,
        change: UserChange,
    ) -> Result<Option<User>, StoreError> {
        let written = self.write_change(id, &change, false);
        Ok(self.changing(Change::User(id), written).await?.done())
    }

    async fn change_other(
        &self,
        id: UserId,
        change: UserChange,
    ) -> Result<Spared<User>, StoreError> {
        self.changing(Change::User(id), self.write_change(id, &change, true)).await
    }

    async fn replace_password(&self, change: PasswordChange) -> Result<Option<u64>, StoreError> {
        // The token is told first: of a later epoch than its user, it is looked up.
        let _user = self.listener.tell_at_the_end(Change::User(change.user));
        let told = |digest: &TokenDigest| Change::Token(digest.key());
        let _tokens: Vec<_> =
            change.keep.iter().map(|one| self.listener.tell_at_the_end(told(one))).collect();
        self.write_password(&change).await
    }

    async fn delete_user(&self, id: UserId) -> Result<bool, StoreError> {
        let removed = self.changing(Change::User(id), self.remove_user(id, false)).await?;
        Ok(removed.done().is_some())
    }

    async fn delete_other(&self, id: UserId) -> Result<Spared<()>, StoreError> {
        self.changing(Change::User(id), self.remove_user(id, true)).await
    }

    async fn issue_token(&self, token: NewToken) -> Result<Issue, StoreError> {
        let change = Change::Token(token.record.digest.key());
        self.changing(change, self.add_token(&token)).await
    }

    async fn token(&self, digest: TokenDigest) -> Result<Option<(TokenRecord, User)>, StoreError> {
        self.find_token(digest).await
    }

    async fn tokens_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<ListedToken>, StoreError> {
        self.list_tokens(user, now).await
    }

    async fn extend_token(
        &self,
        digest: TokenDigest,
        expires: Timestamp,
    ) -> Result<bool, StoreError> {
        self.changing(Change::Token(digest.key()), self.move_end(digest, expires)).await
    }

    async fn revoke_token(&self, digest: TokenDigest) -> Result<bool, StoreError> {
        self.changing(Change::Token(digest.key()), self.remove_token(digest)).await
    }

    async fn revoke_tokens_of(&self, user: UserId, ended: u64) -> Result<bool, StoreError> {
        self.changing(Change::User(user), self.end_tokens(user, ended)).await
    }

    async fn exchange_token(
        &self,
        old: TokenDigest,
        new: &TokenRecord,
    ) -> Result<bool, StoreError> {
        let _old = self.listener.tell_at_the_end(Change::Token(old.key()));
        let change = Change::Token(new.digest.key());
        self.changing(change, self.change_digest(old, new)).await
    }

    async fn old_digests(&self, key: &KnoxKey) -> Result<Vec<OldDigest>, StoreError> {
        self.find_old_digests(key).await
    }

    async fn has_old_digests(&self) -> Result<bool, StoreError> {
        self.has_any_old_digest().await
    }

    async fn sweep(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.sweep_users(now).await
    }

    async fn wants_sweep(&self) -> Result<bool, StoreError> {
        Ok(!self.is_indexed().await?)
    }

    /// By the server's own clock, which all gateways share.
    async fn take(&self, charges: &[Charge], _: Timestamp) -> Result<Counted, StoreError> {
        self.take_of(charges).await
    }

    async fn give_back(&self, charges: &[Charge]) -> Result<(), StoreError> {
        self.give_back_of(charges).await
    }

    async fn limits(&self, now: Timestamp) -> Result<Vec<(String, Taken)>, StoreError> {
        self.list_limits(now).await
    }

    async fn clear_limits(&self, keys: Vec<String>) -> Result<u64, StoreError> {
        self.forget_limits(&keys).await
    }

    async fn make_familiar(&self, familiar: Familiar, until: Timestamp) -> Result<(), StoreError> {
        self.note_familiar(familiar, until).await
    }

    async fn familiar_until(
        &self,
        familiar: Familiar,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.read_familiar(familiar, now).await
    }

    async fn forget_familiar(&self, user: UserId) -> Result<(), StoreError> {
        self.drop_familiar(user).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn keep_events(&self, events: &[Event], bounds: EventBounds) -> Result<(), StoreError> {
        self.add_events(events, bounds).await
    }

    async fn events(&self, query: &EventQuery) -> Result<EventPage, StoreError> {
        self.list_events(query).await
    }

    async fn news_of_events(
        &self,
        place: Option<&Cursor>,
        limit: usize,
    ) -> Result<EventNews, StoreError> {
        self.news(place, limit).await
    }

    async fn sweep_events(&self, bounds: EventBounds) -> Result<(), StoreError> {
        self.drop_events(bounds).await
    }

    async fn find_users(&self, query: &UserQuery, now: Timestamp) -> Result<UserPage, StoreError> {
        self.page_of_users(query, now).await
    }

    async fn has_operator(&self, beside: Option<UserId>) -> Result<bool, StoreError> {
        self.find_operator(beside).await
    }

    async fn find_tokens(
        &self,
        after: Option<&Cursor>,
        limit: usize,
        now: Timestamp,
    ) -> Result<TokenPage, StoreError> {
        self.page_of_tokens(after, limit, now).await
    }

    /// Tells no watcher: a use changes nothing that decides.
    async fn note_uses(&self, uses: &[TokenUse]) -> Result<(), StoreError> {
        self.write_uses(uses).await
    }

    async fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        self.take_census(now).await
    }

    async fn put_item(&self, item: &Item) -> Result<(), StoreError> {
        self.keep_item(item).await
    }

    async fn add_item(&self, item: &Item, now: Timestamp) -> Result<bool, StoreError> {
        self.keep_new_item(item, now).await
    }

    async fn replace_item(&self, value: &str, item: &Item) -> Result<bool, StoreError> {
        self.change_item(value, item).await
    }

    async fn item(
        &self,
        kind: ItemKind,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Item>, StoreError> {
        self.read_item(kind, key, now).await
    }

    async fn items(&self, kind: ItemKind, now: Timestamp) -> Result<Vec<Item>, StoreError> {
        self.list_items(kind, now).await
    }

    async fn remove_item(&self, kind: ItemKind, key: &str) -> Result<bool, StoreError> {
        self.drop_item(kind, key).await
    }

    async fn take_lock(&self, lock: &Lock, _: Timestamp) -> Result<bool, StoreError> {
        self.take_or_cap_lock(lock).await
    }

    async fn release_lock(&self, lock: &Lock) -> Result<(), StoreError> {
        self.drop_lock(lock).await
    }

    async fn add_counts(&self, counts: &[Count]) -> Result<(), StoreError> {
        self.count_more(counts).await
    }

    async fn counts(&self, since: Timestamp) -> Result<Vec<Count>, StoreError> {
        self.list_counts(since).await
    }

    async fn watch(&self, watcher: Arc<dyn Watcher>, beat: Duration) -> StoreError {
        self.listener.set(Arc::clone(&watcher));
        self.follow(watcher, beat).await
    }

    fn told_within(&self) -> Duration {
        feed::TOLD_WITHIN
    }

    fn open_circuits(&self) -> usize {
        self.link.open_circuits()
    }

    async fn clocks(&self) -> Result<Vec<Timestamp>, StoreError> {
        self.ask_clocks().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ask_ping().await
    }

    async fn make_newest(&self) -> Result<(), StoreError> {
        self.bring_up_to_date().await
    }

    async fn refuse_half(&self) -> Result<(), StoreError> {
        self.check_layout().await
    }

    async fn inspect(&self) -> Result<Inspection, StoreError> {
        self.ask_inspection().await
    }
}
