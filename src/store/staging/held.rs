//! Temporary files that tell whether somebody uses them still: whoever is killed leaves theirs, with all
//! that is in it, and the next removes it.

use super::Staging;
use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tempfile::NamedTempFile;

/// What the names of sources begin with that were read.
pub(super) const STAGING: &str = "authgate-staging-";
/// What the names of stores begin with in which a dry run tries what would be.
pub(in crate::store) const REHEARSAL: &str = "authgate-rehearsal-";

/// Makes one, and holds it for as long as it is there.
pub(in crate::store) fn made(prefix: &str) -> io::Result<NamedTempFile> {
    loop {
        let file = NamedTempFile::with_prefix(prefix)?;
        match file.as_file().try_lock() {
            Ok(()) if file.as_file().metadata()?.nlink() > 0 => return Ok(file),
            // Somebody took it for a dead one's before it was held.
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            // A folder in which nothing can be held: then nothing is taken for a dead one's there, either.
            Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}

impl Staging {
    /// Removes what imports of this user have left in the folder for temporary files that were killed. Says
    /// how many files there were.
    pub fn remove_dead() -> usize {
        let user = rustix::process::geteuid().as_raw();
        let Ok(entries) = fs::read_dir(tempfile::env::temp_dir()) else { return 0 };
        let is_ours = |entry: &fs::DirEntry| {
            let name = entry.file_name();
            [STAGING, REHEARSAL]
                .iter()
                .any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
        };
        let ours = entries.flatten().filter(is_ours);
        ours.filter(|entry| remove_if_dead(&entry.path(), user).unwrap_or(false)).count()
    }
}

/// Nothing but a file of this user's own that nobody holds is removed.
fn remove_if_dead(path: &Path, user: u32) -> io::Result<bool> {
    let seen = fs::symlink_metadata(path)?;
    if !seen.is_file() || seen.uid() != user {
        return Ok(false);
    }
    let is_seen = |now: &Metadata| (now.dev(), now.ino()) == (seen.dev(), seen.ino());
    let file = File::open(path)?;
    // Nothing else, such as a link, has come in its place meanwhile.
    if !is_seen(&file.metadata()?) || file.try_lock().is_err() {
        return Ok(false);
    }
    if !is_seen(&fs::symlink_metadata(path)?) {
        return Ok(false);
    }
    fs::remove_file(path).map(|()| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_anothers_or_held_is_left_and_what_is_nobodys_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authgate-staging-x");
        let user = rustix::process::geteuid().as_raw();
        fs::write(&path, "hashes").unwrap();
        assert!(!remove_if_dead(&path, user + 1).unwrap());
        let held = File::open(&path).unwrap();
        held.try_lock().unwrap();
        assert!(!remove_if_dead(&path, user).unwrap());
        drop(held);
        assert!(remove_if_dead(&path, user).unwrap() && !path.exists());
    }

    #[test]
    fn a_source_that_is_being_read_is_held() {
        let staging = Staging::new().unwrap();
        let path = Path::new(staging.place().unwrap());
        let user = rustix::process::geteuid().as_raw();
        assert!(!remove_if_dead(path, user).unwrap() && path.exists());
    }
}
