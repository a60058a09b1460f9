//! Hashing passwords.

mod encoded;
mod kind;
mod recipe;

pub use self::kind::{HashKind, HashTrouble, hash_kind};

use super::issue::random_bytes;
use crate::model::password::{Password, PasswordHash};
use argon2::password_hash::phc::{self, Output, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Hashes and checks passwords. Both block for tens of milliseconds, so only [`super::HashPool`] calls them
/// while requests are served.
pub trait PasswordHasher: Send + Sync {
    /// Hashes a new password.
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError>;
    /// Compares a password with a stored hash. What cannot be read never matches.
    fn verify(&self, password: &Password, against: &PasswordHash) -> Verdict;
    /// Gives back what it keeps for the next password; a second time, all of it to the system.
    fn rest(&self) {}
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

impl HashCost {
    /// The most that a hash may cost: beyond it a setting is a slip, and a stored hash an attack on
    /// this machine.
    pub const MOST: Self = Self { iterations: 64, memory_kib: 1 << 20, parallelism: 64 };

    /// The most memory, in KiB, times iterations: the time that one hash may take.
    pub const MOST_KIB_PASSES: u64 = 4 << 20;

    /// Whether a hash may cost so much.
    pub fn is_bearable(self) -> bool {
        let passes = u64::from(self.memory_kib) * u64::from(self.iterations);
        self.iterations <= Self::MOST.iterations
            && self.memory_kib <= Self::MOST.memory_kib
            && self.parallelism <= Self::MOST.parallelism
            && passes <= Self::MOST_KIB_PASSES
    }
}

impl From<&Params> for HashCost {
    fn from(params: &Params) -> Self {
        Self {
            iterations: params.t_cost(),
            memory_kib: params.m_cost(),
            parallelism: params.p_cost(),
        }
    }
}

/// Argon2id (RFC 9106), with its cost in the stored string.
///
/// Memory is used again and again: what each hash took and gave back would stay with the process,
/// once for every thread that ever hashed. It is given back when no password has come for a while.
pub struct Argon2Hasher {
    argon2: Argon2<'static>,
    memory: Mutex<Vec<Vec<Block>>>,
}

impl Argon2Hasher {
    /// A hasher of that cost. Fails if Argon2 knows no such cost, or if it is beyond bearing.
    pub fn new(cost: HashCost) -> Result<Self, HashError> {
        if !cost.is_bearable() {
            return Err(HashError("a hash may not cost so much".to_owned()));
        }
        let params = Params::new(cost.memory_kib, cost.iterations, cost.parallelism, None);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(failed)?);
        Ok(Self { argon2, memory: Mutex::default() })
    }

    fn output(
        &self,
        argon2: &Argon2<'_>,
        password: &Password,
        salt: &Salt,
    ) -> Result<Output, HashError> {
        let blocks = argon2.params().block_count();
        // Only what the next hash needs is kept, so only that is taken.
        let is_usual = blocks == self.argon2.params().block_count();
        let idle = if is_usual { self.idle_memory().pop() } else { None };
        let mut memory = idle.unwrap_or_default();
        memory.resize(blocks, Block::default());
        let mut output =
            vec![0; argon2.params().output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
        let password = password.expose().as_bytes();
        let hashed =
            argon2.hash_password_into_with_memory(password, salt, &mut output, &mut memory);
        if is_usual {
            self.idle_memory().push(memory);
        }
        hashed.map_err(failed)?;
        Output::new(&output).map_err(failed)
    }

    fn idle_memory(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_outdated(&self, hash: &phc::PasswordHash, params: &Params) -> bool {
        hash.algorithm != Algorithm::Argon2id.ident()
            || HashCost::from(params) != self.argon2.params().into()
    }

    /// `None` if the hash cannot be read or borne.
    fn matches(&self, password: &Password, hash: &phc::PasswordHash) -> Option<Verdict> {
        let params = Params::try_from(hash).ok()?;
        if !HashCost::from(&params).is_bearable() {
            return None;
        }
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        let version = Version::try_from(hash.version?).ok()?;
        let is_outdated = self.is_outdated(hash, &params);
        let argon2 = Argon2::new(algorithm, version, params);
        let output = self.output(&argon2, password, &hash.salt?).ok()?;
        // Two outputs are compared in constant time.
        Some(match (hash.hash? == output, is_outdated) {
            (true, false) => Verdict::Match,
            (true, true) => Verdict::MatchOutdated,
            (false, _) => Verdict::Mismatch,
        })
    }
}

impl PasswordHasher for Argon2Hasher {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let salt = Salt::new(&random_bytes::<16>()?).map_err(failed)?;
        let hash = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: self.argon2.params().try_into().map_err(failed)?,
            salt: Some(salt),
            hash: Some(self.output(&self.argon2, password, &salt)?),
        };
        Ok(PasswordHash::new(hash.to_string()))
    }

    fn verify(&self, password: &Password, against: &PasswordHash) -> Verdict {
        let hash = phc::PasswordHash::new(against.expose()).ok();
        hash.and_then(|hash| self.matches(password, &hash)).unwrap_or(Verdict::Mismatch)
    }

    fn rest(&self) {
        /// Enough for the allocator to look at what it could give back.
        const LARGE: usize = 1 << 20;
        let idle = std::mem::take(&mut *self.idle_memory());
        if idle.is_empty() {
            // What was freed more than a second ago goes back to the system only when something
            // large is freed again.
            drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE)));
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn failed(error: impl ToString) -> HashError {
    HashError(error.to_string())
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
    fn memory_is_used_again_and_only_that_of_the_present_cost_is_kept() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let dearer = Argon2Hasher::new(HashCost { memory_kib: 128, ..CHEAP }).unwrap();
        for _ in 0..3 {
            hasher.hash(&password("x")).unwrap();
            hasher.verify(&password("x"), &dearer.hash(&password("x")).unwrap());
        }
        let kept: Vec<_> = hasher.idle_memory().iter().map(Vec::len).collect();
        assert_eq!(kept, [64]);
        hasher.rest();
        assert!(hasher.idle_memory().is_empty());
    }

    #[test]
    fn a_hash_of_another_cost_matches_but_is_outdated() {
        let hash = Argon2Hasher::new(CHEAP).unwrap().hash(&password("x")).unwrap();
        let dearer = Argon2Hasher::new(HashCost { iterations: 2, ..CHEAP }).unwrap();
        assert_eq!(dearer.verify(&password("x"), &hash), Verdict::MatchOutdated);
    }

    #[test]
    fn whatever_may_be_set_can_be_verified() {
        let HashCost { iterations, parallelism, .. } = HashCost::MOST;
        let memory_kib = 8 * parallelism;
        let hasher = Argon2Hasher::new(HashCost { iterations, memory_kib, parallelism }).unwrap();
        let hash = hasher.hash(&password("x")).unwrap();
        assert_eq!(hasher.verify(&password("x"), &hash), Verdict::Match);
        let too_long = HashCost { iterations: iterations + 1, ..CHEAP };
        let too_much = HashCost { iterations: 5, memory_kib: 1 << 20, parallelism: 1 };
        for cost in [too_long, too_much] {
            assert!(Argon2Hasher::new(cost).is_err());
        }
    }

    #[test]
    fn what_cannot_be_read_or_borne_never_matches() {
        let hasher = Argon2Hasher::new(CHEAP).unwrap();
        let salt_and_hash = "c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let of_cost = |cost| format!("$argon2id$v=19$m={cost}${salt_and_hash}");
        for stored in [
            "",
            "!",
            "plain",
            &of_cost("4194304,t=1,p=1"),
            &of_cost("4294967295,t=1,p=1"),
            &of_cost("1048576,t=5,p=1"),
            &of_cost("64,t=4294967295,p=1"),
            &of_cost("1024,t=1,p=65"),
        ] {
            let hash = PasswordHash::new(stored.to_owned());
            assert_eq!(hasher.verify(&password("x"), &hash), Verdict::Mismatch, "{stored}");
        }
    }
}
