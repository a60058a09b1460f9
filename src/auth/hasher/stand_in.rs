//! Hashes that no password matches, each as dear as one of its kind.

use super::encoded::BCRYPT_64;
use super::recipe::Recipe;
use super::{HashError, failed};
use crate::auth::issue::random_bytes;
use crate::model::password::PasswordHash;
use argon2::Version;
use argon2::password_hash::phc::{self, Output, ParamsString, Salt};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

impl Recipe {
    /// What a stored hash made by it looks like: of random bytes, so that nobody knows the password.
    pub(in crate::auth) fn stand_in(self) -> Result<PasswordHash, HashError> {
        let salt = hex::encode(random_bytes::<11>()?);
        let bytes = random_bytes::<64>()?;
        let output = |size: usize| bytes.iter().copied().take(size).collect::<Vec<_>>();
        let text = match self {
            Self::Argon2 { algorithm, cost, .. } => phc::PasswordHash {
                algorithm: algorithm.ident(),
                version: Some(Version::V0x13.into()),
                params: cost
                    .to_string()
                    .replace(' ', ",")
                    .parse::<ParamsString>()
                    .map_err(failed)?,
                salt: Some(Salt::new(salt.as_bytes()).map_err(failed)?),
                hash: Some(Output::new(&output(32)).map_err(failed)?),
            }
            .to_string(),
            Self::Bcrypt { cost, has_sha256 } => {
                let name = if has_sha256 { "bcrypt_sha256" } else { "bcrypt" };
                let [salt, hash] = [output(16), output(23)].map(|part| BCRYPT_64.encode(part));
                format!("{name}$$2b${cost:02}${salt}{hash}")
            }
            Self::Pbkdf2 { digest, iterations } => {
                let (name, hash) = (self.algorithm(), STANDARD.encode(output(digest.size())));
                format!("{name}${iterations}${salt}${hash}")
            }
            Self::Scrypt { n, r, p } => {
                format!("scrypt${n}${salt}${r}${p}${}", STANDARD.encode(output(64)))
            }
        };
        Ok(PasswordHash::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash_kind;
    use super::*;

    #[test]
    fn a_stand_in_is_of_its_kind_and_no_two_are_the_same() {
        for kind in [
            "argon2i, m=512 t=2 p=2",
            "argon2id, m=102400 t=2 p=8",
            "bcrypt, cost 4",
            "bcrypt_sha256, cost 12",
            "pbkdf2_sha1, 1 iterations",
            "pbkdf2_sha256, 1000000 iterations",
            "scrypt, N=16384 r=8 p=5",
        ] {
            let recipe: Recipe = kind.parse().unwrap();
            let [one, other] = [(); 2].map(|()| recipe.stand_in().unwrap());
            assert_eq!(hash_kind(one.expose()).name, kind, "{}", one.expose());
            assert_eq!(hash_kind(one.expose()).trouble, None);
            assert!(one != other);
        }
    }
}
