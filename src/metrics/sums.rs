//! What the console's charts are made of: sums since the start, cheap to add to and to read.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often each thing has happened since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sums {
    /// Requests that were answered with a status of the classes 2 to 5, but for the three below.
    pub classes: [u64; 4],
    /// Requests that were answered with 403.
    pub forbidden: u64,
    /// Logins that failed.
    pub logins_failed: u64,
    /// Logins that succeeded.
    pub logins_ok: u64,
    /// Requests that were answered with 429.
    pub throttled: u64,
    /// Requests that were answered with 401.
    pub unauthorized: u64,
}

/// The sums as they grow.
#[derive(Debug, Default)]
pub(super) struct Growing {
    classes: [AtomicU64; 4],
    forbidden: AtomicU64,
    logins_failed: AtomicU64,
    logins_ok: AtomicU64,
    throttled: AtomicU64,
    unauthorized: AtomicU64,
}

impl Growing {
    pub(super) fn answered(&self, status: u16) {
        let [class_2, class_3, class_4, class_5] = &self.classes;
        let sum = match status {
            401 => &self.unauthorized,
            403 => &self.forbidden,
            429 => &self.throttled,
            200..=299 => class_2,
            300..=399 => class_3,
            400..=499 => class_4,
            500..=599 => class_5,
            // The answer never began, or was an interim one.
            _ => return,
        };
        sum.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn login_ended(&self, is_done: bool) {
        let sum = if is_done { &self.logins_ok } else { &self.logins_failed };
        sum.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Sums {
        let read = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
        Sums {
            classes: self.classes.each_ref().map(read),
            forbidden: read(&self.forbidden),
            logins_failed: read(&self.logins_failed),
            logins_ok: read(&self.logins_ok),
            throttled: read(&self.throttled),
            unauthorized: read(&self.unauthorized),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_in_one_sum() {
        let sums = Growing::default();
        for status in [200, 204, 304, 400, 401, 403, 404, 429, 502, 101, 0] {
            sums.answered(status);
        }
        let read = sums.read();
        assert_eq!(read.classes, [2, 1, 2, 1]);
        assert_eq!((read.unauthorized, read.forbidden, read.throttled), (1, 1, 1));
    }
}
