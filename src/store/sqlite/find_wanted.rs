//! Who may be wanted, as far as the indexes tell.

use super::rows;
use crate::store::StoreError;
use rusqlite::{Connection, Statement, named_params};

/// How many numbers of those who may be wanted are kept in mind at most.
const KNOWN: usize = 120_000;

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
pub(super) struct Known {
    /// Whether all of them have a name that begins so, and whether all have an address that does.
    pub begins: [bool; 2],
    /// Their numbers, in order.
    pub numbers: Vec<i64>,
}

/// What is asked for, as SQLite compares it.
pub(super) struct Wanted {
    /// What no text with the prefix reaches.
    pub end: Option<String>,
    pub is_active: Option<bool>,
    pub is_staff: Option<bool>,
    pub prefix: Option<String>,
}

/// All who are wanted, and perhaps others; `None` if they are too many.
pub(super) fn known(db: &Connection, wanted: &Wanted) -> Result<Option<Known>, StoreError> {
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

impl Wanted {
    pub(super) const SQL: &str = "((:staff IS NULL OR is_staff = :staff)
        AND (:active IS NULL OR is_active = :active)
        AND (:prefix IS NULL OR (lower(username) >= :prefix AND lower(username) < :end)
             OR (lower(email) >= :prefix AND lower(email) < :end)))";

    /// Binds those of the parameters that a statement has.
    pub(super) fn bind(&self, statement: &mut Statement<'_>) -> Result<(), StoreError> {
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
