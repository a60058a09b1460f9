//! Accounts from a table: CSV, whose first line names the columns.

use super::ReadError;
use super::batch::{Rows, Sink, Unreadable};
use super::row::{Remarks, UserRow};
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
            .and_then(|record| user_of(&columns, record).staged(place, &mut remarks))
            .map(forget_what_is_no_hash);
        match staged {
            Ok(user) => rows.user(user)?,
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
    use crate::store::staging::{GroupRef, Says};

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
    fn what_may_be_a_password_is_not_kept() {
        let lines = "ada,pass-Word-123\nbob,md5$salt$5b46babb\neve,!pass-Word-123\nzoe,pbkdf2_sha256$pass\n";
        let batch = read(&format!("name,hash\n{lines}")).unwrap();
        let kept: Vec<_> = batch.users.iter().map(|user| (&*user.password, &*user.kind)).collect();
        let kinds = [("!", "unknown"), ("!", "md5"), ("!", "unusable"), ("!", "pbkdf2_sha256")];
        assert_eq!(kept, kinds);
        assert!(batch.users.iter().all(|user| user.trouble.is_some()));
    }

    #[test]
    fn a_table_may_have_semicolons_or_tabs() {
        for text in [
            "name;hash;email\nada;!;a,b@example.com\n",
            "name\thash\temail\nada\t!\ta,b@example.com\n",
        ] {
            assert_eq!(read(text).unwrap().users[0].email, "a,b@example.com");
        }
    }

    #[test]
    fn of_what_has_no_column_nothing_is_said() {
        let says = read("name,hash,is_staff\n").unwrap().says.unwrap();
        assert_eq!(says, Says { staff: true, ..Says::NOTHING });
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_swallow_the_rest() {
        let text = format!("name,hash\nada,\"!\n{}", "bob,!\n".repeat(50_000));
        let said = read(&text).err().unwrap();
        assert!(said.contains("a line is longer than 64 KiB"), "{said}");
        for text in ["name,hash\nada,\"!\nbob,!\n", "name,email,hash\nada,\"a\nbob\",!\n"] {
            let said = read(text).err().unwrap();
            assert!(said.starts_with("line 2: a cell goes on in the next line"), "{said}");
        }
    }

    #[test]
    fn columns_that_are_missing_or_unknown_are_told_before_anything_is_read() {
        assert!(read("name,emial,hash\n").err().unwrap().contains("is not known"));
        assert!(read("name,email\n").err().unwrap().contains("needs one column `hash`"));
        assert!(read("name,hash,password\n").err().unwrap().contains("one column `hash`"));
    }
}
