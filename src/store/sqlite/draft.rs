//! A file on its way: made beside its place, and put there whole.

use super::archive::Archive;
use super::trouble::Trouble;
use super::{file, make, verify};
use crate::store::whole::Stop;
use crate::store::{StoreError, Temporary};
use rusqlite::Connection;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// How much of it is in memory while it is made, in KiB as SQLite has it.
const CACHE: i32 = -32_000;

/// A file that is not there yet.
pub(in crate::store) struct Draft {
    file: Temporary,
    replaces: bool,
    /// What it is a copy of.
    source: Option<PathBuf>,
    to: PathBuf,
}

impl Draft {
    /// Begins a file beside its place. Refused if something is there that is not to be replaced.
    pub(in crate::store) fn beside(to: &Path, replaces: bool) -> Result<Self, StoreError> {
        refuse_place(to, replaces, None)?;
        let file = make::draft_beside(to).map_err(|trouble| cannot_write(to, &trouble))?;
        Ok(Self { file, replaces, source: None, to: to.to_owned() })
    }

    /// Makes an archive that has nothing yet.
    pub(in crate::store) fn make(self) -> Result<Archive, StoreError> {
        let made = || {
            let mut db = file::connect(self.file.path())?;
            file::install(&mut db)?;
            // It is on the disk once, before it gets its name; until then nobody misses it.
            db.pragma_update(None, "synchronous", "off")?;
            db.pragma_update(None, "journal_mode", "memory")?;
            // Tokens come in no order of their digests.
            db.pragma_update(None, "cache_size", CACHE)?;
            // What is taken out of it leaves no trace.
            db.pragma_update(None, "secure_delete", true)?;
            Ok(db)
        };
        let db = made().map_err(|trouble: Trouble| cannot_write(&self.to, &trouble))?;
        Ok(Archive { db, draft: Some(self), older: None })
    }

    /// Makes an archive of all that is in a file at this moment, while others write to it.
    pub(in crate::store) fn copy_of(
        mut self,
        path: &Path,
        stop: &Stop,
    ) -> Result<Archive, StoreError> {
        refuse_place(&self.to, self.replaces, Some(path))?;
        self.source = Some(path.to_owned());
        let (source, _) = file::look(path)?;
        stop.holds_for(&source)?;
        // The copy's indexes are made anew, and would hide what is wrong with it.
        refuse_damaged(&source, path)?;
        let place = self.file.path().to_str().ok_or_else(|| {
            StoreError::Unsuitable(format!("{} is not a path in UTF-8", self.to.display()))
        })?;
        source
            .execute("VACUUM INTO ?1", [place])
            .map_err(|error| copying(path, &self.to, error))?;
        drop(source);
        let archive = self.make()?;
        archive.stops_with(stop)?;
        // Neither do sessions end later because they were saved, nor does a code open the door again.
        let sql = "DELETE FROM items WHERE kind NOT IN ('api_key', 'network', 'totp')";
        archive.db.execute(sql, [])?;
        // Whoever is just being taken over is not whole, and comes with the next import.
        archive.db.execute("DELETE FROM users WHERE id IN (SELECT id FROM landing_users)", [])?;
        archive.db.execute("DELETE FROM limits", [])?;
        archive.db.execute("DELETE FROM counts", [])?;
        Ok(archive)
    }

    /// Puts it in its place, whole and on the disk, and says how many bytes it has.
    pub(super) fn finish(self, db: Connection) -> Result<u64, StoreError> {
        let Self { file, replaces, source, to } = self;
        let finish = || {
            if let Some(damage) = verify::damage(&db)?.first() {
                return Err(Trouble::Damaged(damage.clone()));
            }
            db.close().map_err(|(_, error)| error)?;
            let bytes = file.file().metadata().map_err(Trouble::File)?.len();
            file.file().sync_all().map_err(Trouble::File)?;
            Ok((file, bytes))
        };
        let (file, bytes) = finish().map_err(|trouble: Trouble| cannot_write(&to, &trouble))?;
        // Someone may have begun to use its place meanwhile.
        refuse_place(&to, replaces, source.as_deref())?;
        put(file, &to, replaces)?;
        make::sync_folder(&to).map_err(|error| cannot_write(&to, &Trouble::File(error)))?;
        Ok(bytes)
    }
}

fn copying(from: &Path, to: &Path, error: rusqlite::Error) -> StoreError {
    let is_of_the_source = |code| {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase};
        matches!(code, DatabaseBusy | DatabaseCorrupt | DatabaseLocked | NotADatabase)
    };
    if error.sqlite_error_code().is_some_and(is_of_the_source) {
        return Trouble::Sqlite(error).reading(from);
    }
    cannot_write(to, &Trouble::Sqlite(error))
}

/// Refuses what SQLite itself finds damaged.
pub(super) fn refuse_damaged(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let damage = verify::damage(db).map_err(|error| Trouble::Sqlite(error).reading(path))?;
    let damage = damage.into_iter().next();
    damage.map_or(Ok(()), |first| Err(Trouble::Damaged(first).reading(path)))
}

/// Refuses a place where a file would destroy more than one that may be replaced, or be destroyed itself.
fn refuse_place(to: &Path, replaces: bool, source: Option<&Path>) -> Result<(), StoreError> {
    let unsuitable = |words: &str| StoreError::Unsuitable(format!("{}{words}", to.display()));
    match fs::symlink_metadata(to) {
        Ok(_) if !replaces => return Err(is_there(to)),
        Ok(found) if !found.is_file() => {
            return Err(unsuitable(" is no ordinary file, and is not replaced"));
        }
        Ok(_) if source.is_some_and(|source| make::same_file(source, to)) => {
            return Err(unsuitable(" is the store itself"));
        }
        _ => {}
    }
    let Some(left) = make::left_companion(to) else { return Ok(()) };
    let left = left.display();
    Err(unsuitable(&format!(
        " is in use, or was: SQLite would put {left} into whatever is there; take another name"
    )))
}

fn is_there(path: &Path) -> StoreError {
    StoreError::Unsuitable(format!("{} is there already; --force replaces it", path.display()))
}

fn cannot_write(path: &Path, trouble: &Trouble) -> StoreError {
    StoreError::Unsuitable(format!("cannot write {}: {trouble}", path.display()))
}

fn put(file: Temporary, to: &Path, replaces: bool) -> Result<File, StoreError> {
    file.put(to, replaces).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => is_there(to),
        _ => cannot_write(to, &Trouble::File(error)),
    })
}
