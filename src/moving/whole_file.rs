//! A file that is there whole, or not at all.

use super::django::is_database;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What is written to a file of one's own, or to standard output. For its owner's eyes alone: it holds
/// hashes and names.
pub struct WholeFile {
    to: BufWriter<Target>,
}

enum Target {
    Draft {
        draft: NamedTempFile,
        place: PathBuf,
    },
    /// What is no file, such as a pipe: it is written at once.
    Other(File),
    Stdout(io::Stdout),
}

impl WholeFile {
    /// A file that is to be at this place once it is whole; without one, standard output. A file that is
    /// there is replaced only if that is wanted.
    pub fn at(place: Option<&Path>, replaces: bool) -> io::Result<Self> {
        let target = place.map_or_else(
            || Ok(Target::Stdout(io::stdout())),
            |place| Target::at(place, replaces),
        )?;
        Ok(Self { to: BufWriter::with_capacity(256 << 10, target) })
    }

    /// Puts it in its place.
    pub fn finish(self) -> io::Result<()> {
        match self.to.into_inner().map_err(io::IntoInnerError::into_error)? {
            Target::Other(_) => Ok(()),
            Target::Draft { draft, place } => {
                draft.as_file().sync_all()?;
                draft.persist(place).map(drop).map_err(|error| error.error)
            }
            Target::Stdout(mut stdout) => stdout.flush(),
        }
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Target {
    fn at(place: &Path, replaces: bool) -> io::Result<Self> {
        let is_own_output = ["/dev/fd", "/dev/stderr", "/dev/stdout", "/proc"]
            .iter()
            .any(|folder| place.starts_with(folder));
        if place.exists() && (is_own_output || !place.is_file()) {
            return OpenOptions::new().write(true).open(place).map(Self::Other);
        }
        let refused = |words| Err(io::Error::new(io::ErrorKind::AlreadyExists, words));
        if place.exists() && !replaces {
            return refused("it is there; --force replaces it");
        }
        if is_database(place) {
            return refused("it is a database, which --force does not replace; take another name");
        }
        // What a link leads to is meant.
        let place = place.canonicalize().unwrap_or_else(|_| place.to_owned());
        let folder = place.parent().filter(|folder| *folder != Path::new(""));
        let mut draft = tempfile::Builder::new();
        draft.prefix(".authgate-").suffix(".part");
        let draft = draft.tempfile_in(folder.unwrap_or(Path::new(".")))?;
        Ok(Self::Draft { draft, place })
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Draft { draft, .. } => draft.write(bytes),
            Self::Other(file) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Draft { draft, .. } => draft.flush(),
            Self::Other(file) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn nothing_is_there_until_it_is_whole_and_then_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("report.json");
        let mut file = WholeFile::at(Some(&place), false).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!place.exists());
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut file = WholeFile::at(Some(&place), false).unwrap();
        file.write_all(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "whole");
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
        let kind = WholeFile::at(Some(&place), false).err().unwrap().kind();
        assert_eq!(kind, io::ErrorKind::AlreadyExists);
        assert!(WholeFile::at(Some(&place), true).is_ok());
    }

    #[test]
    fn what_is_no_file_stays_what_it_is() {
        let null = Path::new("/dev/null");
        let mut file = WholeFile::at(Some(null), false).unwrap();
        file.write_all(b"gone").unwrap();
        file.finish().unwrap();
        assert!(!null.is_file());
    }

    #[test]
    fn a_database_is_never_replaced_and_what_a_link_leads_to_is() {
        let folder = tempfile::tempdir().unwrap();
        let [database, report, link] =
            ["a.db", "report.json", "link.json"].map(|name| folder.path().join(name));
        fs::write(&database, b"SQLite format 3\0and its pages").unwrap();
        fs::write(&report, "earlier").unwrap();
        let refused = WholeFile::at(Some(&database), true).err().unwrap();
        assert!(refused.to_string().contains("a database"), "{refused}");
        std::os::unix::fs::symlink(&report, &link).unwrap();
        let mut file = WholeFile::at(Some(&link), true).unwrap();
        file.write_all(b"later").unwrap();
        file.finish().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&report).unwrap(), "later");
    }
}
