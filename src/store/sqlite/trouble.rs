//! Why a file cannot serve, in words for an operator.

use super::file::SCHEMA;
use crate::store::StoreError;
use rusqlite::ErrorCode;
use std::io;
use std::path::{Path, PathBuf};

/// Why the file cannot serve.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("there is no such file")]
    Absent,
    #[error(
        "it is damaged: {0}. `authgate store verify` tells what of it, docs/backup.md how to go on"
    )]
    Damaged(String),
    #[error(
        "it is empty, which no store ever is: put a backup in its place (docs/backup.md), or remove \
         it to begin with a new one"
    )]
    Empty,
    #[error(transparent)]
    File(io::Error),
    #[error("it is the database of another program")]
    Foreign,
    #[error(
        "what was left half done is to be taken back first, by {}, and the file cannot be written to",
        .0.display()
    )]
    HalfDone(PathBuf),
    #[error(
        "the file is missing, and beside it is the log of one, {}: put the file back, or a backup \
         (docs/backup.md), or remove the log to begin with a new store", .0.display()
    )]
    LeftLog(PathBuf),
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
    /// What the system says of the file.
    pub(super) fn of_file(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Absent } else { Self::File(error) }
    }

    /// Whether the fault will stay until someone gives other rights.
    pub(super) fn is_about_rights(&self) -> bool {
        let error = match self {
            Self::ReadOnly => return true,
            Self::Sqlite(error) => error,
            _ => return false,
        };
        matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly)
        )
    }

    /// Why a file cannot be served from.
    pub(super) fn at(self, path: &Path) -> StoreError {
        self.told("keep accounts in", path)
    }

    /// Why a file cannot be looked at.
    pub(super) fn reading(self, path: &Path) -> StoreError {
        self.told("read", path)
    }

    fn told(self, doing: &str, path: &Path) -> StoreError {
        let stays = self.is_about_rights();
        let trouble = match self {
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => Self::Sqlite(error),
                _ if stays => Self::Sqlite(error),
                Some(code) if may_pass(code) => return error.into(),
                // As where the schema is not as its version says, or of a form that SQLite does not know.
                _ => Self::Damaged(error.to_string()),
            },
            trouble => trouble,
        };
        StoreError::Unsuitable(format!("cannot {doing} {}: {trouble}", path.display()))
    }
}

/// Whether it says nothing of the file itself.
fn may_pass(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OperationInterrupted
            | ErrorCode::OutOfMemory
            | ErrorCode::SchemaChanged
            | ErrorCode::SystemIoFailure
    )
}
