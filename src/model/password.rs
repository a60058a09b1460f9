//! Passwords, plain and hashed. Neither can be printed.

use zeroize::Zeroizing;

/// A password as typed.
pub struct Password(Zeroizing<String>);

impl Password {
    /// The most characters of a new one: Django's.
    pub const LONGEST: usize = 128;

    /// Whether a new one may be so long.
    pub fn is_short_enough(typed: &str) -> bool {
        typed.chars().count() <= Self::LONGEST
    }

    /// Takes a password in.
    pub fn new(typed: String) -> Self {
        Self(Zeroizing::new(typed))
    }

    /// Lets a hasher or a check see the password.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A hashed password, as the store keeps it: a PHC string.
#[derive(Clone, Eq, PartialEq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash in, as a hasher made it or a store kept it.
    pub fn new(encoded: String) -> Self {
        Self(encoded)
    }

    /// Lets a hasher or a store see the hash.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
