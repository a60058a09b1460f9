//! One server of an upstream, as its requests and checks have found it.

use super::settings::Ejection;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One address behind the gateway.
pub(super) struct Server {
    pub address: SocketAddr,
    checks: Mutex<Checks>,
    /// When all began that is counted in milliseconds here.
    epoch: Instant,
    /// Until when it is left out, in milliseconds; 0 is not at all.
    ejected_until: AtomicU64,
    /// How often in a row it was left out.
    ejections: AtomicU32,
    /// How often in a row it could not be connected to, or broke off before it answered.
    failures: AtomicU32,
    in_use: AtomicUsize,
    is_healthy: AtomicBool,
    last_failure: Mutex<Option<(Instant, String)>>,
    /// Its place among the upstream's servers as they are written.
    pub place: usize,
    pub weight: u32,
}

/// What its health checks have found, and when the next one is due.
pub(super) struct Checks {
    pub due: Instant,
    pub is_running: bool,
    /// How many checks in a row have found it other than it is taken for.
    against: u32,
}

impl Server {
    /// The longest that a server is left out, however often it fails.
    const LONGEST: Duration = Duration::from_mins(5);

    /// A server of which nothing bad is known.
    pub(super) fn new(address: SocketAddr, place: usize, weight: u32) -> Self {
        let epoch = Instant::now();
        Self {
            address,
            checks: Mutex::new(Checks { due: epoch, is_running: false, against: 0 }),
            epoch,
            ejected_until: AtomicU64::new(0),
            ejections: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            in_use: AtomicUsize::new(0),
            is_healthy: AtomicBool::new(true),
            last_failure: Mutex::default(),
            place,
            weight,
        }
    }

    /// Whether it may be expected to answer.
    pub(super) fn is_up(&self) -> bool {
        self.is_healthy() && self.left_out_for().is_none()
    }

    /// Whether its checks say that it is well.
    pub(super) fn is_healthy(&self) -> bool {
        self.is_healthy.load(Relaxed)
    }

    /// For how long it is still left out because it failed.
    pub(super) fn left_out_for(&self) -> Option<Duration> {
        // Most servers never are, and then nobody needs to know the time.
        match self.ejected_until.load(Relaxed) {
            0 => None,
            until => Duration::from_millis(until).checked_sub(self.epoch.elapsed()),
        }
    }

    /// How many requests it has.
    pub(super) fn in_use(&self) -> usize {
        self.in_use.load(Relaxed)
    }

    /// Notes that it has answered. Whether it was left out until now.
    pub(super) fn answered(&self) -> bool {
        if self.failures.load(Relaxed) == 0 {
            return false;
        }
        self.failures.store(0, Relaxed);
        self.ejections.store(0, Relaxed);
        self.ejected_until.swap(0, Relaxed) > 0
    }

    /// Notes that it could not be connected to, or broke off. Whether it is left out now that was not before.
    pub(super) fn failed(&self, ejection: Ejection) -> bool {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        if failures < ejection.after || self.left_out_for().is_some() {
            return false;
        }
        // Once it is asked again, one failure is enough.
        let times = self.ejections.fetch_add(1, Relaxed).min(16);
        let lasts = ejection.lasts.saturating_mul(1 << times);
        let lasts = lasts.min(Self::LONGEST.max(ejection.lasts));
        let until = self.epoch.elapsed().saturating_add(lasts).as_millis();
        self.ejected_until.store(u64::try_from(until).unwrap_or(u64::MAX), Relaxed);
        true
    }

    /// Notes what a health check has found. `enough` are the checks in a row that it takes to be
    /// taken back, and to be left out.
    pub(super) fn checked(&self, is_well: bool, [healthy, unhealthy]: [u32; 2]) {
        let mut checks = self.checks();
        if is_well == self.is_healthy() {
            checks.against = 0;
            return;
        }
        checks.against += 1;
        if checks.against >= if is_well { healthy } else { unhealthy } {
            checks.against = 0;
            self.is_healthy.store(is_well, Relaxed);
        }
    }

    /// Keeps in mind what was wrong with it, for operators.
    pub(super) fn remember_failure(&self, why: String) {
        *self.last_failure() = Some((Instant::now(), why));
    }

    /// What was wrong with it last, and when.
    pub(super) fn last_failure(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its checks.
    pub(super) fn checks(&self) -> MutexGuard<'_, Checks> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's place at a server.
pub(in super::super) struct Lease(Arc<Server>);

impl Lease {
    /// A place among at most so many, if there is one.
    pub(super) fn take(server: &Arc<Server>, most: Option<usize>) -> Option<Self> {
        let most = most.unwrap_or(usize::MAX);
        let more = |in_use: usize| (in_use < most).then(|| in_use + 1);
        server.in_use.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Self(Arc::clone(server)))
    }

    /// Where it is.
    pub(super) fn server(&self) -> &Arc<Server> {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.in_use.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        Server::new(SocketAddr::from(([127, 0, 0, 1], 1)), 0, 1)
    }

    #[test]
    fn a_server_is_left_out_after_so_many_failures_in_a_row() {
        let server = server();
        let ejection = Ejection { after: 3, lasts: Duration::from_mins(1) };
        assert_eq!([(); 2].map(|()| server.failed(ejection)), [false, false]);
        server.answered();
        assert_eq!([(); 3].map(|()| server.failed(ejection)), [false, false, true]);
        assert!(!server.is_up());
        server.answered();
        assert!(server.is_up());
    }

    #[test]
    fn each_time_in_a_row_it_is_left_out_twice_as_long() {
        let server = server();
        let ejection = Ejection { after: 1, lasts: Duration::from_secs(10) };
        let mut lasted = vec![];
        for _ in 0..7 {
            assert!(server.failed(ejection));
            // Some of it is over already.
            lasted.push(server.left_out_for().unwrap().as_secs() + 1);
            server.ejected_until.store(0, Relaxed);
        }
        assert_eq!(lasted, [10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn checks_must_agree_before_anything_changes() {
        let server = server();
        let found = |is_well| {
            server.checked(is_well, [2, 3]);
            server.is_up()
        };
        assert_eq!([false, false, true, false, false, false].map(found).as_slice(), {
            [true, true, true, true, true, false]
        });
        assert_eq!([true, false, true, true].map(found), [false, false, false, true]);
    }

    #[test]
    fn a_full_server_has_no_place_until_a_request_ends() {
        let server = Arc::new(server());
        let first = Lease::take(&server, Some(2)).unwrap();
        let _second = Lease::take(&server, Some(2)).unwrap();
        assert!(Lease::take(&server, Some(2)).is_none());
        drop(first);
        assert!(Lease::take(&server, Some(2)).is_some());
    }
}
