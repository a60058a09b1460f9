//! How far reading has come.

use std::sync::atomic::{AtomicU64, Ordering};

/// How far something has come, in bytes of a file or rows of a database.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    whole: AtomicU64,
}

impl Progress {
    /// How much has been done.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How much there is, as far as known; `None` if it is not.
    pub fn whole(&self) -> Option<u64> {
        Some(self.whole.load(Ordering::Relaxed)).filter(|whole| *whole > 0)
    }

    pub(super) fn advance(&self, count: u64) {
        self.done.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn expect(&self, count: u64) {
        self.whole.fetch_add(count, Ordering::Relaxed);
    }
}
