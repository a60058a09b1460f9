//! How a password is hashed, in words: never its salt, and nothing of the hash.

use super::super::Auth;
use super::super::hasher::HashCost;
use crate::model::password::PasswordHash;
use crate::model::user::User;
use std::fmt;

/// How a password is hashed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HashWords {
    /// By what.
    pub algorithm: String,
    /// What it costs: `m=19456 t=2 p=1`, or how many iterations; blank if that is not known.
    pub cost: String,
    /// Whether the next login replaces it by one as the settings have it.
    pub is_outdated: bool,
}

impl Auth {
    /// How a user's password is hashed.
    pub fn hash_words(&self, user: &User) -> HashWords {
        HashWords::of(&user.password, self.settings.load().hashing)
    }
}

impl HashWords {
    fn of(hash: &PasswordHash, wanted: HashCost) -> Self {
        let text = hash.expose();
        // Django has no `$` before the name.
        let mut parts = text.strip_prefix('$').unwrap_or(text).split('$');
        let algorithm = parts.next().unwrap_or_default();
        let HashCost { iterations, memory_kib, parallelism } = wanted;
        let costs = [("m", memory_kib), ("t", iterations), ("p", parallelism)];
        let (cost, is_current) = match algorithm {
            "argon2id" | "argon2i" | "argon2d" => {
                let known = parts.find(|part| part.starts_with("m=")).unwrap_or_default();
                let is_as = |(name, cost): (&str, u32)| {
                    known.split(',').any(|part| part == format!("{name}={cost}"))
                };
                let is_current = algorithm == "argon2id" && costs.into_iter().all(is_as);
                (plain(known).replace(',', " "), is_current)
            }
            "pbkdf2_sha256" | "pbkdf2_sha1" | "pbkdf2-sha256" => {
                let iterations = parts.next().unwrap_or_default();
                let iterations = iterations.strip_prefix("i=").unwrap_or(iterations);
                let iterations = iterations.split(',').next().unwrap_or_default();
                (format!("{} iterations", plain(iterations)), false)
            }
            _ => (String::new(), false),
        };
        let is_known = !algorithm.is_empty() && algorithm.len() < 32;
        let algorithm = if is_known { plain(algorithm) } else { "unknown".to_owned() };
        Self { algorithm, cost, is_outdated: !is_current }
    }
}

/// Only what the name of an algorithm or its cost can have: whatever else stands there stays hidden.
fn plain(text: &str) -> String {
    let is_plain = |char: &char| char.is_ascii_alphanumeric() || "=,_-".contains(*char);
    text.chars().filter(is_plain).take(64).collect()
}

impl fmt::Display for HashWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { algorithm, cost, is_outdated } = self;
        f.write_str(algorithm)?;
        if !cost.is_empty() {
            write!(f, ", {cost}")?;
        }
        if *is_outdated {
            f.write_str("; will be renewed at the next login")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: HashCost = HashCost { iterations: 2, memory_kib: 19_456, parallelism: 1 };

    fn words(hash: &str) -> String {
        HashWords::of(&PasswordHash::new(hash.to_owned()), WANTED).to_string()
    }

    #[test]
    fn a_hash_as_the_settings_have_it_is_told_by_its_cost() {
        assert_eq!(
            words("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA"),
            "argon2id, m=19456 t=2 p=1"
        );
    }

    #[test]
    fn others_are_told_with_what_becomes_of_them() {
        let later = "; will be renewed at the next login";
        assert_eq!(
            words("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA"),
            format!("argon2id, m=64 t=1 p=1{later}")
        );
        assert_eq!(
            words("pbkdf2_sha256$870000$salt$aGFzaA=="),
            format!("pbkdf2_sha256, 870000 iterations{later}")
        );
    }

    #[test]
    fn neither_salt_nor_hash_is_told() {
        for hash in [
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
            "pbkdf2_sha256$9$c2FsdHNhbHQ$aGFzaA",
            "$$c2FsdHNhbHQ",
            "aGFzaA c2FsdHNhbHQ and so on, for long",
        ] {
            let said = words(hash);
            assert!(!said.contains("c2FsdHNhbHQ") && !said.contains("aGFzaA"), "{said}");
        }
    }
}
