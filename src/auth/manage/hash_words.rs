//! How a password is hashed, in words: never its salt, and nothing of the hash.

use super::super::Auth;
use super::super::hasher::{Encoded, HashCost, HashKind, HashRoom, hash_kind};
use crate::model::password::PasswordHash;
use crate::model::user::User;
use std::fmt;

/// How a password is hashed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HashWords {
    /// By what, at what cost, and why no password will ever match it, if none will.
    kind: HashKind,
    /// Whether the next login replaces it by one as the settings have it.
    is_outdated: bool,
}

impl Auth {
    /// How a user's password is hashed.
    pub fn hash_words(&self, user: &User) -> HashWords {
        let settings = self.settings.load();
        let room = HashRoom::new(settings.hashing, settings.imported_memory);
        HashWords::of(&user.password, settings.hashing, room)
    }
}

impl HashWords {
    fn of(hash: &PasswordHash, wanted: HashCost, room: HashRoom) -> Self {
        let mut kind = hash_kind(hash.expose());
        kind.trouble = kind.trouble.or_else(|| room.trouble(hash.expose()));
        let is_current =
            Encoded::read(hash.expose()).is_ok_and(|read| read.is_as_new(hash.expose(), wanted));
        Self { is_outdated: kind.trouble.is_none() && !is_current, kind }
    }
}

impl fmt::Display for HashWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind: HashKind { name, trouble }, is_outdated } = self;
        f.write_str(name)?;
        if let Some(trouble) = trouble {
            write!(f, "; no password matches it: {trouble}")?;
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
    const SALT_AND_HASH: &str = "c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";

    fn words(hash: &str) -> String {
        let room = HashRoom::new(WANTED, 64 << 20);
        HashWords::of(&PasswordHash::new(hash.to_owned()), WANTED, room).to_string()
    }

    #[test]
    fn a_hash_as_the_settings_have_it_is_told_by_its_cost() {
        assert_eq!(
            words(&format!("$argon2id$v=19$m=19456,t=2,p=1${SALT_AND_HASH}")),
            "argon2id, m=19456 t=2 p=1"
        );
    }

    #[test]
    fn others_are_told_with_what_becomes_of_them() {
        let later = "; will be renewed at the next login";
        for of_django in ["", "argon2"] {
            assert_eq!(
                words(&format!("{of_django}$argon2id$v=19$m=64,t=1,p=1${SALT_AND_HASH}")),
                format!("argon2id, m=64 t=1 p=1{later}")
            );
        }
        let hash = "VgSKfwHDSyB3YVYMqZOSFRzR7wjGG9PRmn4oCnVN0jI=";
        assert_eq!(
            words(&format!("pbkdf2_sha256$870000$salt${hash}")),
            format!("pbkdf2_sha256, 870000 iterations{later}")
        );
        let too_large = format!("argon2$argon2id$v=19$m=65537,t=2,p=1${SALT_AND_HASH}");
        let why = "the hash would take more than all of passwords.imported_memory";
        assert_eq!(
            words(&too_large),
            format!("argon2id, m=65537 t=2 p=1; no password matches it: {why}")
        );
        assert_eq!(words("!x"), "unusable; no password matches it: it is marked as unusable");
    }

    #[test]
    fn neither_salt_nor_hash_is_told() {
        for hash in [
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
            "pbkdf2_sha256$9$c2FsdHNhbHQ$aGFzaA",
            "$$c2FsdHNhbHQ",
            "aGFzaA c2FsdHNhbHQ and so on, for long",
            "aGFzaA",
        ] {
            let said = words(hash);
            assert!(!said.contains("c2FsdHNhbHQ") && !said.contains("aGFzaA"), "{said}");
        }
    }
}
