//! The threads that hash: few and polite, since a hash takes as long as hundreds of requests that are
//! let through. Who wants one takes a seat first, and is refused at once where none is free.

use super::hash_queue::{Job, Queues, Work};
use super::{AuthError, HashError, PasswordHasher, Verdict};
use crate::clock::OnceASecond;
use crate::metrics::Metrics;
use crate::model::limit::AccountKey;
use crate::model::network::Network;
use crate::model::password::{Password, PasswordHash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Runs a hasher on threads of its own: a bounded number of passwords waits, none for longer than it
/// is worth.
pub struct HashPool {
    longest_wait: Duration,
    refusals: OnceASecond,
    shared: Arc<Shared>,
}

/// Who waits for a hash. A free thread takes operators first, but after two of them in a row one of
/// the others who wait; among both, the lanes take turns. Each lane has places of its own, so that a
/// flood of one never shuts the others out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lane {
    /// Anyone, wherever they knock.
    Ordinary,
    /// Who logs in from a network where the account logged in lately.
    Familiar,
    /// Who signs in at the console from such a network. Whether they are staff decides nothing: so
    /// neither an answer nor the time it takes tells it.
    Console,
    /// What an operator who is in does, with whatever acts for them.
    Operator,
    /// Who is in and proves that it is still them: no key gets here, and none keeps them from it.
    Proof,
}

impl Lane {
    /// How many may hold a place at once for each thread that hashes.
    pub(super) fn seats_per_thread(self) -> usize {
        match self {
            Self::Ordinary => 32,
            Self::Familiar => 16,
            Self::Console => 8,
            Self::Operator | Self::Proof => 4,
        }
    }
}

/// Of whose part of a lane's places one is taken: nobody may have them all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Share {
    /// All who type a name, whether or not anyone has it, may have a quarter; so may an operator with
    /// all keys of theirs.
    pub account: Option<AccountKey>,
    /// Clients of a network together may have half.
    pub network: Option<Network>,
}

impl Share {
    /// The part of an operator who is in, with whatever acts for them.
    pub(super) fn of_operator(name: &str) -> Self {
        Self { account: Some(AccountKey::like(name)), network: None }
    }

    /// The part of a client who types this name.
    pub(super) fn of_account(self, name: &str) -> Self {
        Self { account: Some(AccountKey::like(name)), ..self }
    }
}

/// What the threads and those who wait for them share.
struct Shared {
    hasher: Arc<dyn PasswordHasher>,
    metrics: Arc<Metrics>,
    queues: Mutex<Queues>,
    rests_after: Duration,
    work: Condvar,
}

impl HashPool {
    const LONGEST_WAIT: Duration = Duration::from_secs(5);
    /// Long for a burst of logins, and short for memory that nobody uses.
    const RESTS_AFTER: Duration = Duration::from_secs(3);

    /// A pool for this hasher. Its threads end when it is dropped.
    pub fn new(
        hasher: Arc<dyn PasswordHasher>,
        threads: usize,
        metrics: Arc<Metrics>,
    ) -> Result<Self, HashError> {
        let times = (Self::LONGEST_WAIT, Self::RESTS_AFTER);
        Self::of_times(hasher, threads, metrics, times)
    }

    fn of_times(
        hasher: Arc<dyn PasswordHasher>,
        threads: usize,
        metrics: Arc<Metrics>,
        (longest_wait, rests_after): (Duration, Duration),
    ) -> Result<Self, HashError> {
        let queues = Mutex::new(Queues::new(threads, hasher.room()));
        let work = Condvar::new();
        let shared = Arc::new(Shared { hasher, metrics, queues, rests_after, work });
        // Made first: should a thread not start, the others end.
        let pool = Self { longest_wait, refusals: OnceASecond::default(), shared };
        for _ in 0..threads {
            let shared = Arc::clone(&pool.shared);
            thread::Builder::new()
                .name("hasher".to_owned())
                .spawn(move || shared.work_off())
                .map_err(|error| HashError(error.to_string()))?;
        }
        Ok(pool)
    }

    /// Takes a place, or fails at once if there is none: all of that lane are taken, or as many as
    /// its share. Never waits.
    pub fn reserve(&self, lane: Lane, share: Option<Share>) -> Result<Seat<'_>, AuthError> {
        let is_free = self.shared.queues().take_seat(lane, share);
        if !is_free {
            return Err(self.refuse());
        }
        Ok(Seat { lane, pool: self, share })
    }

    /// Fails at once if there is no place in whichever lane one is to wait.
    pub(super) fn look(&self, share: Option<Share>) -> Result<(), AuthError> {
        let is_full = self.shared.queues().is_full(share);
        if is_full { Err(self.refuse()) } else { Ok(()) }
    }

    fn refuse(&self) -> AuthError {
        self.shared.metrics.hash_refused();
        if let Some(refused) = self.refusals.count(Instant::now()) {
            tracing::warn!(refused, "hash_queue_full");
        }
        AuthError::Busy
    }
}

impl Drop for HashPool {
    fn drop(&mut self) {
        self.shared.queues().is_closed = true;
        self.shared.work.notify_all();
    }
}

/// A place in the queue, until it is dropped: for one password after another.
pub struct Seat<'p> {
    lane: Lane,
    pool: &'p HashPool,
    share: Option<Share>,
}

impl Seat<'_> {
    /// Hashes a new password.
    pub async fn hash(&mut self, password: Arc<Password>) -> Result<PasswordHash, AuthError> {
        Ok(self.run(0, move |hasher| hasher.hash(&password)).await??)
    }

    /// Compares a password with a stored hash.
    pub async fn verify(
        &mut self,
        password: Arc<Password>,
        against: PasswordHash,
    ) -> Result<Verdict, AuthError> {
        // Whoever finds too little room for it waits in line, and keeps no thread from others.
        let hasher = &self.pool.shared.hasher;
        let room = hasher.room_for(&against).min(hasher.room());
        self.run(room, move |hasher| hasher.verify(&password, &against)).await
    }

    /// A seat has one job at a time, so the jobs are no more than the seats.
    async fn run<T: Send + 'static>(
        &mut self,
        room: u64,
        work: impl FnOnce(&dyn PasswordHasher) -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        let Self { lane, pool, .. } = *self;
        let (caller, mut answer) = oneshot::channel();
        let job = move |hasher: &dyn PasswordHasher, metrics: &Metrics| {
            let began = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| work(hasher)));
            metrics.hashed(began.elapsed());
            let _ = caller.send(outcome);
        };
        let until = Instant::now() + pool.longest_wait;
        let id = pool.shared.submit(lane, room, Box::new(job), until);
        let place = Place { id, lane, pool };
        let outcome = match tokio::time::timeout_at(until.into(), &mut answer).await {
            Ok(outcome) => outcome,
            Err(_) if place.leave() => return Err(pool.refuse()),
            // A thread has begun: soon there is an answer.
            Err(_) => answer.await,
        };
        match outcome {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => Err(HashError("the hasher has crashed".to_owned()).into()),
            // A thread came to it too late, and let it be.
            Err(_) => Err(pool.refuse()),
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.pool.shared.queues().free_seat(self.lane, self.share);
    }
}

/// A job's place among those that wait: given up with the caller.
struct Place<'p> {
    id: u64,
    lane: Lane,
    pool: &'p HashPool,
}

impl Place<'_> {
    /// Takes the job back; `false` if a thread has begun it.
    fn leave(&self) -> bool {
        let shared = &self.pool.shared;
        // The job, and the password in it, is dropped without the lock.
        let job = shared.queues().withdraw(self.lane, self.id);
        if let Some(job) = &job {
            shared.metrics.hashes_waiting(-1);
            shared.tell_of_room(job.room);
        }
        job.is_some()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Shared {
    /// How often the hasher rests where no password comes at all.
    const RESTS: usize = 2;

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, lane: Lane, room: u64, work: Work, until: Instant) -> u64 {
        self.metrics.hashes_waiting(1);
        let id = self.queues().submit(lane, room, work, until);
        self.work.notify_one();
        id
    }

    fn work_off(&self) {
        /// The lowest: with any other, requests wait for a hash to use up its turn. On a core that is
        /// busy with requests a hash still gets a hundredth.
        #[cfg(target_os = "linux")]
        const NICENESS: i32 = 19;
        // Of this thread alone: elsewhere than on Linux it would be the whole process. Where it is
        // forbidden, hashing only disturbs more.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, NICENESS);
        while let Some(job) = self.next() {
            self.metrics.hashes_waiting(-1);
            if Instant::now() < job.until {
                (job.work)(&*self.hasher, &self.metrics);
            }
            self.queues().free(job.room);
            self.tell_of_room(job.room);
        }
    }

    /// Has others look who may have waited for so much room, or behind one who did.
    fn tell_of_room(&self, room: u64) {
        if room > 0 {
            self.work.notify_all();
        }
    }

    /// The next job; `None` once the pool is dropped. Where none comes for a while, the hasher rests.
    fn next(&self) -> Option<Job> {
        for _ in 0..Self::RESTS {
            let mut queues = self.wait(self.queues(), Some(self.rests_after));
            if !queues.is_idle() {
                return queues.next();
            }
            drop(queues);
            self.hasher.rest();
        }
        self.wait(self.queues(), None).next()
    }

    /// Waits for a job or for the end of the pool, perhaps in vain.
    fn wait<'q>(
        &self,
        queues: MutexGuard<'q, Queues>,
        most: Option<Duration>,
    ) -> MutexGuard<'q, Queues> {
        let is_idle = |queues: &mut Queues| queues.is_idle();
        let Some(most) = most else {
            let waited = self.work.wait_while(queues, is_idle);
            return waited.unwrap_or_else(PoisonError::into_inner);
        };
        let waited = self.work.wait_timeout_while(queues, most, is_idle);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests;
