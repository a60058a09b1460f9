//! How a password becomes a hash, and how much that may cost.

use super::HashCost;
use argon2::{Algorithm, Version};
use std::fmt;
use std::str::FromStr;

/// All that a hash is made by, but password and salt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::auth) enum Recipe {
    /// RFC 9106.
    Argon2 { algorithm: Algorithm, version: Version, cost: HashCost },
    /// Of the password's SHA-256 in hex, where it has that step.
    Bcrypt { cost: u64, has_sha256: bool },
    /// RFC 8018.
    Pbkdf2 { digest: Digest, iterations: u64 },
    /// RFC 7914.
    Scrypt { n: u64, r: u64, p: u64 },
}

/// What PBKDF2 repeats.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::auth) enum Digest {
    Sha1,
    Sha256,
}

impl Digest {
    /// How many bytes it makes.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

impl Recipe {
    /// The least cost of bcrypt.
    pub(super) const LEAST_BCRYPT: u64 = 4;
    /// The most cost of bcrypt, as a power of two: here six seconds, like all these bounds.
    const MOST_BCRYPT: u64 = 16;
    const MOST_ITERATIONS: u64 = 10_000_000;
    /// The most of N × r × p: 1 GiB that is gone through.
    const MOST_SCRYPT: u64 = 1 << 23;
    /// The most of each, or what stands beside N would take memory, too.
    const MOST_R_OR_P: u64 = 64;

    /// Whether a hash may cost so much: beyond that a stored one is an attack on this machine.
    pub(super) fn is_bearable(self) -> bool {
        match self {
            Self::Argon2 { cost, .. } => cost.is_bearable_by_one_thread(),
            Self::Bcrypt { cost, .. } => cost <= Self::MOST_BCRYPT,
            Self::Pbkdf2 { iterations, .. } => iterations <= Self::MOST_ITERATIONS,
            Self::Scrypt { n, r, p } => {
                let work = n.saturating_mul(r).saturating_mul(p);
                r <= Self::MOST_R_OR_P && p <= Self::MOST_R_OR_P && work <= Self::MOST_SCRYPT
            }
        }
    }

    /// How much memory it takes, in KiB.
    pub(super) fn memory_kib(self) -> u64 {
        match self {
            Self::Argon2 { cost, .. } => cost.memory_kib.into(),
            Self::Bcrypt { .. } | Self::Pbkdf2 { .. } => 0,
            // Blocks of 128 bytes.
            Self::Scrypt { n, r, p } => n.saturating_add(p).saturating_mul(r) / 8,
        }
    }

    /// What a new password is hashed by.
    pub(super) fn of_new(cost: HashCost) -> Self {
        Self::Argon2 { algorithm: Algorithm::Argon2id, version: Version::V0x13, cost }
    }

    /// What people call it.
    pub(super) fn algorithm(self) -> &'static str {
        match self {
            Self::Argon2 { algorithm, .. } => algorithm.as_str(),
            Self::Bcrypt { has_sha256: false, .. } => "bcrypt",
            Self::Bcrypt { has_sha256: true, .. } => "bcrypt_sha256",
            Self::Pbkdf2 { digest: Digest::Sha1, .. } => "pbkdf2_sha1",
            Self::Pbkdf2 { digest: Digest::Sha256, .. } => "pbkdf2_sha256",
            Self::Scrypt { .. } => "scrypt",
        }
    }

    /// What it costs, in the terms of its kind.
    pub(super) fn cost(self) -> String {
        match self {
            Self::Argon2 { cost, .. } => cost.to_string(),
            Self::Bcrypt { cost, .. } => format!("cost {cost}"),
            Self::Pbkdf2 { iterations, .. } => format!("{iterations} iterations"),
            Self::Scrypt { n, r, p } => format!("N={n} r={r} p={p}"),
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.algorithm(), self.cost())
    }
}

/// The text is not the name of a recipe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::auth) struct NotARecipe;

impl FromStr for Recipe {
    type Err = NotARecipe;

    /// Reads what Display writes, and nothing else.
    fn from_str(name: &str) -> Result<Self, NotARecipe> {
        let (algorithm, cost) = name.split_once(", ").ok_or(NotARecipe)?;
        let numbers = cost.split(|char: char| !char.is_ascii_digit());
        let numbers: Vec<u64> = numbers.filter_map(|digits| digits.parse().ok()).collect();
        let short = |number: u64| u32::try_from(number).map_err(|_| NotARecipe);
        let recipe = match (algorithm, numbers.as_slice()) {
            ("bcrypt", &[cost]) => Self::Bcrypt { cost, has_sha256: false },
            ("bcrypt_sha256", &[cost]) => Self::Bcrypt { cost, has_sha256: true },
            ("pbkdf2_sha1", &[iterations]) => Self::Pbkdf2 { digest: Digest::Sha1, iterations },
            ("pbkdf2_sha256", &[iterations]) => Self::Pbkdf2 { digest: Digest::Sha256, iterations },
            ("scrypt", &[n, r, p]) => Self::Scrypt { n, r, p },
            (argon2, &[m, t, p]) => Self::Argon2 {
                algorithm: Algorithm::new(argon2).map_err(|_| NotARecipe)?,
                version: Version::V0x13,
                cost: HashCost {
                    iterations: short(t)?,
                    memory_kib: short(m)?,
                    parallelism: short(p)?,
                },
            },
            _ => return Err(NotARecipe),
        };
        if recipe.to_string() == name { Ok(recipe) } else { Err(NotARecipe) }
    }
}
