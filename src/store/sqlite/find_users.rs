//! Users as operators look for them: filtered, sorted, and a page at a time.
//!
//! What is wanted of few users is gathered and sorted; what many fit is found by walking along the
//! index of the order, past a bounded number of others.

use super::rows;
use crate::clock::Timestamp;
use crate::model::user::{User, UserId};
use crate::store::{Cursor, ListedUser, StoreError, UserColumn, UserPage, UserQuery};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, Statement, named_params};

/// How many users are gathered and sorted at most.
const GATHERED: usize = 10_000;
/// How many numbers of those who may be wanted are kept in mind at most.
const KNOWN: usize = 150_000;
/// How many users a walk looks at before it ends with a short page, where it is known who is wanted
/// and where it is not.
const WALKED: [usize; 2] = [200_000, 20_000];

/// The numbers of all who are wanted for one of the reasons, from an index alone.
const WAYS: [Way; 4] = [
    ("lower(username) >= :prefix AND lower(username) < :end", |wanted| wanted.prefix.is_some()),
    ("lower(email) >= :prefix AND lower(email) < :end", |wanted| wanted.prefix.is_some()),
    ("is_staff = :staff", |wanted| wanted.is_staff.is_some()),
    ("is_active = :active", |wanted| wanted.is_active.is_some()),
];

/// A way to some users, and whether it is of use.
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
    let (users, next) = match known(db, &wanted)? {
        Some(known) if known.len() <= GATHERED => gather(db, query, (&wanted, &known), &after)?,
        known => walk(db, query, (&wanted, known.as_deref()), &after)?,
    };
    let listed = users.into_iter().map(|user| listed(db, user, now));
    Ok(UserPage { next, users: listed.collect::<Result<_, _>>()? })
}

/// The numbers of all who are wanted, and perhaps of others, in order; `None` if they are too many.
fn known(db: &Connection, wanted: &Wanted) -> Result<Option<Vec<i64>>, StoreError> {
    let mut sets = Vec::new();
    for (way, is_of_use) in WAYS {
        sets.push(if is_of_use(wanted) { numbers(db, way, wanted)? } else { None });
    }
    let mut sets = sets.into_iter();
    let union = match (sets.next().flatten(), sets.next().flatten()) {
        (Some(mut names), Some(addresses)) => {
            names.extend(addresses);
            names.sort_unstable();
            names.dedup();
            Some(names)
        }
        _ => None,
    };
    let both = |one: Vec<i64>, other: Vec<i64>| {
        let is_in_other = |number: &i64| other.binary_search(number).is_ok();
        one.into_iter().filter(is_in_other).collect()
    };
    Ok(std::iter::once(union).chain(sets).flatten().reduce(both))
}

/// The numbers on a way, in order; `None` if they are too many.
fn numbers(db: &Connection, way: &str, wanted: &Wanted) -> Result<Option<Vec<i64>>, StoreError> {
    let sql = format!("SELECT id FROM users WHERE {way} LIMIT {KNOWN} + 1");
    let mut statement = db.prepare_cached(&sql)?;
    wanted.bind(&mut statement)?;
    let mut rows = statement.raw_query();
    let mut numbers = Vec::new();
    while let Some(row) = rows.next()? {
        numbers.push(row.get(0)?);
    }
    numbers.sort_unstable();
    Ok((numbers.len() <= KNOWN).then_some(numbers))
}

fn gather(
    db: &Connection,
    query: &UserQuery,
    (wanted, known): (&Wanted, &[i64]),
    after: &Place,
) -> Result<(Vec<User>, Option<Cursor>), StoreError> {
    // Without an index, or SQLite might prefer that of the order.
    let sql = format!(
        "SELECT *, {column} AS place FROM users NOT INDEXED
         WHERE id IN (SELECT value FROM json_each(:known))
               AND ({column}, id) {follows} (:value, :id) AND {wanted}
         ORDER BY {column} {direction}, id {direction} LIMIT :limit",
        column = column(query.order.by),
        direction = direction(query),
        follows = follows(query),
        wanted = Wanted::SQL,
    );
    let mut statement = db.prepare_cached(&sql)?;
    wanted.bind(&mut statement)?;
    after.bind(&mut statement)?;
    let known: Vec<_> = known.iter().map(ToString::to_string).collect();
    let known = format!("[{}]", known.join(","));
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    rows::bind(&mut statement, named_params! { ":known": known, ":limit": limit })?;
    let mut rows = statement.raw_query();
    let mut page = Page::new(query.limit);
    while let Some(row) = rows.next()? {
        page.add(rows::user(row)?, place(row)?);
    }
    Ok(page.end())
}

fn walk(
    db: &Connection,
    query: &UserQuery,
    (wanted, known): (&Wanted, Option<&[i64]>),
    after: &Place,
) -> Result<(Vec<User>, Option<Cursor>), StoreError> {
    let mut page = Page::new(query.limit);
    let [of_known, of_others] = WALKED;
    let mut left = if known.is_some() { of_known } else { of_others };
    // First those whose value is the same: of both together SQLite would look at all of them.
    for way in [
        "{column} = :value AND id {follows} :id ORDER BY id {direction}",
        "{column} {follows} :value ORDER BY {column} {direction}, id {direction}",
    ] {
        let columns = if known.is_some() { "id" } else { "*, {wanted} AS is_wanted" };
        let sql = "SELECT {columns}, {column} AS place FROM users WHERE {way}"
            .replace("{columns}", columns)
            .replace("{way}", way)
            .replace("{column}", column(query.order.by))
            .replace("{direction}", direction(query))
            .replace("{follows}", follows(query))
            .replace("{wanted}", Wanted::SQL);
        let mut statement = db.prepare_cached(&sql)?;
        wanted.bind(&mut statement)?;
        after.bind(&mut statement)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            left -= 1;
            let user = match known {
                None if row.get("is_wanted")? => Some(rows::user(row)?),
                None => None,
                Some(known) => find_known(db, wanted, known, row.get("id")?)?,
            };
            if let Some(user) = user
                && !page.add(user, place(row)?)
            {
                return Ok(page.end());
            }
            if left == 0 {
                page.cut(place(row)?);
                return Ok(page.end());
            }
        }
    }
    Ok(page.end())
}

/// The user of that number, if it is known and they are wanted.
fn find_known(
    db: &Connection,
    wanted: &Wanted,
    known: &[i64],
    id: i64,
) -> Result<Option<User>, StoreError> {
    if known.binary_search(&id).is_err() {
        return Ok(None);
    }
    let sql = format!("SELECT * FROM users NOT INDEXED WHERE id = :id AND {}", Wanted::SQL);
    let mut statement = db.prepare_cached(&sql)?;
    wanted.bind(&mut statement)?;
    rows::bind(&mut statement, named_params! { ":id": id })?;
    statement.raw_query().next()?.map(rows::user).transpose()
}

/// A page on its way.
struct Page {
    /// Whether there is more.
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
    fn add(&mut self, user: User, place: Cursor) -> bool {
        self.is_full = self.users.len() >= self.limit;
        if !self.is_full {
            self.users.push(user);
            self.last = Some(place);
        }
        !self.is_full
    }

    /// Ends the page where nobody was found for long.
    fn cut(&mut self, place: Cursor) {
        self.is_full = true;
        self.last = Some(place);
    }

    fn end(self) -> (Vec<User>, Option<Cursor>) {
        (self.users, self.last.filter(|_| self.is_full))
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

fn place(row: &Row<'_>) -> Result<Cursor, StoreError> {
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
    fn bind(&self, statement: &mut Statement<'_>) -> Result<(), StoreError> {
        rows::bind(
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
    fn bind(&self, statement: &mut Statement<'_>) -> Result<(), StoreError> {
        rows::bind(statement, named_params! { ":id": self.1, ":value": self.0 })
    }
}
