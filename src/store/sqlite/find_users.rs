//! Users as operators look for them: filtered, sorted, and a page at a time.
//!
//! What is wanted of few users is gathered and sorted; what many fit is found by walking along the
//! index of the order, past a bounded number of others.

use super::find_order::{Place, beginning, column, direction, follows, place, read, text_at};
use super::find_wanted::{Known, Wanted, known};
use super::rows;
use crate::clock::Timestamp;
use crate::model::user::{User, UserId};
use crate::store::{Cursor, ListedUser, StoreError, UserColumn, UserPage, UserQuery};
use rusqlite::types::Value;
use rusqlite::{Connection, named_params};

/// How many users are gathered and sorted at most.
const GATHERED: usize = 10_000;
/// How many users a walk looks at before it ends with a short page, where it is known who is wanted
/// and where it is not.
const WALKED: [usize; 2] = [200_000, 20_000];

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
    let Page { is_full, last, unreadable, users, .. } = match known(db, &wanted)? {
        Some(known) if known.numbers.len() <= GATHERED => {
            gather(db, query, (&wanted, &known.numbers), &after)?
        }
        Some(known) if query.order.by == UserColumn::Joined => {
            pick(db, query, (&wanted, &known.numbers), after.1)?
        }
        known => walk(db, query, (&wanted, known.as_ref()), after)?,
    };
    let listed = users.into_iter().map(|user| listed(db, user, now));
    let users = listed.collect::<Result<_, _>>()?;
    let next = last.filter(|_| is_full);
    Ok(UserPage { by: query.order.by, next, unreadable, users })
}

fn gather(
    db: &Connection,
    query: &UserQuery,
    (wanted, known): (&Wanted, &[i64]),
    after: &Place,
) -> Result<Page, StoreError> {
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
        page.add(rows::user_or_number(row)?, place(row)?);
    }
    Ok(page)
}

/// In the order of their numbers, those who are known need no search.
fn pick(
    db: &Connection,
    query: &UserQuery,
    (wanted, known): (&Wanted, &[i64]),
    after: i64,
) -> Result<Page, StoreError> {
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
    Ok(page)
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
) -> Result<Page, StoreError> {
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
                None if row.get("is_wanted")? => Some(rows::user_or_number(row)?),
                None => None,
                Some(known) => find_known(db, wanted, &known.numbers, row.get("id")?)?,
            };
            if user.is_none()
                && let Some(beginning) = beginning
                && !text_at(row)?.starts_with(beginning.as_bytes())
            {
                return Ok(page);
            }
            if let Some(user) = user
                && !page.add(user, place(row)?)
            {
                return Ok(page);
            }
            if left == 0 {
                page.cut(place(row)?);
                return Ok(page);
            }
        }
    }
    Ok(page)
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
) -> Result<Option<Result<User, UserId>>, StoreError> {
    if known.binary_search(&id).is_err() {
        return Ok(None);
    }
    let sql = format!("SELECT * FROM users NOT INDEXED WHERE id = :id AND {}", Wanted::SQL);
    let mut statement = db.prepare_cached(&sql)?;
    wanted.bind(&mut statement)?;
    rows::bind(&mut statement, named_params! { ":id": id })?;
    statement.raw_query().next()?.map(rows::user_or_number).transpose()
}

/// A page on its way.
struct Page {
    /// Whether there is more.
    is_full: bool,
    /// The place of the last user, or of the last one looked at.
    last: Option<Cursor>,
    limit: usize,
    /// Those whose record cannot be read.
    unreadable: Vec<UserId>,
    users: Vec<User>,
}

impl Page {
    fn new(limit: usize) -> Self {
        Self { is_full: false, last: None, limit, unreadable: Vec::new(), users: Vec::new() }
    }

    /// Adds a user, unless the page is full: then there is another page.
    fn add(&mut self, user: Result<User, UserId>, place: Cursor) -> bool {
        self.is_full = self.users.len() + self.unreadable.len() >= self.limit;
        if !self.is_full {
            match user {
                Ok(user) => self.users.push(user),
                Err(id) => self.unreadable.push(id),
            }
            self.last = Some(place);
        }
        !self.is_full
    }

    /// Ends the page where nobody was found for long.
    fn cut(&mut self, place: Cursor) {
        self.is_full = true;
        self.last = Some(place);
    }
}

fn listed(db: &Connection, user: User, now: Timestamp) -> Result<ListedUser, StoreError> {
    let sql = "SELECT count(*) AS number FROM tokens
               WHERE user_id = ?1 AND user_epoch = ?2 AND (expires IS NULL OR expires > ?3)";
    let epoch = rows::integer(user.epoch);
    let live = rows::first(db, sql, (user.id, epoch, now), |row| rows::count(row, "number"))?;
    Ok(ListedUser { live_tokens: live.unwrap_or_default(), user })
}
