//! What only one may do at a time, of all gateways and command lines.

use std::time::Duration;

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
