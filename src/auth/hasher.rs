//! Hashing passwords, on as many threads as the machine can spare and no more.

use super::AuthError;
use crate::model::password::{Password, PasswordHash};
use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Hashes and checks passwords. Both block for tens of milliseconds, so only [`HashPool`] calls them
/// while requests are served.
pub trait PasswordHasher: Send + Sync {
    /// Hashes a new password.
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError>;
    /// Compares a password with a stored hash. What cannot be read never matches.
    fn verify(&self, password: &Password, against: &PasswordHash) -> Verdict;
}

/// What a comparison came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// They match.
    Match,
    /// They match, but the hash is of an older kind and should be replaced.
    MatchOutdated,
    /// They do not.
    Mismatch,
}

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub struct HashError(pub String);

/// What hashing a password costs (RFC 9106, section 3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HashCost {
    /// Passes over the memory.
    pub iterations: u32,
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Lanes.
    pub parallelism: u32,
}

/// Argon2id (RFC 9106), with its cost in the stored string.
pub struct Argon2Hasher(Argon2<'static>);

impl Argon2Hasher {
    /// A hasher of that cost. Fails if Argon2 knows no such cost.
    pub fn new(cost: HashCost) -> Result<Self, HashError> {
        let params = Params::new(cost.memory_kib, cost.iterations, cost.parallelism, None);
        let params = params.map_err(|error| HashError(error.to_string()))?;
        Ok(Self(Argon2::new(Algorithm::Argon2id, Version::V0x13, params)))
    }

    fn is_outdated(&self, hash: &phc::PasswordHash) -> bool {
        let wanted = self.0.params();
        let is_same = |params: Params| {
            params.m_cost() == wanted.m_cost()
                && params.t_cost() == wanted.t_cost()
                && params.p_cost() == wanted.p_cost()
        };
        hash.algorithm != Algorithm::Argon2id.ident() || !Params::try_from(hash).is_ok_and(is_same)
    }
}

impl PasswordHasher for Argon2Hasher {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let hash = self.0.hash_password(password.expose().as_bytes());
        Ok(PasswordHash::new(hash.map_err(|error| HashError(error.to_string()))?.to_string()))
    }

    fn verify(&self, password: &Password, against: &PasswordHash) -> Verdict {
        let Ok(hash) = phc::PasswordHash::new(against.expose()) else { return Verdict::Mismatch };
        // A stored cost beyond all reason is an attack on this machine, not a password.
        if !Params::try_from(&hash).is_ok_and(|params| is_bearable(&params)) {
            return Verdict::Mismatch;
        }
        match self.0.verify_password(password.expose().as_bytes(), &hash) {
            Ok(()) if self.is_outdated(&hash) => Verdict::MatchOutdated,
            Ok(()) => Verdict::Match,
            Err(_) => Verdict::Mismatch,
        }
    }
}

fn is_bearable(params: &Params) -> bool {
    params.m_cost() <= 1 << 20 && params.t_cost() <= 64 && params.p_cost() <= 64
}

/// Runs a hasher off the async threads: as many at once as the machine has cores, a bounded number
/// waiting, none for longer than it is worth.
pub struct HashPool {
    hasher: Arc<dyn PasswordHasher>,
    places: Semaphore,
    slots: Arc<Semaphore>,
}

impl HashPool {
    const LONGEST_WAIT: Duration = Duration::from_secs(5);
    const WAITING_PER_SLOT: usize = 32;

    /// A pool for this hasher.
    pub fn new(hasher: Arc<dyn PasswordHasher>) -> Self {
        let slots = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            hasher,
            places: Semaphore::new(slots * Self::WAITING_PER_SLOT),
            slots: Arc::new(Semaphore::new(slots)),
        }
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
        job: impl FnOnce(&dyn PasswordHasher) -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        let _place = self.places.try_acquire().map_err(|_| AuthError::Busy)?;
        let slot = Arc::clone(&self.slots).acquire_owned();
        let slot = tokio::time::timeout(Self::LONGEST_WAIT, slot).await;
        let slot = slot.map_err(|_| AuthError::Busy)?.map_err(|_| AuthError::Busy)?;
        let hasher = Arc::clone(&self.hasher);
        let done = spawn_blocking(move || {
            // The thread goes on when the request is dropped, so the slot goes with the thread.
            let _slot = slot;
            job(&*hasher)
        });
        Ok(done.await.map_err(|crash| HashError(crash.to_string()))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: HashCost = HashCost { iterations: 1, memory_kib: 64, parallelism: 1 };

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[test]
    fn a_password_matches_its_own_hash_alone() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let hash = hasher.hash(&password("open sesame")).unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        assert_eq!(hasher.verify(&password("open sesame"), &hash), Verdict::Match);
        assert_eq!(hasher.verify(&password("open sesame "), &hash), Verdict::Mismatch);
    }

    #[test]
    fn a_hash_of_another_cost_matches_but_is_outdated() {
        let hash = Argon2Hasher::new(CHEAP).unwrap().hash(&password("x")).unwrap();
        let dearer = Argon2Hasher::new(HashCost { iterations: 2, ..CHEAP }).unwrap();
        assert_eq!(dearer.verify(&password("x"), &hash), Verdict::MatchOutdated);
    }

    #[test]
    fn what_cannot_be_read_or_borne_never_matches() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let salt_and_hash = "c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for stored in
            ["", "!", "plain", &format!("$argon2id$v=19$m=4194304,t=1,p=1${salt_and_hash}")]
        {
            let hash = PasswordHash::new(stored.to_owned());
            assert_eq!(hasher.verify(&password("x"), &hash), Verdict::Mismatch, "{stored}");
        }
    }
}
