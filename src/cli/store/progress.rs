//! How far something has come, for someone who waits at a terminal.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Tells how far something has come, in one line that is written over.
pub(super) struct Meter {
    is_shown: bool,
    /// When it was told last.
    last: Mutex<Instant>,
}

/// How often it is told.
const PAUSE: Duration = Duration::from_millis(200);

impl Meter {
    pub(super) fn new() -> Self {
        Self { is_shown: stderr().is_terminal(), last: Mutex::new(Instant::now()) }
    }

    pub(super) fn show(&self, what: &str, count: u64) {
        let Ok(mut last) = self.last.lock() else { return };
        if self.is_shown && last.elapsed() >= PAUSE {
            *last = Instant::now();
            drop(write!(stderr(), "\r{count} {what} …\x1b[K"));
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.is_shown {
            drop(write!(stderr(), "\r\x1b[K"));
        }
    }
}
