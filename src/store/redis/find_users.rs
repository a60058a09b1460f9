//! Users as operators look for them: filtered, sorted, and a page at a time.
//!
//! What is wanted of few users is gathered and sorted; those of a prefix that many have come in order
//! of name; whatever else many fit is found by walking along the index of the order, past a bounded
//! number of others.

use super::find_order::{Key, Place, cursor, is_so, key, place};
use super::indexes::{folded, number};
use super::read_users::{Found, MOST};
use super::record::{Entry, in_parts};
use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::user::{User, UserId};
use crate::store::{ListedUser, StoreError, UserColumn, UserPage, UserQuery};
use redis::{Cmd, Value, pipe};

/// How many users are read at once.
pub(super) const CHUNK: usize = 500;
/// How many tokens of a user are looked at to count those that are good; further ones are all taken
/// for good.
const COUNTED: isize = 1_000;

impl RedisStore {
    /// Whether the indexes are complete.
    pub(super) async fn is_indexed(&self) -> Result<bool, StoreError> {
        self.link.ask(Request::Command(&Cmd::exists(keys::INDEXED))).await
    }

    pub(super) async fn page_of_users(
        &self,
        query: &UserQuery,
        now: Timestamp,
    ) -> Result<UserPage, StoreError> {
        let after = query.after.as_ref().and_then(|cursor| place(cursor, query.order.by));
        let mut by = query.order.by;
        let found = if !self.is_indexed().await? {
            self.find_without_indexes(query, after).await?
        } else if let Some(ids) = self.few(query).await? {
            self.gather(query, &ids, after).await?
        } else if let Some(prefix) = query.folded_prefix() {
            if by != UserColumn::Email {
                by = UserColumn::Username;
            }
            self.along_prefix(query, &prefix).await?
        } else {
            self.walk(query, after).await?
        };
        let Found { next, unreadable, mut users } = found;
        self.drop_nameless(&mut users).await?;
        Ok(UserPage { by, next, unreadable, users: self.with_tokens(users, now).await? })
    }

    /// The numbers of those who may be wanted, if they are few.
    async fn few(&self, query: &UserQuery) -> Result<Option<Vec<UserId>>, StoreError> {
        if let Some(prefix) = query.folded_prefix() {
            let (from, to) = (format!("[{prefix}"), format!("({prefix}{}", char::MAX));
            let mut read = pipe();
            for key in [keys::BY_NAME, keys::BY_EMAIL] {
                read.cmd("ZRANGEBYLEX").arg(key).arg(&from).arg(&to);
                read.arg("LIMIT").arg(0).arg(MOST + 1);
            }
            let found: Vec<Vec<String>> = self.link.ask(Request::Batch(&read)).await?;
            let mut ids: Vec<_> = found.iter().flatten().map(|member| number(member)).collect();
            ids.sort_unstable();
            ids.dedup();
            if ids.len() <= MOST {
                return Ok(Some(ids));
            }
        }
        let ways = [
            (query.is_staff == Some(true), keys::STAFF),
            (query.is_active == Some(false), keys::INACTIVE),
        ];
        for (_, key) in ways.into_iter().filter(|(is_of_use, _)| *is_of_use) {
            let ids = self.first_of(key).await?;
            if ids.len() <= MOST {
                return Ok(Some(ids));
            }
        }
        Ok(None)
    }

    async fn first_of(&self, key: &str) -> Result<Vec<UserId>, StoreError> {
        let most = isize::try_from(MOST).unwrap_or(isize::MAX);
        let range = Cmd::zrange(key, 0, most);
        let ids: Vec<u64> = self.link.ask(Request::Command(&range)).await?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// While the first sweep makes the indexes. Of many users, in the order of their numbers.
    async fn find_without_indexes(
        &self,
        query: &UserQuery,
        after: Option<Place>,
    ) -> Result<Found, StoreError> {
        let ids = self.first_of(keys::USERS).await?;
        if ids.len() <= MOST {
            return self.gather(query, &ids, after).await;
        }
        let mut query = query.clone();
        query.order.by = UserColumn::Joined;
        let after = query.after.as_ref().and_then(|cursor| place(cursor, query.order.by));
        self.walk(&query, after).await
    }

    async fn gather(
        &self,
        query: &UserQuery,
        ids: &[UserId],
        after: Option<Place>,
    ) -> Result<Found, StoreError> {
        let (mut found, mut unreadable) = (Vec::new(), Vec::new());
        for chunk in ids.chunks(CHUNK) {
            let (users, others) = self.read_users(chunk).await?;
            unreadable.extend(others);
            let wanted: Vec<_> = users.into_iter().filter(|user| wants(query, user)).collect();
            let keys = self.keys_of(query.order.by, &wanted).await?;
            found.extend(keys.into_iter().zip(wanted));
        }
        let is_descending = query.order.is_descending;
        let follows = |place: &(Key, UserId)| {
            after
                .as_ref()
                .is_none_or(|after| if is_descending { place < after } else { place > after })
        };
        let mut found: Vec<_> =
            found.into_iter().map(|(key, user)| ((key, user.id), user)).collect();
        found.retain(|(place, _)| follows(place));
        found.sort_unstable_by(
            |(one, _), (other, _)| {
                if is_descending { other.cmp(one) } else { one.cmp(other) }
            },
        );
        let has_more = found.len() > query.limit;
        found.truncate(query.limit);
        let next = found.last().filter(|_| has_more).map(|(place, _)| cursor(place));
        // They have no place in the order: they stand on the first page, and are few.
        unreadable.truncate(if after.is_none() { CHUNK } else { 0 });
        Ok(Found { next, unreadable, users: found.into_iter().map(|(_, user)| user).collect() })
    }

    /// The values by which users are sorted.
    async fn keys_of(&self, by: UserColumn, users: &[User]) -> Result<Vec<Key>, StoreError> {
        if by != UserColumn::Tokens {
            return Ok(users.iter().map(|user| key(by, user)).collect());
        }
        let mut count = pipe();
        for user in users {
            count.zcard(keys::user_tokens(user.id));
        }
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let counts: Vec<i64> = self.link.ask(Request::Batch(&count)).await?;
        Ok(counts.into_iter().map(Key::Number).collect())
    }

    async fn walk(&self, query: &UserQuery, after: Option<Place>) -> Result<Found, StoreError> {
        let (mut page, mut last, mut seen) = (Found::default(), after, 0);
        let is_all =
            query.is_active.is_none() && query.is_staff.is_none() && query.prefix.is_none();
        let step = if is_all { CHUNK.min(query.limit + 1) } else { CHUNK };
        while !page.ends_after(seen) {
            let places = self.places(query, last.as_ref(), step).await?;
            if places.is_empty() {
                return Ok(page);
            }
            seen += places.len();
            let ids: Vec<_> = places.iter().map(|(_, id)| *id).collect();
            let (found, unreadable) = self.read_users(&ids).await?;
            let mut found = found.into_iter().peekable();
            for place in places {
                // Those who are gone are on the way, but not among them.
                let user = found.next_if(|user| user.id == place.1);
                let user = user.filter(|user| wants(query, user) && is_so(query, &place.0, user));
                let is_unreadable = unreadable.contains(&place.1);
                if (user.is_some() || is_unreadable) && page.rows() >= query.limit {
                    return Ok(page.until(last.as_ref().map(cursor)));
                }
                page.users.extend(user);
                page.unreadable.extend(is_unreadable.then_some(place.1));
                last = Some(place);
            }
        }
        Ok(page.until(last.as_ref().map(cursor)))
    }

    async fn with_tokens(
        &self,
        users: Vec<User>,
        now: Timestamp,
    ) -> Result<Vec<ListedUser>, StoreError> {
        let mut count = pipe();
        let (from, to) = (format!("({}", now.micros()), "+inf");
        for user in &users {
            let key = keys::user_tokens(user.id);
            count.zrangebyscore_limit(&key, &from, to, 0, COUNTED).zcount(&key, &from, to);
        }
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let answers: Vec<Value> = self.link.ask(Request::Batch(&count)).await?;
        let counts: Vec<(Vec<Vec<u8>>, u64)> = in_parts(answers, 2)?;
        let listed = users.into_iter().zip(counts).map(|(user, (entries, all))| {
            let is_past =
                |bytes: &&Vec<u8>| Entry::read(bytes).is_ok_and(|entry| entry.epoch != user.epoch);
            let past = u64::try_from(entries.iter().filter(is_past).count()).unwrap_or(0);
            ListedUser { live_tokens: all.saturating_sub(past), user }
        });
        Ok(listed.collect())
    }
}

pub(super) fn wants(query: &UserQuery, user: &User) -> bool {
    let fits = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
    let has_prefix = query.folded_prefix().is_none_or(|prefix| {
        let begins = |text: &str| folded(text).starts_with(&prefix);
        begins(user.username.as_str()) || begins(user.email.as_str())
    });
    fits(query.is_active, user.is_active) && fits(query.is_staff, user.is_staff) && has_prefix
}
