//! A file that may change.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Tells when a file has changed, also by being replaced.
pub struct FileWatch {
    path: PathBuf,
    seen: Option<Mark>,
}

/// What differs as soon as a file has changed: its inode, its size, and when it was written.
type Mark = (u64, u64, i64, i64);

impl FileWatch {
    /// Compares with how the file is now.
    pub fn new(path: PathBuf) -> Self {
        Self { seen: mark(&path), path }
    }

    /// Whether the file is there and has changed since it was asked last.
    pub fn has_changed(&mut self) -> bool {
        let now = mark(&self.path);
        // While it is being replaced there may be none.
        now.is_some() && std::mem::replace(&mut self.seen, now) != now
    }
}

fn mark(path: &PathBuf) -> Option<Mark> {
    let found = metadata(path).ok()?;
    Some((found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}
