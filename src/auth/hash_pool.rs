//! The threads that hash: as many as the machine has cores, and polite, since a hash takes as long as
//! hundreds of requests that are let through.

use super::{AuthError, HashError, PasswordHasher, Verdict};
use crate::model::password::{Password, PasswordHash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Runs a hasher on threads of its own: a bounded number of passwords waits, none for longer than it
/// is worth.
pub struct HashPool {
    hasher: Arc<dyn PasswordHasher>,
    queue: mpsc::Sender<Job>,
}

type Job = Box<dyn FnOnce() + Send>;
type Queue = Arc<Mutex<mpsc::Receiver<Job>>>;

impl HashPool {
    const LONGEST_WAIT: Duration = Duration::from_secs(5);
    const WAITING_PER_THREAD: usize = 32;

    /// A pool for this hasher. Its threads end when it is dropped.
    pub fn new(hasher: Arc<dyn PasswordHasher>) -> Result<Self, HashError> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (queue, jobs) = mpsc::channel(threads * Self::WAITING_PER_THREAD);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new()
                .name("hasher".to_owned())
                .spawn(move || work_off(&jobs))
                .map_err(|error| HashError(error.to_string()))?;
        }
        Ok(Self { hasher, queue })
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: Arc<Password>) -> Result<PasswordHash, AuthError> {
        Ok(self.run(move |hasher| hasher.hash(&password)).await??)
    }

    /// Compares a password with a stored hash.
    pub async fn verify(
        &self,
        password: Arc<Password>,
        against: PasswordHash,
    ) -> Result<Verdict, AuthError> {
        self.run(move |hasher| hasher.verify(&password, &against)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn PasswordHasher) -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        let hasher = Arc::clone(&self.hasher);
        let queued = Instant::now();
        let (caller, answer) = oneshot::channel();
        let job = move || {
            let answer = if queued.elapsed() > Self::LONGEST_WAIT {
                Err(AuthError::Busy)
            } else if caller.is_closed() {
                // A caller who has gone away needs no answer.
                return;
            } else {
                Ok(work(&*hasher))
            };
            let _ = caller.send(answer);
        };
        self.queue.try_send(Box::new(job)).map_err(|_| AuthError::Busy)?;
        answer.await.map_err(|_| HashError("the hasher has crashed".to_owned()))?
    }
}

fn work_off(queue: &Queue) {
    /// The lowest: with any other, requests wait for a hash to use up its turn. On a core that is
    /// busy with requests a hash still gets a hundredth.
    #[cfg(target_os = "linux")]
    const NICENESS: i32 = 19;
    // Of this thread alone: elsewhere than on Linux it would be the whole process. Where it is
    // forbidden, hashing only disturbs more.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, NICENESS);
    while let Some(job) = next(queue) {
        // The caller learns of a crash by the end of their channel; the thread has others to serve.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

/// The next job; `None` once the pool is dropped. Idle threads wait for the lock, one of them for
/// the job.
fn next(queue: &Queue) -> Option<Job> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    /// Takes its time, or crashes.
    struct Slow;

    impl PasswordHasher for Slow {
        fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
            assert_ne!(password.expose(), "crash");
            thread::sleep(Duration::from_millis(20));
            Ok(PasswordHash::new(password.expose().to_owned()))
        }

        fn verify(&self, _: &Password, _: &PasswordHash) -> Verdict {
            Verdict::Mismatch
        }
    }

    fn password(text: &str) -> Arc<Password> {
        Arc::new(Password::new(text.to_owned()))
    }

    #[tokio::test]
    async fn what_finds_no_place_is_refused_before_any_work() {
        let pool = HashPool::new(Arc::new(Slow)).unwrap();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let most = threads * (HashPool::WAITING_PER_THREAD + 1);
        let outcomes = join_all((0..4 * most).map(|_| pool.hash(password("x")))).await;
        let refused = outcomes.iter().filter(|it| matches!(it, Err(AuthError::Busy))).count();
        assert!((3 * most..4 * most).contains(&refused), "{refused} of {}", 4 * most);
    }

    #[tokio::test]
    async fn a_crash_costs_one_answer_and_no_thread() {
        let pool = HashPool::new(Arc::new(Slow)).unwrap();
        for _ in 0..8 {
            assert!(matches!(pool.hash(password("crash")).await, Err(AuthError::Hash(_))));
        }
        assert!(pool.hash(password("x")).await.is_ok());
    }
}
