//! Users as operators look for them: filtered, sorted, and a page at a time.
//!
//! What is wanted of few users is gathered and sorted; what many fit is found by walking along the
//! index of the order, past a bounded number of others.

use super::rows;
use crate::clock::Timestamp;
use crate::model::user::{User, UserId};
use crate::store::{Cursor, ListedUser, StoreError, UserColumn, UserPage, UserQuery};
use rusqlite::types::{ToSql, Value};
use rusqlite::{Connection, Row, named_params};

/// How many users are gathered and sorted at most.
const GATHERED: i64 = 10_000;
/// How many users a walk looks at before it ends with a short page.
const WALKED: i64 = 50_000;

/// Ways to all who are wanted and perhaps to others, each of use if something is asked for.
const WAYS: [Way; 3] = [
    (
        "SELECT id FROM users WHERE lower(username) >= :prefix AND lower(username) < :end
         UNION SELECT id FROM users WHERE lower(email) >= :prefix AND lower(email) < :end",
        |wanted| wanted.prefix.is_some(),
    ),
    ("SELECT id FROM users WHERE is_staff = :staff", |wanted| wanted.is_staff.is_some()),
    ("SELECT id FROM users WHERE is_active = :active", |wanted| wanted.is_active.is_some()),
];

/// A way: the numbers on it, and whether it is of use.
type Way = (&'static str, fn(&Wanted) -> bool);

/// What is asked for, as SQLite compares it.
struct Wanted {
    /// What no text with the prefix reaches.
    end: Option<String>,
    is_active: Option<bool>,
    is_staff: Option<bool>,
    prefix: Option<String>,
}

/// A place in an order: the value of its column, and the user's number.
struct Place(Value, i64);

pub(super) fn page(
    db: &Connection,
    query: &UserQuery,
    now: Timestamp,
) -> Result<UserPage, StoreError> {
    let prefix = query.folded_prefix();
    let wanted = Wanted {
        end: prefix.as_ref().map(|prefix| format!("{prefix}{}", char::MAX)),
        is_active: query.is_active,
        is_staff: query.is_staff,
        prefix,
    };
    let after = query.after.as_ref().and_then(|cursor| read(cursor, query.order.by));
    let after = after.unwrap_or_else(|| beginning(query));
    let (users, next) = match way(db, &wanted)? {
        Some(way) => gather(db, query, (&wanted, way), &after)?,
        None => walk(db, query, &wanted, &after)?,
    };
    let listed = users.into_iter().map(|user| listed(db, user, now));
    Ok(UserPage { next, users: listed.collect::<Result<_, _>>()? })
}

/// A way that few users are on.
fn way(db: &Connection, wanted: &Wanted) -> Result<Option<&'static str>, StoreError> {
    for (way, is_of_use) in WAYS {
        if !is_of_use(wanted) {
            continue;
        }
        let sql = format!("SELECT count(*) AS number FROM ({way} LIMIT {GATHERED} + 1)");
        let mut statement = db.prepare_cached(&sql)?;
        wanted.bind(&mut statement)?;
        let number: i64 = statement.raw_query().next()?.map_or(Ok(0), |row| row.get("number"))?;
        if number <= GATHERED {
            return Ok(Some(way));
        }
    }
    Ok(None)
}

fn gather(
    db: &Connection,
    query: &UserQuery,
    (wanted, way): (&Wanted, &str),
    after: &Place,
) -> Result<(Vec<User>, Option<Cursor>), StoreError> {
    // Without an index, or SQLite might prefer that of the order.
    let sql = format!(
        "SELECT *, {column} AS place FROM users NOT INDEXED
         WHERE id IN ({way}) AND ({column}, id) {follows} (:value, :id) AND {wanted}
         ORDER BY {column} {direction}, id {direction}",
        column = column(query.order.by),
        direction = direction(query),
        follows = follows(query),
        wanted = Wanted::SQL,
    );
    let mut statement = db.prepare_cached(&sql)?;
    wanted.bind(&mut statement)?;
    after.bind(&mut statement)?;
    let mut rows = statement.raw_query();
    let mut page = Page::new(query.limit);
    while let Some(row) = rows.next()? {
        if !page.add(row)? {
            break;
        }
    }
    Ok(page.end(false))
}

fn walk(
    db: &Connection,
    query: &UserQuery,
    wanted: &Wanted,
    after: &Place,
) -> Result<(Vec<User>, Option<Cursor>), StoreError> {
    let sql = format!(
        "SELECT *, {column} AS place, {wanted} AS is_wanted FROM users
         WHERE ({column}, id) {follows} (:value, :id)
         ORDER BY {column} {direction}, id {direction} LIMIT {WALKED}",
        column = column(query.order.by),
        direction = direction(query),
        follows = follows(query),
        wanted = Wanted::SQL,
    );
    let mut statement = db.prepare_cached(&sql)?;
    wanted.bind(&mut statement)?;
    after.bind(&mut statement)?;
    let mut rows = statement.raw_query();
    let mut page = Page::new(query.limit);
    let mut seen = 0;
    while let Some(row) = rows.next()? {
        seen += 1;
        if row.get("is_wanted")? {
            if !page.add(row)? {
                break;
            }
        } else if seen == WALKED {
            page.last = Some(cursor(row)?);
        }
    }
    Ok(page.end(seen == WALKED))
}

/// A page on its way.
struct Page {
    is_full: bool,
    /// The place of the last user, or of the last one looked at.
    last: Option<Cursor>,
    limit: usize,
    users: Vec<User>,
}

impl Page {
    fn new(limit: usize) -> Self {
        Self { is_full: false, last: None, limit, users: Vec::new() }
    }

    /// Adds a user, unless the page is full: then there is another page.
    fn add(&mut self, row: &Row<'_>) -> Result<bool, StoreError> {
        self.is_full = self.users.len() >= self.limit;
        if !self.is_full {
            self.users.push(rows::user(row)?);
            self.last = Some(cursor(row)?);
        }
        Ok(!self.is_full)
    }

    fn end(self, may_go_on: bool) -> (Vec<User>, Option<Cursor>) {
        (self.users, self.last.filter(|_| self.is_full || may_go_on))
    }
}

fn listed(db: &Connection, user: User, now: Timestamp) -> Result<ListedUser, StoreError> {
    let sql = "SELECT count(*) AS number FROM tokens
               WHERE user_id = ?1 AND user_epoch = ?2 AND (expires IS NULL OR expires > ?3)";
    let epoch = rows::integer(user.epoch);
    let live = rows::first(db, sql, (user.id, epoch, now), |row| rows::count(row, "number"))?;
    Ok(ListedUser { live_tokens: live.unwrap_or_default(), user })
}

/// As `schema_3.sql` indexes it.
fn column(by: UserColumn) -> &'static str {
    match by {
        UserColumn::Active => "is_active",
        UserColumn::Email => "lower(email)",
        UserColumn::Joined => "id",
        UserColumn::LastLogin => "ifnull(last_login, -1)",
        UserColumn::Staff => "is_staff",
        UserColumn::Tokens => "tokens",
        UserColumn::Username => "lower(username)",
    }
}

fn direction(query: &UserQuery) -> &'static str {
    if query.order.is_descending { "DESC" } else { "ASC" }
}

fn follows(query: &UserQuery) -> &'static str {
    if query.order.is_descending { "<" } else { ">" }
}

/// The place before all that is wanted.
fn beginning(query: &UserQuery) -> Place {
    let is_descending = query.order.is_descending;
    let number = if is_descending { i64::MAX } else { i64::MIN };
    let flag = match query.order.by {
        UserColumn::Active => query.is_active,
        UserColumn::Staff => query.is_staff,
        _ => None,
    };
    let value = match query.order.by {
        _ if let Some(flag) = flag => Value::Integer(flag.into()),
        // A blob comes after all texts.
        UserColumn::Email | UserColumn::Username if is_descending => Value::Blob(Vec::new()),
        UserColumn::Email | UserColumn::Username => Value::Text(String::new()),
        _ => Value::Integer(number),
    };
    Place(value, number)
}

fn read(cursor: &Cursor, by: UserColumn) -> Option<Place> {
    let (id, value) = cursor.read()?;
    let value = match by {
        UserColumn::Email | UserColumn::Username => Value::Text(value.to_owned()),
        _ => Value::Integer(value.parse().ok()?),
    };
    Some(Place(value, id.parse().ok()?))
}

fn cursor(row: &Row<'_>) -> Result<Cursor, StoreError> {
    let id = UserId(rows::count(row, "id")?);
    Ok(match row.get("place")? {
        Value::Text(text) => Cursor::at(id, text),
        Value::Integer(number) => Cursor::at(id, number),
        _ => Cursor::at(id, ""),
    })
}

impl Wanted {
    const SQL: &str = "((:staff IS NULL OR is_staff = :staff)
        AND (:active IS NULL OR is_active = :active)
        AND (:prefix IS NULL OR (lower(username) >= :prefix AND lower(username) < :end)
             OR (lower(email) >= :prefix AND lower(email) < :end)))";

    /// Binds those of the parameters that a statement has.
    fn bind(&self, statement: &mut rusqlite::Statement<'_>) -> Result<(), StoreError> {
        bind(
            statement,
            named_params! {
                ":active": self.is_active,
                ":end": self.end,
                ":prefix": self.prefix,
                ":staff": self.is_staff,
            },
        )
    }
}

impl Place {
    fn bind(&self, statement: &mut rusqlite::Statement<'_>) -> Result<(), StoreError> {
        bind(statement, named_params! { ":id": self.1, ":value": self.0 })
    }
}

fn bind(
    statement: &mut rusqlite::Statement<'_>,
    parameters: &[(&str, &dyn ToSql)],
) -> Result<(), StoreError> {
    for (name, value) in parameters {
        if let Some(index) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(index, value)?;
        }
    }
    Ok(())
}
