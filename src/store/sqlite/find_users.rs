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
const KNOWN: usize = 120_000;
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

/// Who may be wanted, as far as the indexes tell without a look at the users.
struct Known {
    /// Whether all of them have a name that begins so, and whether all have an address that does.
    begins: [bool; 2],
    /// Their numbers, in order.
    numbers: Vec<i64>,
}

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
        Some(known) if known.numbers.len() <= GATHERED => {
            gather(db, query, (&wanted, &known.numbers), &after)?
        }
        Some(known) if query.order.by == UserColumn::Joined => {
            pick(db, query, (&wanted, &known.numbers), after.1)?
        }
        known => walk(db, query, (&wanted, known.as_ref()), after)?,
    };
    let listed = users.into_iter().map(|user| listed(db, user, now));
    Ok(UserPage { by: query.order.by, next, users: listed.collect::<Result<_, _>>()? })
}

/// All who are wanted, and perhaps others; `None` if they are too many.
fn known(db: &Connection, wanted: &Wanted) -> Result<Option<Known>, StoreError> {
    let [names, addresses, staff, activity] = WAYS;
    let find = |(way, is_of_use): Way| {
        if is_of_use(wanted) { numbers(db, way, wanted) } else { Ok(None) }
    };
    let (mut begins, mut sets) = ([false; 2], Vec::new());
    if let Some(mut named) = find(names)?
        && let Some(addressed) = find(addresses)?
    {
        let is_among = |numbers: &[i64], others: &[i64]| {
            numbers.iter().all(|number| others.binary_search(number).is_ok())
        };
        begins = [is_among(&addressed, &named), is_among(&named, &addressed)];
        named.extend(addressed);
        named.sort_unstable();
        named.dedup();
        sets.push(named);
    }
    for way in [staff, activity] {
        sets.extend(find(way)?);
    }
    let both = |one: Vec<i64>, other: Vec<i64>| {
        let is_in_other = |number: &i64| other.binary_search(number).is_ok();
        one.into_iter().filter(is_in_other).collect()
    };
    Ok(sets.into_iter().reduce(both).map(|numbers| Known { begins, numbers }))
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

/// In the order of their numbers, those who are known need no search.
fn pick(
    db: &Connection,
    query: &UserQuery,
    (wanted, known): (&Wanted, &[i64]),
    after: i64,
) -> Result<(Vec<User>, Option<Cursor>), StoreError> {
    let before = known.partition_point(|number| *number < after);
    let upto = known.partition_point(|number| *number <= after);
    let ids: &mut dyn Iterator<Item = &i64> = if query.order.is_descending {
        &mut known.iter().take(before).rev()
    } else {
        &mut known.iter().skip(upto)
    };
    let mut page = Page::new(query.limit);
    let [_, most] = WALKED;
    for (seen, id) in ids.enumerate() {
        let place = Cursor::at(id, id);
        if seen == most {
            page.cut(place);
            break;
        }
        if let Some(user) = find_known(db, wanted, known, *id)?
            && !page.add(user, place)
        {
            break;
        }
    }
    Ok(page.end())
}

/// The place before all that can be wanted, if that is later than `after`: all who are known may
/// begin as the column of the order does. Then it is said what those who are wanted begin with.
fn skip<'a>(
    query: &UserQuery,
    (wanted, known): (&'a Wanted, Option<&Known>),
    after: Place,
) -> (Place, Option<&'a str>) {
    let begins = known.map_or([false; 2], |known| known.begins);
    let is_of_use = match (query.order.by, begins) {
        (UserColumn::Username, [is_of_use, _]) | (UserColumn::Email, [_, is_of_use]) => is_of_use,
        _ => false,
    };
    let (Some(prefix), Some(end), true) = (&wanted.prefix, &wanted.end, is_of_use) else {
        return (after, None);
    };
    let start = if query.order.is_descending { end } else { prefix };
    let is_later = match &after.0 {
        Value::Text(text) if query.order.is_descending => text < start,
        Value::Text(text) => text >= start,
        _ => false,
    };
    if is_later {
        return (after, Some(prefix));
    }
    // There is no number 0.
    (Place(Value::Text(start.clone()), 0), Some(prefix))
}

fn walk(
    db: &Connection,
    query: &UserQuery,
    (wanted, known): (&Wanted, Option<&Known>),
    after: Place,
) -> Result<(Vec<User>, Option<Cursor>), StoreError> {
    let (after, beginning) = skip(query, (wanted, known), after);
    let mut page = Page::new(query.limit);
    let [of_known, of_others] = WALKED;
    let mut left = if known.is_some() { of_known } else { of_others };
    for sql in ways_on(query, known.is_some()) {
        let mut statement = db.prepare_cached(&sql)?;
        wanted.bind(&mut statement)?;
        after.bind(&mut statement)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            left -= 1;
            let user = match known {
                None if row.get("is_wanted")? => Some(rows::user(row)?),
                None => None,
                Some(known) => find_known(db, wanted, &known.numbers, row.get("id")?)?,
            };
            if user.is_none()
                && let Some(beginning) = beginning
                && !row.get::<_, String>("place")?.starts_with(beginning)
            {
                return Ok(page.end());
            }
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

/// What comes in the order after a place: first those whose value is the same, for of both together
/// SQLite would look at all of them.
fn ways_on(query: &UserQuery, are_known: bool) -> [String; 2] {
    let columns = if are_known { "id" } else { "*, {wanted} AS is_wanted" };
    [
        "{column} = :value AND id {follows} :id ORDER BY id {direction}",
        "{column} {follows} :value ORDER BY {column} {direction}, id {direction}",
    ]
    .map(|way| {
        "SELECT {columns}, {column} AS place FROM users WHERE {way}"
            .replace("{columns}", columns)
            .replace("{way}", way)
            .replace("{column}", column(query.order.by))
            .replace("{direction}", direction(query))
            .replace("{follows}", follows(query))
            .replace("{wanted}", Wanted::SQL)
    })
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
