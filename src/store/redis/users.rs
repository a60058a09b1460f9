//! Users: a hash each, a key for the name, an index for lists.

use super::notes::login_noted;
use super::record::{self, Fields};
use super::request::Request;
use super::{RedisStore, deleted, keys};
use crate::model::user::{NewUser, User, UserChange, UserId, Username};
use crate::store::sound::sound;
use crate::store::{Inserted, Spared, StoreError};
use redis::Cmd;
use std::sync::atomic::Ordering;

/// How many users are read at once.
const CHUNK: usize = 100;
/// How often to try to get a name whose owner is being deleted.
const ATTEMPTS: usize = 8;
/// How many numbers of users are left out where the last ones may be lost: more than are given out in
/// the time by which a replica lags.
const LEAP: u64 = 1_000;

impl RedisStore {
    pub(super) async fn add_user(&self, new: NewUser) -> Result<Inserted, StoreError> {
        if self.find_user(&new.username).await?.is_some() {
            return Ok(Inserted::NameTaken);
        }
        // The name comes last: before it, nobody finds the user, not even in a list.
        let user = self.write_new_user(new).await?;
        if self.take_name(&user).await? {
            later(user.id, self.index_user(&user).await);
            return Ok(Inserted::Done(user));
        }
        self.unwrite_user(user.id).await?;
        Ok(Inserted::NameTaken)
    }

    pub(super) async fn write_user(&self, user: &User) -> Result<(), StoreError> {
        let fields = record::user_fields(user);
        let write = Cmd::hset_multiple(keys::user(user.id), &fields);
        self.link.ask::<()>(Request::Command(&write)).await?;
        let index = Cmd::zadd(keys::USERS, user.id.0, user.id.0);
        self.link.ask(Request::Command(&index)).await
    }

    /// Writes a user under a number that nobody has, nor had.
    async fn write_new_user(&self, new: NewUser) -> Result<User, StoreError> {
        for _ in 0..ATTEMPTS {
            let user = with_id(self.next_user().await?, new.clone());
            let mut add = self.scripts.add_user.key(keys::user(user.id));
            for (field, value) in record::user_fields(&user) {
                add.arg(field).arg(value);
            }
            if self.link.ask(Request::Script(&add)).await? {
                let index = Cmd::zadd(keys::USERS, user.id.0, user.id.0);
                self.link.ask::<()>(Request::Command(&index)).await?;
                return Ok(user);
            }
            // The count lost its tail where the users did not: on from the one that was met.
            self.met(user.id);
        }
        Err(StoreError::unavailable("the next numbers of users are all taken"))
    }

    async fn next_user(&self) -> Result<UserId, StoreError> {
        self.next_users(1).await
    }

    /// So many numbers, of which this is the first.
    pub(super) async fn next_users(&self, count: u64) -> Result<UserId, StoreError> {
        let mut next = self.scripts.next_user.key(keys::NEXT_USER);
        let seen = self.highest_user.load(Ordering::SeqCst);
        next.key(keys::NEXT_USER_BY).arg(seen).arg(LEAP).arg(count);
        let id: u64 = self.link.ask(Request::Script(&next)).await?;
        self.met(UserId(id + count - 1));
        Ok(UserId(id))
    }

    /// Notes a number that somebody has. Beyond what Redis can count to, it was not given out by a count.
    fn met(&self, id: UserId) {
        const COUNTABLE: u64 = 1 << 52;
        if id.0 < COUNTABLE {
            self.highest_user.fetch_max(id.0, Ordering::SeqCst);
        }
    }

    /// The hash goes first: an index entry without a hash is swept, a hash without one is not.
    async fn unwrite_user(&self, id: UserId) -> Result<(), StoreError> {
        self.link.ask::<()>(Request::Command(&Cmd::del(keys::user(id)))).await?;
        self.link.ask(Request::Command(&Cmd::zrem(keys::USERS, id.0))).await
    }

    /// Gives the user their name, unless it belongs to another who exists.
    pub(super) async fn take_name(&self, user: &User) -> Result<bool, StoreError> {
        let key = keys::name(&user.username);
        for _ in 0..ATTEMPTS {
            if self.link.ask(Request::Command(&Cmd::set_nx(&key, user.id.0))).await? {
                return Ok(true);
            }
            match self.owner(&user.username).await? {
                // An answer that got lost: the name was taken by this very call.
                Some(owner) if owner == user.id => return Ok(true),
                Some(owner) if self.exists(owner).await? => return Ok(false),
                // The owner's deletion stopped half-way, for a hash is there before its name is.
                Some(gone) => {
                    let mut take = self.scripts.take_name.key(&key);
                    take.arg(gone.0).arg(user.id.0);
                    if self.link.ask(Request::Script(&take)).await? {
                        return Ok(true);
                    }
                }
                None => {}
            }
        }
        Err(StoreError::unavailable("the name changes hands all the time"))
    }

    /// Deletes the key of a name, if the name still belongs to that user.
    pub(super) async fn free_name(&self, key: &str, owner: UserId) -> Result<(), StoreError> {
        let mut drop_name = self.scripts.drop_name.key(key);
        drop_name.arg(owner.0);
        self.link.ask(Request::Script(&drop_name)).await
    }

    async fn owner(&self, name: &Username) -> Result<Option<UserId>, StoreError> {
        let owner: Option<u64> =
            self.link.ask(Request::Command(&Cmd::get(keys::name(name)))).await?;
        Ok(owner.map(UserId))
    }

    async fn exists(&self, id: UserId) -> Result<bool, StoreError> {
        self.link.ask(Request::Command(&Cmd::exists(keys::user(id)))).await
    }

    pub(super) async fn read_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let key = keys::user(id);
        let fields: Result<Fields, _> = self.link.ask(Request::Command(&Cmd::hgetall(&key))).await;
        let user = fields
            .and_then(|fields| record::user(id, &fields))
            .map_err(|error| error.of("user", &key))?;
        if user.is_some() {
            self.met(id);
        }
        Ok(user)
    }

    pub(super) async fn find_user(&self, name: &Username) -> Result<Option<User>, StoreError> {
        // A name that nobody has takes as long: there is no number 0.
        let id = self.owner(name).await?.unwrap_or(UserId(0));
        self.read_user(id).await?.map(sound).transpose()
    }

    pub(super) async fn list_users(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        let mut users = Vec::new();
        let mut after = after;
        while users.len() < limit {
            let most = CHUNK.min(limit - users.len());
            let ids = self.indexed_after(after, most).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            users.extend(self.named_users(&ids).await?);
        }
        Ok(users)
    }

    /// The next numbers in the index, some of them perhaps of users who are gone.
    pub(super) async fn indexed_after(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let start = after.map_or_else(|| "-inf".to_owned(), |id| format!("({id}"));
        let limit = isize::try_from(limit).unwrap_or(isize::MAX);
        let range = Cmd::zrangebyscore_limit(keys::USERS, start, "+inf", 0, limit);
        let ids: Vec<u64> = self.link.ask(Request::Command(&range)).await?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// Changes a user, or spares one who is an operator.
    pub(super) async fn write_change(
        &self,
        id: UserId,
        change: &UserChange,
        spares: bool,
    ) -> Result<Spared<User>, StoreError> {
        let moment;
        let (values, replaces) = match change {
            UserChange::Active(active) => (vec![("is_active", record::flag(*active))], None),
            UserChange::Email(email) => (vec![("email", email.as_str())], None),
            UserChange::LoggedIn(at) => {
                moment = at.micros().to_string();
                (vec![("last_login", moment.as_str())], None)
            }
            UserChange::MustChange(must) => (vec![("must_change", record::flag(*must))], None),
            UserChange::Password { hash, must_change } => {
                let must_change = ("must_change", record::flag(*must_change));
                (vec![("password", hash.expose()), must_change], None)
            }
            UserChange::Rehash { from, to } => {
                (vec![("password", to.expose())], Some(from.expose()))
            }
            UserChange::Staff(staff) => (vec![("is_staff", record::flag(*staff))], None),
        };
        let mut script = self.scripts.change_user.key(keys::user(id));
        script.arg(record::flag(change.ends_tokens())).arg(record::flag(spares));
        script.arg(replaces.unwrap_or_default());
        for (field, value) in values {
            script.arg(field).arg(value);
        }
        // Only the indexes want it, and only what they say of it.
        let before = match change {
            UserChange::Active(_) | UserChange::Email(_) | UserChange::Staff(_) => {
                self.read_user(id).await?
            }
            _ => None,
        };
        let request = Request::Script(&script);
        let fields: Option<Fields> = if change.ends_tokens() {
            self.link.end(request, true).await?
        } else {
            self.link.ask(request).await?
        };
        let Some(fields) = fields else { return Ok(Spared::Operator) };
        let Some(after) = record::user(id, &fields)? else { return Ok(Spared::Gone) };
        if let Some(before) = before {
            later(id, self.reindex_user(&before, &after).await);
        }
        if let UserChange::LoggedIn(at) = change {
            later(id, self.link.ask(Request::Command(&login_noted(id, *at))).await);
        }
        Ok(Spared::Done(after))
    }

    /// Deletes the hash, and with it all tokens; what is left then is swept one day at the latest.
    pub(super) async fn remove_user(
        &self,
        id: UserId,
        spares: bool,
    ) -> Result<Spared<()>, StoreError> {
        let Some(user) = self.read_user(id).await? else { return Ok(Spared::Gone) };
        let mut remove = self.scripts.delete_user.key(keys::user(id));
        if self.link.is_cluster() {
            // Another server has the note: it is there first. Of a user who is spared it says nothing.
            self.note_deleted(&[id]).await?;
        } else {
            remove.key(deleted::key(id));
        }
        remove.arg(record::flag(spares)).arg(deleted::member(id));
        let removed: Option<bool> = self.link.end(Request::Script(&remove), false).await?;
        match removed {
            None => return Ok(Spared::Operator),
            Some(false) => return Ok(Spared::Gone),
            Some(true) => {}
        }
        if let Err(error) = self.remove_traces(&user).await {
            tracing::warn!(user = %id, %error, "left traces of a deleted user to be swept");
        }
        Ok(Spared::Done(()))
    }

    /// Takes a user away who is to be written anew, under another name: they are not deleted.
    pub(super) async fn unwrite_renamed(&self, id: UserId) -> Result<(), StoreError> {
        let Some(user) = self.read_user(id).await? else { return Ok(()) };
        self.link.end::<()>(Request::Command(&Cmd::del(keys::user(id))), false).await?;
        self.remove_but_items(&user).await
    }

    /// The index comes last: by it, a sweep finds the rest.
    pub(super) async fn remove_traces(&self, user: &User) -> Result<(), StoreError> {
        self.drop_items_of(user.id).await?;
        self.remove_but_items(user).await
    }

    async fn remove_but_items(&self, user: &User) -> Result<(), StoreError> {
        self.free_name(&keys::name(&user.username), user.id).await?;
        let entries = self.entries(user.id, "-inf").await?;
        self.remove_entries(user.id, &entries).await?;
        self.link.ask::<()>(Request::Command(&Cmd::del(keys::token_notes(user.id)))).await?;
        self.drop_familiar(user.id).await?;
        self.unindex_user(user).await?;
        self.link.ask(Request::Command(&Cmd::zrem(keys::USERS, user.id.0))).await
    }
}

/// An index that could not be written says later what it should: after the next sweep.
pub(super) fn later(user: UserId, written: Result<(), StoreError>) {
    if let Err(error) = written {
        tracing::warn!(%user, %error, "a user was changed, but is found as before until a sweep");
    }
}

fn with_id(id: UserId, new: NewUser) -> User {
    User {
        email: new.email,
        epoch: 0,
        id,
        is_active: true,
        is_staff: new.is_staff,
        joined: new.joined,
        last_login: None,
        must_change: new.must_change,
        password: new.password,
        profile: new.profile,
        username: new.username,
    }
}
