//! Where a Django has its users and tokens: what `dumpdata` writes, or its database.

mod dump;
mod elements;
mod model;
mod mysql;
mod numbers;
mod postgres;
mod schema;
mod server;
mod sqlite;
#[cfg(test)]
mod tests;
mod tls;

pub use self::elements::Broken;
pub use self::model::{Model, NotAModel};
pub use self::schema::SchemaError;

use self::numbers::Numbers;
use self::schema::{Dialect, Query, Table, Tables};
use super::ReadError;
use super::address::{Address, DatabaseKind};
use super::batch::{Closed, Of, Rows, Sink, Unreadable};
use super::input::Input;
use super::progress::Progress;
use super::remarks::Remarks;
use super::row::{GroupRow, KeyRow, TokenRow, UserRow};
use super::scheme::Knox;
use super::value::{Misfit, Value};
use super::zone::Zone;
use crate::store::staging::Says;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where it is.
pub enum Place {
    /// In a database on a server.
    Database(Address),
    /// In what `dumpdata` wrote.
    Dump(Input),
    /// In a file of SQLite.
    Sqlite(PathBuf),
}

impl Place {
    /// Where a text says: the address of a database, a file, or `-` for standard input.
    pub fn of(text: &str) -> Result<Self, ReadError> {
        if let Some(path) = sqlite_url(text) {
            return Ok(Self::Sqlite(path));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            // A password may be anywhere in what is no address.
            let is_plain =
                scheme.len() <= 20 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
            return match text.parse() {
                Err(_) if is_plain && !DatabaseKind::is_of(scheme) => {
                    Err(ReadError::Unusable(format!(
                        "{scheme}:// is no address of a database that can be read: these are \
                         postgres://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE and sqlite:FILE; a dump is \
                         a file, or - for standard input"
                    )))
                }
                address => Ok(Self::Database(address?)),
            };
        }
        let input = Input::of(text);
        Ok(match input {
            Input::File(path) if is_database(&path) => Self::Sqlite(path),
            input => Self::Dump(input),
        })
    }
}

/// The file of `sqlite:FILE` and `sqlite:///FILE`.
fn sqlite_url(text: &str) -> Option<PathBuf> {
    let (scheme, path) = text.split_once(':')?;
    let is_sqlite = ["spatialite", "sqlite", "sqlite3"].contains(&scheme.to_lowercase().as_str());
    is_sqlite.then(|| PathBuf::from(path.strip_prefix("///").unwrap_or(path)))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(address) => address.fmt(f),
            Self::Dump(input) => input.fmt(f),
            Self::Sqlite(path) => path.display().fmt(f),
        }
    }
}

/// Whether a file says that it is a database. One that cannot be read is found out about later, and what
/// is no file, such as a pipe, can be read once only.
pub(in crate::moving) fn is_database(path: &Path) -> bool {
    let mut head = Vec::new();
    let mut read = || File::open(path).and_then(|file| file.take(16).read_to_end(&mut head));
    path.is_file() && read().is_ok() && head == b"SQLite format 3\0"
}

/// What is known of it.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// How its knox made digests.
    pub knox: Knox,
    /// In which time zone its moments are that do not say it.
    pub time_zone: Zone,
    /// Its models of tokens, if they are not knox's and REST framework's own: these alone then.
    pub token_models: Vec<Model>,
    /// Its user model, if that is not Django's own.
    pub user_model: Option<Model>,
    /// By what its users sign in, if that is not `username`.
    pub username_field: Option<String>,
}

/// Reads all of it that is of use here.
pub(super) fn read(
    place: &Place,
    terms: &Terms,
    progress: &Progress,
    sink: Sink<'_>,
) -> Result<(), ReadError> {
    let mut reading = Reading::by(terms, Rows::into(sink));
    match place {
        Place::Dump(input) => dump::read(input.open(progress)?, &mut reading)?,
        Place::Sqlite(path) => sqlite::read(path, progress, &mut reading)?,
        Place::Database(address) => match address.kind() {
            DatabaseKind::MySql => mysql::read(address, progress, &mut reading)?,
            DatabaseKind::Postgres => postgres::read(address, progress, &mut reading)?,
        },
    }
    reading.finish()
}

/// Reads a dump that comes from elsewhere than a file.
#[cfg(fuzzing)]
pub(super) fn read_dump(from: impl Read, terms: &Terms, sink: Sink<'_>) -> Result<(), ReadError> {
    let mut reading = Reading::by(terms, Rows::into(sink));
    dump::read(from, &mut reading)?;
    reading.finish()
}

/// Rows on their way from wherever they are.
struct Reading<'a> {
    /// What is neither user nor token.
    others: BTreeMap<String, u64>,
    /// Which row it is, from 1.
    place: u64,
    remarks: Remarks,
    rows: Rows<'a>,
    /// Of what the source says anything, as far as it is read.
    says: Says,
    numbers: Numbers,
    terms: &'a Terms,
}

impl<'a> Reading<'a> {
    fn by(terms: &'a Terms, rows: Rows<'a>) -> Self {
        let (others, remarks) = (BTreeMap::new(), Remarks::in_zone(&terms.time_zone));
        let (numbers, says) = (Numbers::default(), Says::NOTHING);
        Self { others, place: 0, remarks, rows, says, numbers, terms }
    }

    /// What is to be asked of a database with these tables. Of what they say anything is noted.
    fn ask(&mut self, tables: &Tables, dialect: Dialect) -> Result<Vec<Query>, SchemaError> {
        let queries = schema::queries(tables, self.terms, dialect)?;
        for words in schema::warnings(tables, self.terms, &queries) {
            self.rows.warn(words);
        }
        self.says = schema::says(&queries);
        Ok(queries)
    }

    /// Takes a row of a database, cell by cell.
    fn row<'v>(
        &mut self,
        query: &Query,
        cell: impl FnMut(usize) -> Value<'v>,
    ) -> Result<(), Closed> {
        self.place += 1;
        // The order of the fields is that in which `schema` asks for them.
        let mut cells = (0..).map(cell);
        let mut next = || cells.next().unwrap_or_default();
        let name = &query.name;
        match query.table {
            Table::Groups => self.group(GroupRow { pk: next(), name: next() }),
            Table::Users => self.user(
                name,
                UserRow {
                    pk: next(),
                    username: next(),
                    email: next(),
                    password: next(),
                    is_active: next(),
                    is_staff: next(),
                    is_superuser: next(),
                    first_name: next(),
                    last_name: next(),
                    date_joined: next(),
                    last_login: next(),
                    groups: next(),
                },
            ),
            Table::Tokens => self.token(
                name,
                TokenRow {
                    digest: next(),
                    token_key: next(),
                    user: next(),
                    created: next(),
                    expiry: next(),
                    salt: next(),
                },
            ),
            Table::Keys => self.key(name, KeyRow { key: next(), user: next(), created: next() }),
        }
    }

    fn group(&mut self, row: GroupRow<'_>) -> Result<(), Closed> {
        match row.staged() {
            Ok(group) => group.map_or(Ok(()), |group| self.rows.group(group)),
            Err(misfit) => self.unreadable("auth.group", Of::Another, misfit),
        }
    }

    fn user(&mut self, name: &str, row: UserRow<'_>) -> Result<(), Closed> {
        let number = row.pk.number();
        let what = with_number(name, number);
        let staged = row.staged(self.place, &mut self.remarks);
        let altered = self.remarks.altered();
        match staged {
            Ok(user) => {
                self.numbers.note_user(&user);
                self.rows.altered(self.place, &what, altered);
                self.rows.user(user)
            }
            Err(misfit) => self.unreadable(&what, Of::User(number), misfit),
        }
    }

    fn token(&mut self, name: &str, row: TokenRow<'_>) -> Result<(), Closed> {
        match row.staged(self.place, self.terms.knox, &mut self.remarks) {
            Ok(token) => {
                self.numbers.note_token(&token);
                self.rows.token(token)
            }
            Err(misfit) => self.unreadable(name, Of::Another, misfit),
        }
    }

    fn key(&mut self, name: &str, row: KeyRow<'_>) -> Result<(), Closed> {
        match row.staged(self.place, &mut self.remarks) {
            Ok(token) => {
                self.numbers.note_token(&token);
                self.rows.token(token)
            }
            Err(misfit) => self.unreadable(name, Of::Another, misfit),
        }
    }

    fn unreadable(&mut self, what: &str, of: Of, Misfit(why): Misfit) -> Result<(), Closed> {
        self.rows.unreadable(Unreadable { of, place: self.place, what: what.to_owned(), why })
    }

    /// Nobody could have the tokens of a source without users. What is known only now is told.
    fn finish(mut self) -> Result<(), ReadError> {
        if self.rows.tokens && !self.rows.users {
            return Err(ReadError::NoUsers);
        }
        if self.rows.users && !self.says.active {
            self.rows.warn(
                "The source does not say who may log in (is_active): everybody who is new here may.",
            );
        }
        for words in self.numbers.warnings() {
            self.rows.warn(words);
        }
        self.rows.remark(&self.remarks);
        Ok(self.rows.finish(self.says, self.others)?)
    }
}

/// What a row is, with its number if it has one.
fn with_number(name: &str, number: Option<u64>) -> String {
    number.map_or_else(|| name.to_owned(), |number| format!("{name} {number}"))
}
