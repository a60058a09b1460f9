//! The orders of users: who comes next in each, by its index.

use super::find_prefix::is_place;
use super::indexes::{by_text, folded, number, padded};
use super::link::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::model::user::{User, UserId};
use crate::store::{Cursor, StoreError, UserColumn, UserQuery};
use redis::Cmd;

/// The value of the column by which users are sorted.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Key {
    Number(i64),
    Text(String),
}

/// A place in an order.
pub(super) type Place = (Key, UserId);

impl RedisStore {
    /// The next places in the order.
    pub(super) async fn places(
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
}

/// Whether a user belongs where an index has them. One by a number has each user once, and may be a
/// little late.
pub(super) fn is_so(query: &UserQuery, found: &Key, user: &User) -> bool {
    match query.order.by {
        UserColumn::Joined | UserColumn::LastLogin | UserColumn::Tokens => true,
        // It got into the store past the indexes too.
        UserColumn::Username if !user.username.is_sound() => true,
        by => key(by, user) == *found,
    }
}

pub(super) fn key(by: UserColumn, user: &User) -> Key {
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

pub(super) fn cursor((key, id): &Place) -> Cursor {
    match key {
        Key::Number(number) => Cursor::at(id, number),
        Key::Text(text) => Cursor::at(id, text),
    }
}

pub(super) fn place(cursor: &Cursor, by: UserColumn) -> Option<Place> {
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
