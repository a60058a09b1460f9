//! A disk that is full for one process, whatever there is free: what it writes is refused by a library
//! that takes the place of the system's functions. It takes no rights, as a mount of one's own does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder;
use tempfile::TempDir;

pub(crate) struct FullDisk {
    below: PathBuf,
    library: TempDir,
}

impl FullDisk {
    /// The disk of all that is below a folder.
    pub(crate) fn below(folder_of_files: &Path) -> Self {
        let disk = Self { below: folder_of_files.canonicalize().unwrap(), library: folder() };
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-o"]).arg(disk.library());
        compile.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/harness/full_disk.c"));
        let status = compile.status().expect("a C compiler, as `cc` (CONTRIBUTING.md)");
        assert!(status.success(), "cc does not compile tests/it/harness/full_disk.c");
        disk
    }

    /// Has a program find it full, whenever it is.
    pub(crate) fn hold_for(&self, program: &mut Command) {
        program.env("LD_PRELOAD", self.library()).env("FULL_DISK", &self.below);
    }

    /// From now on nothing more fits on it.
    pub(crate) fn fill(&self) {
        fs::write(self.mark(), "").unwrap();
    }

    /// There is room again.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.mark()).unwrap();
    }

    fn library(&self) -> PathBuf {
        self.library.path().join("full_disk.so")
    }

    fn mark(&self) -> PathBuf {
        let mut mark = self.below.clone().into_os_string();
        mark.push(".full");
        mark.into()
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.mark());
    }
}
