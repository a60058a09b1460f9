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
use ::csv::{ByteRecord, ErrorKind, ReaderBuilder, StringRecord};
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
    // What counts lines takes the second half of such an end for a part of the next.
    let behind = u64::from(head.ends_with(b"\r"));
    let mut lines =
        ReaderBuilder::new().delimiter(delimiter(&head)).flexible(true).from_reader(bounded);
    let head = lines.headers().map_err(broken)?;
    let columns = columns(head)?;
    // The first line has something in each column.
    let says = user_of(&columns, head).says();
    let (mut rows, mut remarks) = (Rows::into(sink), Remarks::in_zone(&Zone::Unknown));
    let mut record = ByteRecord::new();
    loop {
        read.set(0);
        let place = lines.position().line() + behind;
        let is_there = lines.read_byte_record(&mut record);
        if !is_there.map_err(|error| broken_at(place, error, read.get()))? {
            break;
        }
        ends_where_it_begins(place, &record)?;
        let staged = text_of(&record, columns.len())
            .and_then(|record| {
                numbered(&columns, &record)?;
                user_of(&columns, &record).staged(place, &mut remarks)
            })
            .map(forget_what_is_no_hash);
        let altered = remarks.altered();
        match staged {
            Ok(user) => {
                rows.altered(place, "a line", altered);
                rows.user(user)?;
            }
            Err(Misfit(why)) => {
                rows.unreadable(Unreadable::line(place, why))?;
            }
        }
    }
    rows.remark(&remarks);
    Ok(rows.finish(says, [])?)
}

/// A quote that is left open would take those who come after it for one cell, whatever else is wrong with
/// the line.
fn ends_where_it_begins(line: u64, record: &ByteRecord) -> Result<(), ReadError> {
    if record.iter().all(|cell| memchr::memchr2(b'\n', b'\r', cell).is_none()) {
        return Ok(());
    }
    Err(ReadError::Unusable(format!(
        "line {line}: a cell goes on in the next line, but a line is a user: is a quote left open?"
    )))
}

/// What spreadsheets put between cells: the one of these that the first line has most of.
fn delimiter(head: &[u8]) -> u8 {
    let count = |delimiter: &u8| memchr::memchr_iter(*delimiter, head).count();
    // The last of equals.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// A line that has a cell for each column.
fn text_of(record: &ByteRecord, columns: usize) -> Result<StringRecord, Misfit> {
    let cells = record.len();
    if cells != columns {
        return Err(Misfit(format!("has {cells} cells; the first line has {columns}")));
    }
    StringRecord::from_byte_record(record.clone()).map_err(|_| Misfit("is not UTF-8".to_owned()))
}

/// Why nothing can be read after this line, of which so much was read.
fn broken_at(line: u64, error: ::csv::Error, read: usize) -> ReadError {
    match broken(error) {
        ReadError::Read(error) if read > LONGEST => {
            ReadError::Unusable(format!("line {line}: {error}"))
        }
        error => error,
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

/// How much may be read for a line.
const LONGEST: usize = 64 << 10;

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.read.get() > LONGEST {
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
