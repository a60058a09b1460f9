//! Making a new file: whole, or not at all.

use super::file;
use super::trouble::Trouble;
use crate::store::Temporary;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Makes the file unless it is there. Its place is never taken by one that is not whole, so that an
/// empty file is always one that something has happened to.
pub(super) fn if_missing(path: &Path) -> Result<(), Trouble> {
    match fs::symlink_metadata(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Trouble::File(error)),
    }
    if let Some(left) = left_companion(path) {
        return Err(Trouble::LeftLog(left));
    }
    let draft = draft_beside(path)?;
    let mut db = file::connect(draft.path())?;
    file::install(&mut db)?;
    drop(db);
    match draft.put(path, false) {
        Ok(made) => {
            tracing::warn!(path = %path.display(), "there was no store: made a new one");
            made.sync_all().and_then(|()| sync_folder(path)).map_err(Trouble::File)
        }
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Trouble::File(error)),
    }
}

/// A file beside the one that it will be, for its owner alone. It is gone when it is dropped.
pub(super) fn draft_beside(path: &Path) -> Result<Temporary, Trouble> {
    Temporary::part_in(folder_of(path)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Trouble::NoFolder(path.parent().unwrap_or(path).to_owned()),
        _ => Trouble::File(error),
    })
}

/// Has the names in the file's folder on the disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Whether two paths lead to the same file.
pub(in crate::store) fn same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|it| (it.dev(), it.ino())).ok();
    identity(one).is_some() && identity(one) == identity(other)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// What there is beside a file's place that SQLite would put into the file that is there.
pub(super) fn left_companion(path: &Path) -> Option<PathBuf> {
    [log_of(path), journal_of(path)].into_iter().find(|companion| has_something(companion))
}

/// Whether there is something in the file's write-ahead log.
pub(super) fn has_log(path: &Path) -> bool {
    has_something(&log_of(path))
}

/// Whether someone changes the file in SQLite's older way, or has been killed while they did: until that
/// is taken back, the file itself is half changed.
pub(super) fn has_journal(path: &Path) -> bool {
    has_something(&journal_of(path))
}

fn has_something(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.len() > 0)
}

/// Where the file's write-ahead log is.
pub(super) fn log_of(path: &Path) -> PathBuf {
    companion(path, "-wal")
}

/// Where SQLite keeps what it takes back of a change that was not finished.
pub(super) fn journal_of(path: &Path) -> PathBuf {
    companion(path, "-journal")
}

fn companion(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
