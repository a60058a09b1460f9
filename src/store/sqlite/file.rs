//! The file: making it, telling ours from others', connecting to it.

use crate::store::{Inspection, StoreError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Marks our files: `autg`, as in `schema.sql`.
const APPLICATION: i32 = 0x6175_7467;

/// What makes a database of each version out of the one before.
const STEPS: [&str; SCHEMA as usize] =
    [include_str!("schema.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

/// The version of a database after all steps.
const SCHEMA: i32 = 3;

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
        create_if_missing(path)?;
        // Someone who makes the file at this moment shows it half made to whoever takes no lock.
        patiently(|| refuse_foreign(path), |trouble| !matches!(trouble, Trouble::NotADatabase))?;
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

fn create_if_missing(path: &Path) -> Result<(), Trouble> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // SQLite gives its companions, -wal and -shm, the mode of the file.
    options.mode(0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(Path::new(""));
            Err(Trouble::NoFolder(folder.to_owned()))
        }
        Err(error) => Err(Trouble::File(error)),
        Ok(_) => Ok(()),
    }
}

/// Looks at the file without taking a lock or leaving a companion beside it, which an ordinary
/// connection to another program's database could do.
///
/// Reading its first bytes by hand would not do: closing a file takes away the locks that this
/// process has on it through SQLite.
fn refuse_foreign(path: &Path) -> Result<(), Trouble> {
    let found = fs::metadata(path).map_err(Trouble::File)?;
    // SQLite takes a shorter file for an empty database, and would overwrite it.
    if !found.is_file() || (1..SHORTEST).contains(&found.len()) {
        return Err(Trouble::NotADatabase);
    }
    let place = std::path::absolute(path).map_err(Trouble::File)?;
    let place = percent_encode(place.as_os_str().as_encoded_bytes(), PATH);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let db = Connection::open_with_flags(format!("file://{place}?immutable=1"), flags)?;
    installed(&db).map(drop)
}

fn connect(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
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
fn install(db: &mut Connection) -> Result<(), Trouble> {
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

/// Why the file cannot serve.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    File(io::Error),
    #[error("it is the database of another program")]
    Foreign,
    #[error("its schema has version {found}, and this program knows none after {SCHEMA}")]
    Newer { found: i32 },
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    #[error("it is not a database")]
    NotADatabase,
    #[error("it cannot be written to")]
    ReadOnly,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl Trouble {
    fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Sqlite(error) if !is_about_the_file(&error) => error.into(),
            trouble => StoreError::Unsuitable(format!(
                "cannot keep accounts in {}: {trouble}",
                path.display()
            )),
        }
    }
}

/// Whether the fault will stay until someone gives us another file or other rights.
fn is_about_the_file(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::NotADatabase
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
        )
    )
}
