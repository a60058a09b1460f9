//! Accounts from a table: CSV, whose first line names the columns.

use super::ReadError;
use super::batch::{Rows, Sink, Unreadable};
use super::row::UserRow;
use super::value::Value;
use ::csv::{ErrorKind, Reader, StringRecord};
use std::io::Read;

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
    let mut rows = Rows::into(sink);
    let mut lines = Reader::from_reader(from);
    let columns = columns(lines.headers().map_err(broken)?)?;
    let mut record = StringRecord::new();
    loop {
        let place = lines.position().line();
        let why = match lines.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let place = record.position().map_or(place, ::csv::Position::line);
                match user_of(&columns, &record).staged(place) {
                    Ok(user) => {
                        rows.add(|batch| batch.users.push(user))?;
                        continue;
                    }
                    Err(misfit) => misfit.0,
                }
            }
            Err(error) => match error.kind() {
                ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("has {len} cells; the first line has {expected_len}")
                }
                ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
                _ => return Err(broken(error)),
            },
        };
        let place = record.position().map_or(place, ::csv::Position::line);
        let row = Unreadable { place, what: "a line".to_owned(), why };
        rows.add(|batch| batch.unreadable.push(row))?;
    }
    Ok(rows.finish()?)
}

fn broken(error: ::csv::Error) -> ReadError {
    match error.into_kind() {
        ErrorKind::Io(error) => error.into(),
        _ => ReadError::Unusable("the first line is not UTF-8".to_owned()),
    }
}

fn columns(head: &StringRecord) -> Result<Vec<Column>, ReadError> {
    let known = || Column::ALL.map(|(name, _)| name).join(", ");
    let column = |name| {
        Column::of(name).ok_or_else(|| {
            let words = "has a column that is not known, or no line that names them";
            ReadError::Unusable(format!("the table {words}; these are known: {}", known()))
        })
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
    for (column, cell) in columns.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
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

/// Names with semicolons between them.
fn groups(cell: &str) -> Value<'_> {
    let name = |name: &str| Value::List(vec![Value::text(name.trim().to_owned())]);
    Value::List(cell.split(';').map(name).collect())
}

#[cfg(test)]
mod tests {
    use crate::moving::gather::{file, gather};
    use crate::moving::{Batch, Origin};
    use crate::store::staging::GroupRef;

    const BCRYPT: &str = "$2b$12$UYmHrjX5VSVXDcJ47JHmmu/UEwFVwYYqmq21jqiFSKsfCSl6f2iyC";
    const ARGON2: &str = "$argon2id$v=19$m=512,t=2,p=2$c2FsdHNhbHQ$hw4HtuQ4rvWqS/2da5AYVw";

    fn read(text: &str) -> Result<Batch, String> {
        let (input, _file) = file(text);
        gather(&Origin::Csv(input))
    }

    #[test]
    fn the_first_line_names_the_columns_in_any_order() {
        let text = format!(
            "\u{feff}Email,name,hash,is_staff,groups\nada@example.com,ada,\"{ARGON2}\",1,editors; poets\n\
             ,bob,{BCRYPT},,\n"
        );
        let users = read(&text).unwrap().users;
        let [ada, bob] = users.as_slice() else { panic!() };
        assert_eq!((ada.username.as_str(), ada.email.as_str()), ("ada", "ada@example.com"));
        assert!(ada.is_staff && ada.is_active && ada.password == ARGON2 && ada.trouble.is_none());
        let names = ["editors", "poets"].map(|name| GroupRef::Name(name.to_owned()));
        assert_eq!(ada.groups, names);
        assert_eq!((bob.id, bob.place, bob.is_staff), (None, 3, false));
        assert_eq!(bob.password, format!("bcrypt${BCRYPT}"));
    }

    #[test]
    fn a_broken_line_is_told_and_the_others_are_read() {
        let batch = read("name,hash,is_staff\nada,!\nbob,!,perhaps\neve,!,1\n,!,0\n").unwrap();
        assert_eq!(batch.users.len(), 1);
        let told: Vec<_> = batch.unreadable.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "2, a line: has 2 cells; the first line has 3",
                "3, a line: is_staff: is a text; true or false is right",
                "5, a line: username: is missing; nobody could sign in without it",
            ]
        );
    }

    #[test]
    fn columns_that_are_missing_or_unknown_are_told_before_anything_is_read() {
        assert!(read("name,emial,hash\n").err().unwrap().contains("is not known"));
        assert!(read("name,email\n").err().unwrap().contains("needs one column `hash`"));
        assert!(read("name,hash,password\n").err().unwrap().contains("one column `hash`"));
    }
}
