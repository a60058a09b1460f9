//! How a stored hash was made, in words: nothing of its salt, and nothing of the hash.

use super::encoded::{Encoded, LONGEST};
use std::fmt;

/// Of what kind a stored hash is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HashKind {
    /// What people call it, with its cost where it can be verified: `pbkdf2_sha256, 1000000 iterations`,
    /// `argon2id, m=102400 t=2 p=8`, `bcrypt, cost 12`, `scrypt, N=16384 r=8 p=5`; `unusable`, `none`,
    /// `md5`, `unknown`.
    pub name: String,
    /// Why no password will ever match it, if none will.
    pub trouble: Option<HashTrouble>,
}

/// Why no password matches a stored hash.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum HashTrouble {
    /// There is none.
    Empty,
    /// It is of a kind that can be verified, but broken.
    Malformed,
    /// To verify it would cost more than a hash may.
    TooCostly,
    /// It has more bytes than any hash that is verified.
    TooLong,
    /// To verify it would take more memory than `passwords.imported_memory` has for all such hashes.
    TooLarge,
    /// It is of a kind that cannot be verified.
    Unknown,
    /// Django has marked it so: it begins with `!`.
    Unusable,
}

impl fmt::Display for HashTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "there is no password",
            Self::Malformed => "the hash is broken",
            Self::TooCostly => "the hash would cost more than one may",
            Self::TooLong => return write!(f, "the hash is longer than {LONGEST} bytes"),
            Self::TooLarge => "the hash would take more than all of passwords.imported_memory",
            Self::Unknown => "hashes of this kind cannot be verified",
            Self::Unusable => "it is marked as unusable",
        })
    }
}

/// Of what kind a stored hash is. Costs next to nothing.
pub fn hash_kind(encoded: &str) -> HashKind {
    match Encoded::read(encoded) {
        Ok(hash) => HashKind { name: hash.recipe.to_string(), trouble: None },
        Err(unfit) => HashKind { name: unfit.kind.to_owned(), trouble: Some(unfit.why) },
    }
}

#[cfg(test)]
mod tests {
    use super::super::recipe::Recipe;
    use super::*;

    const SALT: &str = "hWqpQuN6K03ljgQOv9aRW1";
    const SHA1: &str = "MkngAz3HghdojfILSVGCEr44+ss=";
    const SHA256: &str = "47l/InpyQPOYVercdqDSOOVxc1VuHf7fosnrJ3Gya8E=";
    const BCRYPT: &str = "UYmHrjX5VSVXDcJ47JHmmu/UEwFVwYYqmq21jqiFSKsfCSl6f2iyC";
    const SCRYPT: &str =
        "ZUz4BnjZv5rtNIZko7Y8SXDjc5j9RewXOJ5Dudy8iuPM1QyQ50Z/DkzaXS2OQWQuHY2Q6/Mwn6Ci4qcB08pMKw==";
    const PHC: &str = "YWFnUUk0SUM3eEdkZTE3WWdDY2VCTA$ZGUyupGxfpS5v/y2sDhx2SbiRJpQjYHU7vuPAc5X6/A";

    fn said(encoded: &str) -> String {
        let HashKind { name, trouble } = hash_kind(encoded);
        trouble.map_or(name.clone(), |trouble| format!("{name}: {trouble}"))
    }

    #[test]
    fn what_can_be_verified_is_named_with_its_cost() {
        for (encoded, name) in [
            (format!("pbkdf2_sha256$1000000${SALT}${SHA256}"), "pbkdf2_sha256, 1000000 iterations"),
            (format!("pbkdf2_sha1$1${SALT}${SHA1}"), "pbkdf2_sha1, 1 iterations"),
            (format!("argon2$argon2id$v=19$m=102400,t=2,p=8${PHC}"), "argon2id, m=102400 t=2 p=8"),
            (format!("$argon2id$v=19$m=102400,t=2,p=8${PHC}"), "argon2id, m=102400 t=2 p=8"),
            (format!("argon2$argon2i$m=512,t=2,p=2${PHC}"), "argon2i, m=512 t=2 p=2"),
            (format!("bcrypt$$2b$12${BCRYPT}"), "bcrypt, cost 12"),
            (format!("bcrypt_sha256$$2b$04${BCRYPT}"), "bcrypt_sha256, cost 4"),
            (format!("$2y$05${BCRYPT}"), "bcrypt, cost 5"),
            (format!("scrypt$16384${SALT}$8$5${SCRYPT}"), "scrypt, N=16384 r=8 p=5"),
        ] {
            assert_eq!(hash_kind(&encoded), HashKind { name: name.to_owned(), trouble: None });
            assert_eq!(name.parse::<Recipe>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn what_never_verifies_is_told_with_the_reason() {
        let md5 = "md5$z6dTdxN6wUqpwi01E5ZkmQ$f34b79ed9778ecc008d3a128f5326cb5";
        for (encoded, words) in [
            ("", "none: there is no password"),
            ("!", "unusable: it is marked as unusable"),
            ("!a8F3", "unusable: it is marked as unusable"),
            (md5, "md5: hashes of this kind cannot be verified"),
            ("$apr1$abc$def", "apr1: hashes of this kind cannot be verified"),
            ("correct horse", "unknown: hashes of this kind cannot be verified"),
            ("pbkdf2_sha256$", "pbkdf2_sha256: the hash is broken"),
        ] {
            assert_eq!(said(encoded), words);
        }
    }

    #[test]
    fn a_cost_beyond_the_bounds_is_told_and_one_of_nothing_is_broken() {
        let beyond = "the hash would cost more than one may";
        for (encoded, kind) in [
            (format!("pbkdf2_sha256$10000001${SALT}${SHA256}"), "pbkdf2_sha256"),
            (format!("pbkdf2_sha1$99999999999999999999999${SALT}${SHA1}"), "pbkdf2_sha1"),
            (format!("bcrypt$$2b$17${BCRYPT}"), "bcrypt"),
            (format!("scrypt$2097152${SALT}$8$1${SCRYPT}"), "scrypt"),
            (format!("scrypt$2${SALT}$65$1${SCRYPT}"), "scrypt"),
            (format!("scrypt$2${SALT}$1$65${SCRYPT}"), "scrypt"),
            (format!("argon2$argon2id$v=19$m=2097152,t=1,p=1${PHC}"), "argon2id"),
        ] {
            assert_eq!(said(&encoded), format!("{kind}: {beyond}"), "{encoded}");
        }
        for encoded in [
            format!("pbkdf2_sha256$0${SALT}${SHA256}"),
            format!("pbkdf2_sha256$01${SALT}${SHA256}"),
            format!("pbkdf2_sha256$+1${SALT}${SHA256}"),
            format!("pbkdf2_sha256$1$${SHA256}"),
            format!("pbkdf2_sha256$1${SALT}${SHA1}"),
            format!("pbkdf2_sha256$1${SALT}$"),
            format!("pbkdf2_sha256$1${SALT}${SHA256}$"),
            format!("bcrypt$$2b$03${BCRYPT}"),
            format!("bcrypt$$2b$4${BCRYPT}"),
            format!("bcrypt$$2x$12${BCRYPT}"),
            format!("bcrypt$$2b$12${BCRYPT}a"),
            format!("scrypt$16383${SALT}$8$5${SCRYPT}"),
            format!("scrypt$1${SALT}$8$5${SCRYPT}"),
            format!("scrypt$16384${SALT}$0$5${SCRYPT}"),
            format!("scrypt$16384${SALT}$8$0${SCRYPT}"),
            format!("argon2$argon2id$v=19$m=0,t=1,p=1${PHC}"),
            format!("argon2$argon2id$v=19$m=64,t=0,p=1${PHC}"),
            format!("argon2$argon2id$v=19$m=64,t=1,p=0${PHC}"),
            format!("argon2$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA${PHC}"),
        ] {
            assert_eq!(hash_kind(&encoded).trouble, Some(HashTrouble::Malformed), "{encoded}");
        }
    }

    #[test]
    fn nothing_that_may_be_a_password_is_told() {
        for encoded in ["hunter2", "hunter2$1$2$3", "$hunter2$x", "pbkdf2_sha256$hunter2$a$b"] {
            assert!(!said(encoded).contains("hunter2"), "{encoded}");
        }
    }
}
