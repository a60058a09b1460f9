//! Hashing passwords.

mod compute;
mod encoded;
mod kind;
mod recipe;
mod room;
mod stand_in;

pub use self::kind::{HashKind, HashTrouble, hash_kind};
pub(super) use self::recipe::Recipe;
pub use self::room::HashRoom;

pub(super) use self::encoded::Encoded;
use super::issue::random_bytes;
use crate::model::password::{Password, PasswordHash};
use argon2::password_hash::phc::{self, Output, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use subtle::ConstantTimeEq;

/// Hashes and checks passwords. Both block for tens of milliseconds, so only [`super::HashPool`] calls them
/// while requests are served.
pub trait PasswordHasher: Send + Sync {
    /// Hashes a new password.
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError>;
    /// Compares a password with a stored hash. What cannot be read never matches.
    fn verify(&self, password: &Password, against: &PasswordHash) -> Verdict;
    /// Whether a password could match this hash: it can be read, and costs no more than one may. Takes
    /// no time.
    fn can_verify(&self, _against: &PasswordHash) -> bool {
        true
    }
    /// How much memory, in KiB, a comparison with this hash takes beside what each thread has. Takes no
    /// time.
    fn room_for(&self, _against: &PasswordHash) -> u64 {
        0
    }
    /// How much of that there is for all comparisons that go on at once.
    fn room(&self) -> u64 {
        u64::MAX
    }
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
        self.parallelism <= Self::MOST.parallelism && self.is_bearable_by_one_thread()
    }

    /// The same of a stored hash, which may have any lanes: they share the memory, and one thread goes through
    /// them. But there is something to be done for each: the shortest, of 8 KiB, take twice as long.
    fn is_bearable_by_one_thread(self) -> bool {
        const SHORTEST_KIB: u64 = 8;
        let beyond = u64::from(self.parallelism.saturating_sub(Self::MOST.parallelism));
        let counts = u64::from(self.memory_kib).saturating_add(beyond * SHORTEST_KIB);
        let passes = counts.saturating_mul(self.iterations.into());
        self.iterations <= Self::MOST.iterations
            && self.memory_kib <= Self::MOST.memory_kib
            && passes <= Self::MOST_KIB_PASSES
    }
}

impl fmt::Display for HashCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iterations, memory_kib, parallelism } = self;
        write!(f, "m={memory_kib} t={iterations} p={parallelism}")
    }
}

/// Makes hashes by Argon2id (RFC 9106), with their cost in the stored string, and verifies those of
/// other costs and kinds, too.
///
/// Memory is used again and again: what each hash took and gave back would stay with the process,
/// once for every thread that ever hashed. It is given back when no password has come for a while.
pub struct Argon2Hasher {
    /// What new hashes cost.
    cost: HashCost,
    memory: Mutex<Vec<Vec<Block>>>,
    room: HashRoom,
}

impl Argon2Hasher {
    /// How many bytes older hashes may take together, unless that is set.
    pub const ROOM: u64 = 256 << 20;

    /// A hasher of that cost. Fails if Argon2 knows no such cost, or if it is beyond bearing.
    pub fn new(cost: HashCost) -> Result<Self, HashError> {
        if !cost.is_bearable() {
            return Err(HashError("a hash may not cost so much".to_owned()));
        }
        params(cost, None)?;
        Ok(Self { cost, memory: Mutex::default(), room: HashRoom::new(cost, Self::ROOM) })
    }

    /// Lets older hashes that take more memory than new ones take so many bytes together. One that takes
    /// more than that by itself is never verified.
    #[must_use]
    pub fn with_room(self, bytes: u64) -> Self {
        Self { room: HashRoom::new(self.cost, bytes), ..self }
    }

    /// A stored hash, if a password can be compared with it in the memory that there is.
    fn read(&self, hash: &PasswordHash) -> Option<Encoded> {
        let hash = Encoded::read(hash.expose()).ok()?;
        self.room.has_place_for(hash.recipe).then_some(hash)
    }

    /// What a password comes to; `None` if no password comes to anything.
    fn output(&self, password: &Password, hash: &Encoded) -> Option<Vec<u8>> {
        let Encoded { output, recipe, salt } = hash;
        match *recipe {
            Recipe::Argon2 { algorithm, version, cost } => {
                let argon2 =
                    Argon2::new(algorithm, version, params(cost, Some(output.len())).ok()?);
                self.argon2(&argon2, password, salt).ok()
            }
            Recipe::Bcrypt { cost, has_sha256 } => {
                compute::bcrypt(password, salt, cost, has_sha256)
            }
            Recipe::Pbkdf2 { digest, iterations } => {
                compute::pbkdf2(password, salt, digest, iterations)
            }
            Recipe::Scrypt { n, r, p } => compute::scrypt(password, salt, [n, r, p], output.len()),
        }
    }

    fn argon2(
        &self,
        argon2: &Argon2<'_>,
        password: &Password,
        salt: &[u8],
    ) -> Result<Vec<u8>, HashError> {
        let params = argon2.params();
        // Only what the next hash needs is kept, so only that is taken.
        let is_usual = params.m_cost() == self.cost.memory_kib;
        let idle = if is_usual { self.idle_memory().pop() } else { None };
        let mut memory = idle.unwrap_or_default();
        memory.resize(params.block_count(), Block::default());
        let mut output = vec![0; params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
        let password = password.expose().as_bytes();
        let hashed =
            argon2.hash_password_into_with_memory(password, salt, &mut output, &mut memory);
        if is_usual {
            self.idle_memory().push(memory);
        }
        hashed.map(|()| output).map_err(failed)
    }

    fn idle_memory(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PasswordHasher for Argon2Hasher {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let salt = random_bytes::<16>()?;
        let params = params(self.cost, None)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let output = self.argon2(&argon2, password, &salt)?;
        let hash = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: params.try_into().map_err(failed)?,
            salt: Some(Salt::new(&salt).map_err(failed)?),
            hash: Some(Output::new(&output).map_err(failed)?),
        };
        Ok(PasswordHash::new(hash.to_string()))
    }

    fn verify(&self, password: &Password, against: &PasswordHash) -> Verdict {
        let Some(hash) = self.read(against) else { return Verdict::Mismatch };
        let output = self.output(password, &hash);
        if !output.is_some_and(|output| output.ct_eq(&hash.output).into()) {
            return Verdict::Mismatch;
        }
        if hash.is_as_new(against.expose(), self.cost) {
            Verdict::Match
        } else {
            Verdict::MatchOutdated
        }
    }

    fn can_verify(&self, against: &PasswordHash) -> bool {
        self.read(against).is_some()
    }

    fn room_for(&self, against: &PasswordHash) -> u64 {
        self.read(against).map_or(0, |hash| self.room.beside(hash.recipe))
    }

    fn room(&self) -> u64 {
        self.room.kib()
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

fn params(cost: HashCost, output: Option<usize>) -> Result<Params, HashError> {
    Params::new(cost.memory_kib, cost.iterations, cost.parallelism, output).map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn failed(error: impl ToString) -> HashError {
    HashError(error.to_string())
}

#[cfg(test)]
mod tests;
