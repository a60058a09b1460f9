//! A gateway's handle on the server. Every method stops before it acts, and once more before its
//! answer arrives, until the scheduler lets it go on.

use crate::server::{Gate, Kind, Server, Tables};
use async_trait::async_trait;
use authgate::clock::Timestamp;
use authgate::model::event::Event;
use authgate::model::limit::{Charge, Familiar, Taken};
use authgate::model::token::{KnoxKey, OldDigest, TokenDigest, TokenRecord};
use authgate::model::user::{NewUser, User, UserChange, UserId, Username};
use authgate::store::{
    Census, Change, Count, Counted, Cursor, EventBounds, EventNews, EventPage, EventQuery,
    Inserted, Inspection, Issue, Item, ItemKind, ListedToken, Lock, NewToken, PasswordChange,
    Spared, Store, StoreError, TokenPage, TokenUse, UserPage, UserQuery, Watcher,
};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

pub(crate) struct Handle {
    gate: Gate,
    server: Arc<Mutex<Server>>,
}

impl Handle {
    pub(crate) fn new(gate: Gate, server: Arc<Mutex<Server>>) -> Self {
        Self { gate, server }
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap()
    }

    /// As both stores promise: a change is told before the method that makes it returns.
    async fn changing<T>(&self, change: Change, act: impl FnOnce(&mut Tables) -> T) -> T {
        pause().await;
        let outcome = self.server().change(Some(self.gate), change, act);
        pause().await;
        self.server().tell_own(self.gate, change);
        pause().await;
        outcome
    }

    async fn reading<T>(&self, read: impl FnOnce(&mut Server) -> T) -> T {
        pause().await;
        let outcome = read(&mut self.server());
        pause().await;
        outcome
    }
}

#[async_trait]
impl Store for Handle {
    async fn insert_user(&self, _: NewUser) -> Result<Inserted, StoreError> {
        unimplemented!("users are there from the beginning")
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.reading(|server| server.tables.users.get(&id).cloned()).await)
    }

    async fn user_by_name(&self, name: &Username) -> Result<Option<User>, StoreError> {
        let find = |server: &mut Server| {
            server.tables.users.values().find(|user| user.username == *name).cloned()
        };
        Ok(self.reading(find).await)
    }

    async fn users_after(&self, _: Option<UserId>, _: usize) -> Result<Vec<User>, StoreError> {
        unimplemented!("nobody lists users")
    }

    async fn change_user(
        &self,
        id: UserId,
        change: UserChange,
    ) -> Result<Option<User>, StoreError> {
        Ok(self.changing(Change::User(id), |tables| tables.change_user(id, &change)).await)
    }

    async fn change_other(
        &self,
        id: UserId,
        change: UserChange,
    ) -> Result<Spared<User>, StoreError> {
        let changed = self.change_user(id, change).await?;
        Ok(changed.map_or(Spared::Gone, Spared::Done))
    }

    async fn replace_password(&self, _: PasswordChange) -> Result<Option<u64>, StoreError> {
        unimplemented!("nobody has a password")
    }

    async fn delete_user(&self, id: UserId) -> Result<bool, StoreError> {
        Ok(self.changing(Change::User(id), |tables| tables.delete_user(id)).await)
    }

    async fn delete_other(&self, id: UserId) -> Result<Spared<()>, StoreError> {
        let is_deleted = self.delete_user(id).await?;
        Ok(if is_deleted { Spared::Done(()) } else { Spared::Gone })
    }

    async fn issue_token(&self, token: NewToken) -> Result<Issue, StoreError> {
        let record = token.record;
        pause().await;
        // Redis decides on one key and writes the other; SQLite does both at once.
        let is_decided = self.server().tables.may_issue(&record);
        if self.server().kind == Kind::Redis {
            pause().await;
        }
        let add = |tables: &mut Tables| {
            if !is_decided {
                return Issue::UserChanged;
            }
            tables.tokens.insert(record.digest, record.clone());
            Issue::Done
        };
        let change = Change::Token(record.digest.key());
        let outcome = self.server().change(Some(self.gate), change, add);
        pause().await;
        self.server().tell_own(self.gate, change);
        pause().await;
        Ok(outcome)
    }

    async fn token(&self, digest: TokenDigest) -> Result<Option<(TokenRecord, User)>, StoreError> {
        pause().await;
        let found = {
            let mut server = self.server();
            server.reads += 1;
            server.tables.tokens.get(&digest).cloned()
        };
        let Some(token) = found else {
            pause().await;
            return Ok(None);
        };
        if self.server().kind == Kind::Redis {
            pause().await;
        }
        let user = self.server().tables.users.get(&token.user).cloned();
        pause().await;
        Ok(user.map(|user| (token, user)))
    }

    async fn tokens_of(&self, _: UserId, _: Timestamp) -> Result<Vec<ListedToken>, StoreError> {
        unimplemented!("nobody lists tokens")
    }

    async fn extend_token(&self, digest: TokenDigest, end: Timestamp) -> Result<bool, StoreError> {
        Ok(self.changing(Change::Token(digest.key()), |tables| tables.extend(digest, end)).await)
    }

    async fn revoke_token(&self, digest: TokenDigest) -> Result<bool, StoreError> {
        let revoke = |tables: &mut Tables| tables.tokens.remove(&digest).is_some();
        Ok(self.changing(Change::Token(digest.key()), revoke).await)
    }

    async fn exchange_token(&self, _: TokenDigest, _: &TokenRecord) -> Result<bool, StoreError> {
        unimplemented!("nobody has a token of another program")
    }

    async fn revoke_tokens_of(&self, user: UserId, _: u64) -> Result<bool, StoreError> {
        Ok(self.changing(Change::User(user), |tables| tables.revoke_all(user)).await)
    }

    async fn old_digests(&self, _: &KnoxKey) -> Result<Vec<OldDigest>, StoreError> {
        Ok(Vec::new())
    }

    async fn has_old_digests(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn take(&self, _: &[Charge], _: Timestamp) -> Result<Counted, StoreError> {
        unimplemented!("nothing is limited")
    }

    async fn give_back(&self, _: &[Charge]) -> Result<(), StoreError> {
        unimplemented!("nothing is limited")
    }

    async fn limits(&self, _: Timestamp) -> Result<Vec<(String, Taken)>, StoreError> {
        unimplemented!("nothing is limited")
    }

    async fn clear_limits(&self, _: Vec<String>) -> Result<u64, StoreError> {
        unimplemented!("nothing is limited")
    }

    async fn make_familiar(&self, _: Familiar, _: Timestamp) -> Result<(), StoreError> {
        unimplemented!("nobody logs in")
    }

    async fn familiar_until(
        &self,
        _: Familiar,
        _: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        unimplemented!("nobody logs in")
    }

    async fn forget_familiar(&self, _: UserId) -> Result<(), StoreError> {
        unimplemented!("nobody logs in")
    }

    fn is_shared(&self) -> bool {
        self.server().kind == Kind::Redis
    }

    async fn sweep(&self, _: Timestamp) -> Result<u64, StoreError> {
        unimplemented!("nobody sweeps")
    }

    async fn wants_sweep(&self) -> Result<bool, StoreError> {
        unimplemented!("nobody sweeps")
    }

    async fn keep_events(&self, _: &[Event], _: EventBounds) -> Result<(), StoreError> {
        unimplemented!("nobody keeps events")
    }

    async fn events(&self, _: &EventQuery) -> Result<EventPage, StoreError> {
        unimplemented!("nobody reads events")
    }

    async fn news_of_events(&self, _: Option<&Cursor>, _: usize) -> Result<EventNews, StoreError> {
        unimplemented!("nobody reads events")
    }

    async fn sweep_events(&self, _: EventBounds) -> Result<(), StoreError> {
        unimplemented!("nobody sweeps")
    }

    async fn find_users(&self, _: &UserQuery, _: Timestamp) -> Result<UserPage, StoreError> {
        unimplemented!("nobody lists users")
    }

    async fn has_operator(&self, _: Option<UserId>) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn find_tokens(
        &self,
        _: Option<&Cursor>,
        _: usize,
        _: Timestamp,
    ) -> Result<TokenPage, StoreError> {
        unimplemented!("nobody lists tokens")
    }

    async fn note_uses(&self, _: &[TokenUse]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn census(&self, _: Timestamp) -> Result<Census, StoreError> {
        unimplemented!("nobody counts")
    }

    async fn put_item(&self, _: &Item) -> Result<(), StoreError> {
        Ok(())
    }

    async fn add_item(&self, _: &Item, _: Timestamp) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn replace_item(&self, _: &str, _: &Item) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn item(&self, _: ItemKind, _: &str, _: Timestamp) -> Result<Option<Item>, StoreError> {
        Ok(None)
    }

    async fn items(&self, _: ItemKind, _: Timestamp) -> Result<Vec<Item>, StoreError> {
        Ok(Vec::new())
    }

    async fn remove_item(&self, _: ItemKind, _: &str) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn take_lock(&self, _: &Lock, _: Timestamp) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn release_lock(&self, _: &Lock) -> Result<(), StoreError> {
        Ok(())
    }

    async fn add_counts(&self, _: &[Count]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn counts(&self, _: Timestamp) -> Result<Vec<Count>, StoreError> {
        unimplemented!("nobody counts")
    }

    async fn watch(&self, watcher: Arc<dyn Watcher>, _: Duration) -> StoreError {
        self.server().lines[self.gate as usize].connect(watcher);
        let is_broken = || self.server().lines[self.gate as usize].is_broken();
        poll_fn(|_| if is_broken() { Poll::Ready(()) } else { Poll::Pending }).await;
        StoreError::unavailable("the line is broken")
    }

    fn told_within(&self) -> Duration {
        Duration::ZERO
    }

    async fn clocks(&self) -> Result<Vec<Timestamp>, StoreError> {
        Ok(Vec::new())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn make_newest(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn inspect(&self) -> Result<Inspection, StoreError> {
        Ok(Inspection::default())
    }
}

/// Gives way once.
async fn pause() {
    let mut is_first = true;
    let once = poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
    });
    once.await;
}
