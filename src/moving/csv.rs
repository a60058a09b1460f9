//! Accounts from a table: CSV, whose first line names the columns.

#[cfg(test)]
mod tests;

use super::ReadError;
use super::batch::{Rows, Sink, Unreadable};
use super::remarks::Remarks;
use super::row::UserRow;
use super::text::first_line;
use super::value::{Misfit, Value};
use super::zone::Zone;
use crate::auth::{HashTrouble, hash_kind};
use crate::store::staging::StagedUser;
use ::csv::{ErrorKind, Position, ReaderBuilder, StringRecord};
use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

/// A column, by its names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Column {
    Active,
    Email,
    FirstName,
    Groups,
    Hash,
    Joined,
    LastLogin,
    LastName,
    Name,
    Number,
    Staff,
    Superuser,
}

impl Column {
    const ALL: [(&'static str, Self); 14] = [
        ("name", Self::Name),
        ("username", Self::Name),
        ("email", Self::Email),
        ("hash", Self::Hash),
        ("password", Self::Hash),
        ("id", Self::Number),
        ("is_active", Self::Active),
        ("is_staff", Self::Staff),
        ("is_superuser", Self::Superuser),
        ("first_name", Self::FirstName),
        ("last_name", Self::LastName),
        ("groups", Self::Groups),
        ("joined", Self::Joined),
        ("last_login", Self::LastLogin),
    ];

    fn of(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, column)| *column)
    }
}

/// Reads all lines.
pub(super) fn read(from: impl Read, sink: Sink<'_>) -> Result<(), ReadError> {
    let (head, from) = first_line(from)?;
    let read = Rc::new(Cell::new(0));
    let bounded = Bounded { from, read: Rc::clone(&read) };
    let mut lines = ReaderBuilder::new().delimiter(delimiter(&head)).from_reader(bounded);
    let head = lines.headers().map_err(broken)?;
    let columns = columns(head)?;
    // The first line has something in each column.
    let says = user_of(&columns, head).says();
    let (mut rows, mut remarks) = (Rows::into(sink), Remarks::in_zone(&Zone::Unknown));
    let mut record = StringRecord::new();
    loop {
        read.set(0);
        let begin = lines.position().line();
        let taken = match lines.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => Ok(&record),
            Err(error) => Err(misfit(error)?),
        };
        let place = record.position().map_or(begin, Position::line);
        if taken.as_ref().is_ok_and(|record| record.iter().any(goes_on)) {
            return Err(ReadError::Unusable(format!(
                "line {place}: a cell goes on in the next line, but a line is a user: is a quote left open?"
            )));
        }
        let staged = taken
            .and_then(|record| {
                numbered(&columns, record)?;
                user_of(&columns, record).staged(place, &mut remarks)
            })
            .map(forget_what_is_no_hash);
        let altered = remarks.altered();
        match staged {
            Ok(user) => {
                rows.altered(place, "a line", altered);
                rows.user(user)?;
            }
            Err(Misfit(why)) => {
                rows.unreadable(Unreadable { place, what: "a line".to_owned(), why })?;
            }
        }
    }
    rows.remark(&remarks);
    Ok(rows.finish(says, [])?)
}

/// A quote that is left open would take those who come after it for one cell.
fn goes_on(cell: &str) -> bool {
    cell.contains(['\n', '\r'])
}

/// What spreadsheets put between cells: the one of these that the first line has most of.
fn delimiter(head: &[u8]) -> u8 {
    let count = |delimiter: &u8| memchr::memchr_iter(*delimiter, head).count();
    // The last of equals.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// What is wrong with a line; an error if nothing can be read after it.
fn misfit(error: ::csv::Error) -> Result<Misfit, ReadError> {
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Ok(Misfit(format!("has {len} cells; the first line has {expected_len}")))
        }
        ErrorKind::Utf8 { .. } => Ok(Misfit("is not UTF-8".to_owned())),
        _ => Err(broken(error)),
    }
}

/// What is no hash that anything could ever match may be a password, whatever it begins with.
fn forget_what_is_no_hash(mut user: StagedUser) -> StagedUser {
    match hash_kind(&user.password).trouble {
        Some(
            HashTrouble::Malformed
            | HashTrouble::TooLong
            | HashTrouble::Unknown
            | HashTrouble::Unusable,
        ) => {
            super::hash::UNUSABLE.clone_into(&mut user.password);
        }
        Some(HashTrouble::Empty | HashTrouble::TooCostly | HashTrouble::TooLarge) | None => {}
    }
    user
}

/// Ends where a line is longer than any is: a quote that is never closed makes the rest of the file one.
struct Bounded<R> {
    from: R,
    /// How much was read for this line.
    read: Rc<Cell<usize>>,
}

impl<R> Bounded<R> {
    const LONGEST: usize = 64 << 10;
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.read.get() > Self::LONGEST {
            return Err(io::Error::other("a line is longer than 64 KiB: is a quote left open?"));
        }
        let count = self.from.read(room)?;
        self.read.set(self.read.get() + count);
        Ok(count)
    }
}

fn broken(error: ::csv::Error) -> ReadError {
    match error.into_kind() {
        ErrorKind::Io(error) => error.into(),
        _ => ReadError::Unusable("the first line is not UTF-8".to_owned()),
    }
}

fn columns(head: &StringRecord) -> Result<Vec<Column>, ReadError> {
    let known = || Column::ALL.map(|(name, _)| name).join(", ");
    if !head.iter().any(|name| Column::of(name).is_some()) {
        // It may have a password in it.
        return Err(ReadError::Unusable(format!(
            "the first line names no column that is known; these are: {}",
            known()
        )));
    }
    let column = |name: &str| {
        let words = || format!("the column `{}` is not known; these are: {}", name.trim(), known());
        Column::of(name).ok_or_else(|| ReadError::Unusable(words()))
    };
    let columns: Vec<_> = head.iter().map(column).collect::<Result<_, _>>()?;
    for (column, name) in [(Column::Name, "name"), (Column::Hash, "hash")] {
        if columns.iter().filter(|one| **one == column).count() != 1 {
            return Err(ReadError::Unusable(format!("the table needs one column `{name}`")));
        }
    }
    Ok(columns)
}

fn user_of<'a>(columns: &[Column], record: &'a StringRecord) -> UserRow<'a> {
    let mut row = UserRow::default();
    let cells = columns.iter().zip(record.iter().map(str::trim));
    for (column, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        let value = Value::text(cell);
        match column {
            Column::Active => row.is_active = value,
            Column::Email => row.email = value,
            Column::FirstName => row.first_name = value,
            Column::Groups => row.groups = groups(cell),
            Column::Hash => {
                row.password = super::hash::as_kept(cell).map_or(value, Value::text);
            }
            Column::Joined => row.date_joined = value,
            Column::LastLogin => row.last_login = value,
            Column::LastName => row.last_name = value,
            Column::Name => row.username = value,
            Column::Number => row.pk = value,
            Column::Staff => row.is_staff = value,
            Column::Superuser => row.is_superuser = value,
        }
    }
    row
}

/// Where there is a number it is one: here nothing else can be in its place.
fn numbered(columns: &[Column], record: &StringRecord) -> Result<(), Misfit> {
    let mut cells = columns.iter().zip(record.iter().map(str::trim));
    let is_broken = |cell: &str| !cell.is_empty() && cell.parse::<u64>().is_err();
    if cells.any(|(column, cell)| *column == Column::Number && is_broken(cell)) {
        let words = "is no number of a user, such as 7; without one they get a new one";
        return Err(Misfit::new("id", words));
    }
    Ok(())
}

/// Names with semicolons between them.
fn groups(cell: &str) -> Value<'_> {
    let names = cell.split(';').map(str::trim).filter(|name| !name.is_empty());
    Value::List(names.map(|name| Value::List(vec![Value::text(name)])).collect())
}
