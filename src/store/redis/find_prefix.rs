//! Users whose name or address begins with what so many begin with that they cannot be sorted in any
//! other way: along the indexes of names and addresses, where they stand next to each other.

use super::find_users::{CHUNK, wants};
use super::indexes::{by_text, folded, number};
use super::link::Request;
use super::read_users::Found;
use super::{RedisStore, keys};
use crate::model::user::{User, UserId};
use crate::store::{Cursor, StoreError, UserColumn, UserOrder, UserQuery};
use redis::Cmd;

/// What a place in this order begins with, unlike one in any other.
const MARKS: [(&str, UserColumn); 2] =
    [("\u{1}name ", UserColumn::Username), ("\u{1}email ", UserColumn::Email)];

/// A part of the order: those who begin so by the one, and then those who do by the other alone.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Part {
    by: UserColumn,
    is_second: bool,
}

/// Whether it is a place in this order.
pub(super) fn is_place(text: &str) -> bool {
    MARKS.iter().any(|(mark, _)| text.starts_with(mark))
}

impl RedisStore {
    /// Those whose name begins so, in order of name, and then the others; by address, if that is the
    /// order that is wanted.
    pub(super) async fn along_prefix(
        &self,
        query: &UserQuery,
        prefix: &str,
    ) -> Result<Found, StoreError> {
        let (mut page, mut seen) = (Found::default(), 0_usize);
        let mut last = query.after.as_ref().and_then(place);
        let by_email = query.order.by == UserColumn::Email;
        let first = if by_email { UserColumn::Email } else { UserColumn::Username };
        let second = if by_email { UserColumn::Username } else { UserColumn::Email };
        for by in [first, second] {
            let part = Part { by, is_second: by == second };
            if part.by == first && last.as_ref().is_some_and(|(by, _)| *by == second) {
                continue;
            }
            loop {
                if page.ends_after(seen) {
                    return Ok(page.until(last.as_ref().map(cursor)));
                }
                let after = last.as_ref().filter(|(at, _)| *at == by).map(|(_, member)| member);
                let members = self.members(part, query, prefix, after).await?;
                if members.is_empty() {
                    break;
                }
                seen += members.len();
                let ids: Vec<_> = members.iter().map(|member| number(member)).collect();
                let (found, unreadable) = self.read_users(&ids).await?;
                let mut found = found.into_iter().peekable();
                for (member, id) in members.into_iter().zip(ids) {
                    let user = found.next_if(|user| user.id == id);
                    let user = user.filter(|user| part.has(user, &member, prefix));
                    let user = user.filter(|user| wants(query, user));
                    // Found by their address, too, they are told once.
                    let is_unreadable = unreadable.contains(&id) && !page.unreadable.contains(&id);
                    if (user.is_some() || is_unreadable) && page.rows() >= query.limit {
                        return Ok(page.until(last.as_ref().map(cursor)));
                    }
                    page.users.extend(user);
                    page.unreadable.extend(is_unreadable.then_some(id));
                    last = Some((by, member));
                }
            }
        }
        Ok(page)
    }

    /// What stands for the next of them.
    async fn members(
        &self,
        part: Part,
        query: &UserQuery,
        prefix: &str,
        after: Option<&String>,
    ) -> Result<Vec<String>, StoreError> {
        let key = if part.by == UserColumn::Email { keys::BY_EMAIL } else { keys::BY_NAME };
        let (from, to) = (format!("[{prefix}"), format!("({prefix}{}", char::MAX));
        let after = after.map(|member| format!("({member}"));
        let count = isize::try_from(CHUNK.min(query.limit + 1)).unwrap_or(isize::MAX);
        let range = if is_descending(part, query.order) {
            Cmd::zrevrangebylex_limit(key, after.unwrap_or(to), from, 0, count)
        } else {
            Cmd::zrangebylex_limit(key, after.unwrap_or(from), to, 0, count)
        };
        self.link.ask(Request::Command(&range)).await
    }
}

/// The order that is wanted counts where it is one by names or addresses.
fn is_descending(part: Part, order: UserOrder) -> bool {
    order.is_descending && !part.is_second && order.by == part.by
}

impl Part {
    /// Whether a user belongs to it, and where it has them.
    fn has(self, user: &User, member: &str, prefix: &str) -> bool {
        let (name, address) = (user.username.as_str(), user.email.as_str());
        let (text, other) =
            if self.by == UserColumn::Email { (address, name) } else { (name, address) };
        by_text(text, user.id) == member && !(self.is_second && folded(other).starts_with(prefix))
    }
}

fn cursor((by, member): &(UserColumn, String)) -> Cursor {
    let mark = MARKS.iter().find(|(_, of)| of == by).map_or("", |(mark, _)| mark);
    let text = member.split_once('\0').map_or(member.as_str(), |(text, _)| text);
    Cursor::at(number(member), format!("{mark}{text}"))
}

fn place(cursor: &Cursor) -> Option<(UserColumn, String)> {
    let (id, text) = cursor.read()?;
    let id = UserId(id.parse().ok()?);
    let found = MARKS.iter().find_map(|(mark, by)| Some((*by, text.strip_prefix(mark)?)));
    found.map(|(by, text)| (by, by_text(text, id)))
}
