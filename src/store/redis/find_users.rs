//! Users as operators look for them: filtered, sorted, and a page at a time.
//!
//! What is wanted of few users is gathered and sorted; those of a prefix that many have come in order
//! of name; whatever else many fit is found by walking along the index of the order, past a bounded
//! number of others.

use super::find_prefix::is_place;
use super::indexes::{by_text, folded, number, padded};
use super::record::{self, Entry, Fields, in_pairs};
use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::user::{User, UserId};
use crate::store::{Cursor, ListedUser, StoreError, UserColumn, UserPage, UserQuery};
use redis::{Cmd, Value, pipe};

/// How many users are gathered and sorted at most, and how many a walk looks at before it ends with a
/// short page.
pub(super) const MOST: usize = 5_000;
/// How many users are read at once.
pub(super) const CHUNK: usize = 500;
/// How many tokens of a user are looked at to count those that are good; further ones are all taken
/// for good.
const COUNTED: isize = 1_000;

/// The value of the column by which users are sorted.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Key {
    Number(i64),
    Text(String),
}

/// A place in an order.
type Place = (Key, UserId);

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
        let (mut users, next) = if !self.is_indexed().await? {
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
        self.drop_nameless(&mut users).await?;
        Ok(UserPage { by, next, users: self.with_tokens(users, now).await? })
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
    ) -> Result<(Vec<User>, Option<Cursor>), StoreError> {
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
    ) -> Result<(Vec<User>, Option<Cursor>), StoreError> {
        let mut found = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            let users = self.read_users(chunk).await?;
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
        Ok((found.into_iter().map(|(_, user)| user).collect(), next))
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

    async fn walk(
        &self,
        query: &UserQuery,
        after: Option<Place>,
    ) -> Result<(Vec<User>, Option<Cursor>), StoreError> {
        let (mut users, mut last, mut seen) = (Vec::new(), after, 0);
        let is_all =
            query.is_active.is_none() && query.is_staff.is_none() && query.prefix.is_none();
        let step = if is_all { CHUNK.min(query.limit + 1) } else { CHUNK };
        while seen < MOST {
            let places = self.places(query, last.as_ref(), step).await?;
            if places.is_empty() {
                return Ok((users, None));
            }
            seen += places.len();
            let ids: Vec<_> = places.iter().map(|(_, id)| *id).collect();
            let found = self.read_users(&ids).await?;
            let mut found = found.into_iter().peekable();
            for place in places {
                // Those who are gone are on the way, but not among them.
                let user = found.next_if(|user| user.id == place.1);
                let user = user.filter(|user| wants(query, user) && is_so(query, &place.0, user));
                if user.is_some() && users.len() >= query.limit {
                    return Ok((users, last.as_ref().map(cursor)));
                }
                users.extend(user);
                last = Some(place);
            }
        }
        Ok((users, last.as_ref().map(cursor)))
    }

    /// The next places in the order.
    async fn places(
        &self,
        query: &UserQuery,
        after: Option<&Place>,
        count: usize,
    ) -> Result<Vec<Place>, StoreError> {
        match query.order.by {
            UserColumn::Email => self.by_text(keys::BY_EMAIL, query, after, count).await,
            UserColumn::Username => self.by_text(keys::BY_NAME, query, after, count).await,
            UserColumn::LastLogin => self.by_score(keys::BY_LOGIN, query, after, count).await,
            UserColumn::Tokens => self.by_score(keys::BY_TOKENS, query, after, count).await,
            UserColumn::Joined => {
                let start = after.map(|(_, id)| *id);
                let ids = self.by_number(keys::USERS, query, start, count).await?;
                Ok(ids.into_iter().map(|id| (joined(id), id)).collect())
            }
            UserColumn::Active => {
                let sets = [(0, keys::INACTIVE), (1, keys::USERS)];
                self.by_flag(sets, (query, query.is_active), after, count).await
            }
            UserColumn::Staff => {
                let sets = [(0, keys::USERS), (1, keys::STAFF)];
                self.by_flag(sets, (query, query.is_staff), after, count).await
            }
        }
    }

    /// First those of one set, then those of the other. Whoever is on one where they do not belong is
    /// passed over by the caller.
    async fn by_flag(
        &self,
        mut sets: [(i64, &str); 2],
        (query, wanted): (&UserQuery, Option<bool>),
        after: Option<&Place>,
        count: usize,
    ) -> Result<Vec<Place>, StoreError> {
        if query.order.is_descending {
            sets.reverse();
        }
        let mut is_reached = after.is_none();
        for (flag, key) in sets {
            let is_here = after.is_some_and(|(key, _)| *key == Key::Number(flag));
            is_reached |= is_here;
            if !is_reached || wanted.is_some_and(|wanted| i64::from(wanted) != flag) {
                continue;
            }
            let start = after.filter(|_| is_here).map(|(_, id)| *id);
            let ids = self.by_number(key, query, start, count).await?;
            if !ids.is_empty() {
                return Ok(ids.into_iter().map(|id| (Key::Number(flag), id)).collect());
            }
        }
        Ok(Vec::new())
    }

    async fn by_number(
        &self,
        key: &str,
        query: &UserQuery,
        after: Option<UserId>,
        count: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        let start = |otherwise: &str| after.map_or(otherwise.to_owned(), |id| format!("({id}"));
        let count = isize::try_from(count).unwrap_or(isize::MAX);
        let range = if query.order.is_descending {
            Cmd::zrevrangebyscore_limit(key, start("+inf"), "-inf", 0, count)
        } else {
            Cmd::zrangebyscore_limit(key, start("-inf"), "+inf", 0, count)
        };
        let ids: Vec<u64> = self.link.ask(Request::Command(&range)).await?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    async fn by_text(
        &self,
        key: &str,
        query: &UserQuery,
        after: Option<&Place>,
        count: usize,
    ) -> Result<Vec<Place>, StoreError> {
        let (command, beginning, end) = if query.order.is_descending {
            ("ZREVRANGEBYLEX", "+", "-")
        } else {
            ("ZRANGEBYLEX", "-", "+")
        };
        let start = match after {
            Some((Key::Text(text), id)) => format!("({}", by_text(text, *id)),
            _ => beginning.to_owned(),
        };
        let mut range = redis::cmd(command);
        range.arg(key).arg(start).arg(end).arg("LIMIT").arg(0).arg(count);
        let members: Vec<String> = self.link.ask(Request::Command(&range)).await?;
        let text = |member: &str| member.rsplit_once('\0').map(|(text, _)| text.to_owned());
        let place =
            |member: String| (Key::Text(text(&member).unwrap_or_default()), number(&member));
        Ok(members.into_iter().map(place).collect())
    }

    async fn by_score(
        &self,
        key: &str,
        query: &UserQuery,
        after: Option<&Place>,
        count: usize,
    ) -> Result<Vec<Place>, StoreError> {
        let (direction, beginning) =
            if query.order.is_descending { ("down", "+inf") } else { ("up", "-inf") };
        let (score, member) = match after {
            Some((Key::Number(score), id)) => (score.to_string(), padded(*id)),
            _ => (beginning.to_owned(), String::new()),
        };
        let mut page = self.scripts.page.key(key);
        page.arg(score).arg(member).arg(count).arg(direction);
        let found: Vec<String> = self.link.ask(Request::Script(&page)).await?;
        let place = |pair: &[String]| match pair {
            [member, score] => Some((Key::Number(whole(score)?), number(member))),
            _ => None,
        };
        Ok(found.chunks(2).filter_map(place).collect())
    }

    /// Those of the users who exist.
    pub(super) async fn read_users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let mut read = pipe();
        for id in ids {
            read.hgetall(keys::user(*id));
        }
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let hashes: Vec<Fields> = self.link.ask(Request::Batch(&read)).await?;
        let users = ids.iter().zip(&hashes).map(|(id, fields)| record::user(*id, fields));
        users.filter_map(Result::transpose).collect()
    }

    /// An insertion that stopped half-way, or lost the name, left a user who does not own theirs.
    async fn drop_nameless(&self, users: &mut Vec<User>) -> Result<(), StoreError> {
        let mut find = pipe();
        for user in users.iter() {
            find.get(keys::name(&user.username));
        }
        if users.is_empty() {
            return Ok(());
        }
        let owners: Vec<Option<u64>> = self.link.ask(Request::Batch(&find)).await?;
        let mut owners = owners.into_iter();
        users.retain(|user| {
            let owner = owners.next().flatten();
            owner == Some(user.id.0) || !user.username.is_sound()
        });
        Ok(())
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
        let counts: Vec<(Vec<String>, u64)> =
            self.link.ask::<Vec<Value>>(Request::Batch(&count)).await.and_then(in_pairs)?;
        let listed = users.into_iter().zip(counts).map(|(user, (entries, all))| {
            let is_past =
                |text: &&String| Entry::read(text).is_ok_and(|entry| entry.epoch != user.epoch);
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

/// Whether a user belongs where an index has them. One by a number has each user once, and may be a
/// little late.
fn is_so(query: &UserQuery, found: &Key, user: &User) -> bool {
    match query.order.by {
        UserColumn::Joined | UserColumn::LastLogin | UserColumn::Tokens => true,
        // It got into the store past the indexes too.
        UserColumn::Username if !user.username.is_sound() => true,
        by => key(by, user) == *found,
    }
}

fn key(by: UserColumn, user: &User) -> Key {
    match by {
        UserColumn::Active => Key::Number(user.is_active.into()),
        UserColumn::Email => Key::Text(folded(user.email.as_str())),
        UserColumn::Joined | UserColumn::Tokens => joined(user.id),
        UserColumn::LastLogin => Key::Number(user.last_login.map_or(-1, Timestamp::micros)),
        UserColumn::Staff => Key::Number(user.is_staff.into()),
        UserColumn::Username => Key::Text(folded(user.username.as_str())),
    }
}

fn joined(id: UserId) -> Key {
    Key::Number(i64::try_from(id.0).unwrap_or(i64::MAX))
}

fn cursor((key, id): &Place) -> Cursor {
    match key {
        Key::Number(number) => Cursor::at(id, number),
        Key::Text(text) => Cursor::at(id, text),
    }
}

fn place(cursor: &Cursor, by: UserColumn) -> Option<Place> {
    let (id, value) = cursor.read()?;
    let key = match by {
        UserColumn::Email | UserColumn::Username if is_place(value) => return None,
        UserColumn::Email | UserColumn::Username => Key::Text(value.to_owned()),
        _ => Key::Number(value.parse().ok()?),
    };
    Some((key, UserId(id.parse().ok()?)))
}

/// A score, which is a whole number, as Redis writes it.
fn whole(score: &str) -> Option<i64> {
    score.parse().ok().or_else(|| {
        let score: f64 = score.parse().ok()?;
        format!("{score:.0}").parse().ok()
    })
}
