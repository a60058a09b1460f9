//! Temporary files of SQLite, each in a folder of its own that nobody else gets into.
//!
//! SQLite takes whatever is beside a file under its name and `-wal` for the file's own log, no matter whose it
//! is. So who can put something there reads what is written, and has read what they like.
//!
//! A folder is held by a lock for as long as it is there: whoever is killed leaves theirs, with all that is in it, and
//! somebody else sees that it is nobody's any more.

use rustix::fs::{Mode, OFlags};
use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tempfile::{Builder, NamedTempFile, TempDir};

/// What a file is called.
const NAME: &str = "authgate.db";
/// The file by which the folder is held. SQLite has locks of its own on the other, which on NFS would be in the
/// way of one.
const HOLD: &str = "authgate.lock";
/// What the names of all that is in the folder begin with, that of SQLite included.
const OURS: &str = "authgate.";

/// What the name of the folder begins with in which a file is that is on its way.
pub(super) const PART: &str = ".authgate-";

/// A file that is gone once it is dropped.
pub struct Temporary {
    // In the order in which they go.
    file: NamedTempFile,
    folder: TempDir,
    _hold: Option<File>,
}

impl Temporary {
    /// A file that will be put in this folder, or is on its way to somewhere else.
    pub fn part_in(folder: &Path) -> io::Result<Self> {
        Self::made(PART, ".part", folder)
    }

    /// A file where temporary ones are; the name of its folder begins so.
    pub(super) fn new(prefix: &str) -> io::Result<Self> {
        Self::made(prefix, "", &tempfile::env::temp_dir())
    }

    fn made(prefix: &str, suffix: &str, place: &Path) -> io::Result<Self> {
        let mut builder = Builder::new();
        // Said, since it would depend on the umask.
        builder.prefix(prefix).suffix(suffix).permissions(Permissions::from_mode(0o700));
        let folder = builder.tempdir_in(place)?;
        let hold = hold(folder.path())?;
        let file = Builder::new().prefix(NAME).rand_bytes(0).tempfile_in(folder.path())?;
        Ok(Self { file, folder, _hold: hold })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The file itself. Closing it takes away the locks that SQLite has on it in this process.
    pub(super) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Puts it in a place of the same disk, where something may be that it replaces, or nothing.
    pub(super) fn put(self, to: &Path, replaces: bool) -> io::Result<File> {
        let Self { file, folder, _hold } = self;
        let put = if replaces { file.persist(to) } else { file.persist_noclobber(to) };
        drop(folder);
        put.map_err(|error| error.error)
    }
}

/// Holds a folder that was made just now. None where files cannot be locked: then nothing is taken for a dead
/// one's, either.
fn hold(folder: &Path) -> io::Result<Option<File>> {
    let new = folder.join("authgate.new");
    let file = File::create_new(&new)?;
    if file.try_lock().is_err() {
        return Ok(None);
    }
    // By this name it is held from the first moment on.
    fs::rename(new, folder.join(HOLD)).map(|()| Some(file))
}

/// Removes those folders of this user in this one whose names begin so, and that nobody holds. Says how many
/// there were.
pub(super) fn remove_dead(place: &Path, prefixes: &[&str]) -> usize {
    let user = rustix::process::geteuid().as_raw();
    let Ok(entries) = fs::read_dir(place) else { return 0 };
    let is_ours = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        prefixes.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
    };
    let ours = entries.flatten().filter(is_ours);
    ours.filter(|entry| remove_if_dead(&entry.path(), user).unwrap_or(false)).count()
}

/// Nothing but a folder of this user's own that nobody else gets into and nobody holds is removed, with
/// nothing in it but what is made there.
fn remove_if_dead(path: &Path, user: u32) -> io::Result<bool> {
    let seen = fs::symlink_metadata(path)?;
    if !seen.is_dir() || seen.uid() != user || seen.mode() & 0o077 != 0 {
        return Ok(false);
    }
    // Whoever does not have this yet is about to. Nothing is waited for, whatever it is.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let hold = File::from(rustix::fs::open(path.join(HOLD), flags, Mode::empty())?);
    if hold.try_lock().is_err() {
        return Ok(false);
    }
    // What was on its way to here has a folder of its own, and is as dead.
    remove_dead(path, &[PART]);
    let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    let is_ours = |entry: &fs::DirEntry| {
        let is_named = entry.file_name().as_encoded_bytes().starts_with(OURS.as_bytes());
        is_named && entry.file_type().is_ok_and(|kind| kind.is_file())
    };
    if !entries.iter().all(is_ours) || !is_at(path, &seen) {
        return Ok(false);
    }
    entries.iter().try_for_each(|entry| fs::remove_file(entry.path()))?;
    fs::remove_dir(path).map(|()| true)
}

/// Whether what was seen is in its place still.
fn is_at(path: &Path, seen: &Metadata) -> bool {
    let now = fs::symlink_metadata(path);
    now.is_ok_and(|now| (now.dev(), now.ino()) == (seen.dev(), seen.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    fn user() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    /// As somebody who was killed has left it.
    fn dead(folder: &TempDir) -> PathBuf {
        let path = folder.path().join("authgate-staging-x");
        let made = Temporary::part_in(folder.path()).unwrap();
        fs::write(made.path().with_file_name("authgate.db-wal"), "hashes").unwrap();
        fs::rename(abandoned(made), &path).unwrap();
        path
    }

    /// Where it stays, held by nobody.
    fn abandoned(made: Temporary) -> PathBuf {
        let Temporary { file, folder, .. } = made;
        file.keep().unwrap();
        folder.keep()
    }

    #[test]
    fn nobody_else_gets_into_the_folder_of_a_temporary_file_and_nothing_is_left_of_it() {
        let place = tempfile::tempdir().unwrap();
        let made = Temporary::part_in(place.path()).unwrap();
        let folder = made.path().parent().unwrap().to_owned();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(folder.parent(), Some(place.path()));
        assert_eq!(made.file().metadata().unwrap().mode() & 0o777, 0o600);
        fs::write(folder.join("authgate.db-wal"), "hashes").unwrap();
        drop(made);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_put_where_it_belongs_and_its_folder_goes() {
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("it");
        let part = || Temporary::part_in(place.path()).unwrap();
        part().put(&to, false).unwrap();
        assert_eq!(part().put(&to, false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        part().put(&to, true).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_anothers_or_held_is_left_and_what_is_nobodys_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = dead(&folder);
        assert!(!remove_if_dead(&path, user() + 1).unwrap());
        let held = File::open(path.join(HOLD)).unwrap();
        held.try_lock().unwrap();
        assert!(!remove_if_dead(&path, user()).unwrap());
        drop(held);
        let inner = Temporary::part_in(&path).unwrap();
        assert!(!remove_if_dead(&path, user()).unwrap(), "something is on its way to here");
        abandoned(inner);
        assert!(remove_if_dead(&path, user()).unwrap() && !path.exists());
    }

    #[test]
    fn what_others_get_into_or_have_put_in_place_of_a_folder_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = dead(&folder);
        fs::set_permissions(&path, Permissions::from_mode(0o770)).unwrap();
        assert!(!remove_if_dead(&path, user()).unwrap());
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        fs::write(path.join("else"), "").unwrap();
        assert!(!remove_if_dead(&path, user()).unwrap());
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        symlink(&path, &link).unwrap();
        assert!(!remove_if_dead(&link, user()).unwrap());
        fs::hard_link(path.join("authgate.db"), &file).unwrap();
        assert!(!remove_if_dead(&file, user()).unwrap() && file.exists());
        fs::remove_file(path.join("else")).unwrap();
        fs::remove_file(path.join(HOLD)).unwrap();
        // As one that is just being made.
        assert!(remove_if_dead(&path, user()).is_err());
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_is_in_use_is_held() {
        let place = tempfile::tempdir().unwrap();
        let made = Temporary::part_in(place.path()).unwrap();
        assert!(!remove_if_dead(made.path().parent().unwrap(), user()).unwrap());
        assert!(made.path().exists());
    }

    #[test]
    fn those_that_are_made_at_the_same_time_are_never_taken_for_dead_ones() {
        let place = tempfile::tempdir().unwrap();
        let make = || {
            for _ in 0..200 {
                let made = Temporary::part_in(place.path()).unwrap();
                fs::write(made.path().with_file_name("authgate.db-journal"), "").unwrap();
                assert_eq!(remove_dead(place.path(), &[PART]), 0);
                fs::remove_file(made.path().with_file_name("authgate.db-journal")).unwrap();
                assert!(made.path().exists());
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(make))));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
