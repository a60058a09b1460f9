//! What only one may do at a time, of all gateways and command lines.

use std::time::Duration;

/// What changes a store as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Doing {
    /// A store is copied to it.
    Copy,
    /// A source is taken over.
    Import,
    /// A backup is brought back.
    Restore,
}

impl Doing {
    /// It, for those who have to wait.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "a copy to it",
            Self::Import => "an import",
            Self::Restore => "bringing a backup back",
        }
    }
}

/// A lock, as one of those who want it asks for it.
#[derive(Clone)]
pub struct Lock {
    /// Who asks: nobody else calls themselves so.
    pub holder: String,
    /// After which time it counts as left behind by a process that has died.
    pub lasts: Duration,
    /// What it is a lock of.
    pub name: &'static str,
}
