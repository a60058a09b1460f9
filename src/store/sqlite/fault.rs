//! What a fault of SQLite is for whoever asked.

use crate::store::{OutageKind, StoreError};
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Error, ErrorCode};

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let what = match (&error, error.sqlite_error_code()) {
            (_, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) => "database",
            (
                Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
                | Error::Utf8Error(..),
                _,
            ) => "row",
            _ => return Self::out(kind(&error), error),
        };
        Self::Corrupt { what, problem: error.to_string() }
    }
}

/// In which way the file cannot be used.
pub(super) fn kind(error: &Error) -> OutageKind {
    // What readers and writers share needs room, too.
    if error.sqlite_error().is_some_and(|it| it.extended_code == SQLITE_IOERR_SHMSIZE) {
        return OutageKind::Unwritable("disk");
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OutageKind::Silent,
        Some(ErrorCode::DiskFull) => OutageKind::Unwritable("disk"),
        Some(ErrorCode::ReadOnly) => OutageKind::Unwritable("readonly"),
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => OutageKind::Gone,
        _ => OutageKind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn a_fault_is_of_the_kind_that_operators_are_told() {
        for (code, wanted) in [
            (ffi::SQLITE_BUSY, "timeout"),
            (ffi::SQLITE_CANTOPEN, "unavailable"),
            (ffi::SQLITE_CORRUPT, "corrupt"),
            (ffi::SQLITE_FULL, "write_refused"),
            (ffi::SQLITE_IOERR, "unavailable"),
            (ffi::SQLITE_READONLY, "write_refused"),
            (ffi::SQLITE_MISUSE, "refused"),
        ] {
            let error = Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(StoreError::from(error).kind(), wanted, "{code}");
        }
    }
}
