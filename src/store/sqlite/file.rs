//! The file: making it, telling ours from others', connecting to it.

use super::log;
use super::make;
use super::trouble::Trouble;
use crate::store::{Inspection, StoreError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Marks our files: `autg`, as in `schema.sql`.
pub const APPLICATION: i32 = 0x6175_7467;

/// What makes a database of each version out of the one before.
const STEPS: [&str; SCHEMA as usize] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
];

/// The version of a database after all steps.
pub(super) const SCHEMA: i32 = 5;

/// How long to wait for another process. A client waits for as long, so it is short.
const BUSY: Duration = Duration::from_millis(500);

/// What a connection keeps compiled: more than there are statements.
const STATEMENTS: usize = 64;

/// The bytes of the smallest page, of which a database that is not empty has one.
const SHORTEST: u64 = 512;

/// What is escaped in a URI's path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// Opens the file for the writer; makes it when it is not there.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let opened = || {
        make::if_missing(path)?;
        // Someone who changes the file at this moment shows it half changed to whoever takes no lock.
        let may_pass =
            |trouble: &Trouble| !matches!(trouble, Trouble::Empty | Trouble::NotADatabase);
        patiently(|| refuse_foreign(path), may_pass)?;
        // Before SQLite looks at it: what that drops is gone.
        log::check(path)?;
        let mut db = connect(path)?;
        if installed(&db)? < SCHEMA {
            install(&mut db)?;
        }
        // After the schema: until it is there, the main file alone must tell whose it is.
        use_write_ahead_log(&db)?;
        Ok(db)
    };
    opened().map_err(|trouble: Trouble| trouble.at(path))
}

/// Opens a file as it is, to look at it: makes nothing and changes nothing, but takes back what someone
/// has left half done. Tells the version of its schema, too.
pub(super) fn look(path: &Path) -> Result<(Connection, i32), StoreError> {
    let looked = || {
        refuse_foreign(path)?;
        log::check(path)?;
        if make::has_journal(path) {
            roll_back(path)?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(absolute(path)?, flags)?;
        db.busy_timeout(BUSY)?;
        let looked = installed(&db).map(|version| (db, version));
        match looked {
            // In a folder where nothing can be made, SQLite wants to be told that nobody writes.
            Err(trouble)
                if trouble.is_about_rights()
                    && !make::has_log(path)
                    && !make::has_journal(path) =>
            {
                let db = open_unlocked(path)?;
                let version = installed(&db)?;
                Ok((db, version))
            }
            looked => looked,
        }
    };
    looked().map_err(|trouble: Trouble| trouble.reading(path))
}

/// Opens the file, which [`open`] has made ready, for a reader.
pub(super) fn connect_reader(path: &Path) -> Result<Connection, StoreError> {
    let connected = || {
        let db = connect(path)?;
        db.pragma_update(None, "query_only", true)?;
        Ok(db)
    };
    connected().map_err(|trouble: Trouble| trouble.at(path))
}

/// Which file is open, so that another one in its place is noticed: our connections would go on with
/// the old one, which nobody else can see.
pub(super) struct Place {
    device: u64,
    file: u64,
    path: PathBuf,
}

impl Place {
    /// The place of a file that has just been opened.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let found = fs::metadata(path).map_err(StoreError::unavailable)?;
        Ok(Self { device: found.dev(), file: found.ino(), path: path.to_owned() })
    }

    /// Fails once the file is not there any more.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let found = fs::metadata(&self.path).map_err(StoreError::unavailable)?;
        if (found.dev(), found.ino()) == (self.device, self.file) {
            return Ok(());
        }
        Err(StoreError::unavailable("another file has been put in the database's place: restart"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// SQLite's count of what other connections have changed; one's own changes do not move it.
pub(super) fn version(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.pragma_query_value(None, "data_version", |row| row.get(0))?)
}

/// What an operator should know of the file.
pub(super) fn inspect(db: &Connection, path: &Path) -> Result<Inspection, StoreError> {
    installed(db).map_err(|trouble| trouble.at(path))?;
    let place = path.display();
    let mut warnings = Vec::new();
    let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != "wal" {
        warnings.push(format!(
            "SQLite cannot use its write-ahead log at {place} (journal mode {mode}): \
             if that is a network file system, move the file to a local disk"
        ));
    }
    Ok(Inspection { summary: format!("SQLite {} at {place}", rusqlite::version()), warnings })
}

/// Looks at the file without taking a lock or leaving a companion beside it, which an ordinary
/// connection to another program's database could do.
///
/// Reading its first bytes by hand would not do: closing a file takes away the locks that this
/// process has on it through SQLite.
fn refuse_foreign(path: &Path) -> Result<(), Trouble> {
    let found = fs::metadata(path).map_err(Trouble::of_file)?;
    match found.len() {
        // Nobody knows whether it ever held something: none of ours begins so.
        0 if found.is_file() => return Err(Trouble::Empty),
        // SQLite takes a shorter file for an empty database, and would overwrite it.
        1..SHORTEST => return Err(Trouble::NotADatabase),
        _ if !found.is_file() => return Err(Trouble::NotADatabase),
        _ => {}
    }
    let db = open_unlocked(path)?;
    // A process that was killed while it moved the log into the file has left that shorter than it
    // says, and all that is missing in the log, which only an ordinary connection reads.
    db.pragma_update(None, "writable_schema", true)?;
    if make::has_journal(path) {
        // Half changed, and only its first bytes can be read until that is taken back.
        let found: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
        return if found == APPLICATION { Ok(()) } else { Err(Trouble::Foreign) };
    }
    installed(&db).map(drop)
}

/// Opens a file as if nobody could write to it, without a companion.
fn open_unlocked(path: &Path) -> Result<Connection, Trouble> {
    let place = absolute(path)?;
    let place = percent_encode(place.as_os_str().as_encoded_bytes(), PATH);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(format!("file://{place}?immutable=1"), flags)?)
}

/// SQLite would take `file:accounts.db` for a URI.
fn absolute(path: &Path) -> Result<PathBuf, Trouble> {
    std::path::absolute(path).map_err(Trouble::of_file)
}

/// Has SQLite take back what a process that was killed has left half done.
fn roll_back(path: &Path) -> Result<(), Trouble> {
    let rolled_back = || installed(&connect(path)?).map(drop);
    match rolled_back() {
        Err(trouble) if trouble.is_about_rights() => Err(Trouble::HalfDone(make::journal_of(path))),
        done => done,
    }
}

pub(super) fn connect(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(absolute(path)?, flags)?;
    if db.is_readonly("main")? {
        return Err(Trouble::ReadOnly);
    }
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "foreign_keys", true)?;
    Ok(db)
}

/// The version of the schema that is there, 0 if there is none. An error if the database is not ours,
/// or newer than this program.
fn installed(db: &Connection) -> Result<i32, Trouble> {
    // One statement, so that nobody can install the schema between two looks.
    const LOOK: &str =
        "SELECT application_id, user_version, NOT EXISTS (SELECT 1 FROM sqlite_schema)
        FROM pragma_application_id, pragma_user_version";
    match db.query_row(LOOK, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))? {
        (APPLICATION, found, _) if found > SCHEMA => Err(Trouble::Newer { found }),
        (APPLICATION, found, _) => Ok(found),
        (0, 0, true) => Ok(0),
        _ => Err(Trouble::Foreign),
    }
}

/// Makes the schema what this program knows. A database of an older version keeps what it holds.
pub(super) fn install(db: &mut Connection) -> Result<(), Trouble> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let found = usize::try_from(installed(&transaction)?).unwrap_or_default();
    for step in STEPS.iter().skip(found) {
        transaction.execute_batch(step)?;
    }
    Ok(transaction.commit()?)
}

/// By hand and not by SQLite's own patience: it has none where two processes do this together.
fn use_write_ahead_log(db: &Connection) -> Result<(), Trouble> {
    let switch = || Ok(db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?);
    db.busy_timeout(Duration::ZERO)?;
    patiently(switch, |trouble| {
        let Trouble::Sqlite(error) = trouble else { return false };
        error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
    })?;
    Ok(db.busy_timeout(BUSY)?)
}

/// Tries again, for as long as another process may take, what fails for a reason that may pass.
fn patiently(
    mut attempt: impl FnMut() -> Result<(), Trouble>,
    may_pass: impl Fn(&Trouble) -> bool,
) -> Result<(), Trouble> {
    const PAUSE: Duration = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    loop {
        match attempt() {
            Err(trouble) if waited < BUSY && may_pass(&trouble) => {
                waited += PAUSE;
                thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}
