//! A stored hash as it is read: authgate's own, and those that Django and `htpasswd` write.

use super::HashCost;
use super::kind::HashTrouble;
use super::recipe::{Digest, Recipe};
use argon2::{Algorithm, MIN_SALT_LEN, Params, Version};
use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD, STANDARD_NO_PAD};

/// A stored hash that a password can be compared with, at a cost that can be borne.
pub(in crate::auth) struct Encoded {
    pub recipe: Recipe,
    pub salt: Vec<u8>,
    /// What the right password comes to.
    pub output: Vec<u8>,
}

/// Why no password can be compared with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::auth) struct Unfit {
    /// What people call its kind. Never a part of it: it may be anything, a password in clear too.
    pub kind: &'static str,
    pub why: HashTrouble,
}

/// The most bytes of a stored hash. The longest that Django writes has 134.
pub(super) const LONGEST: usize = 512;
/// As bcrypt writes bytes.
pub(super) const BCRYPT_64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, NO_PAD);

impl Encoded {
    /// Reads a stored hash. Nothing is computed.
    pub(in crate::auth) fn read(text: &str) -> Result<Self, Unfit> {
        let unfit = |kind, why| Err(Unfit { kind, why });
        if text.is_empty() {
            return unfit("none", HashTrouble::Empty);
        }
        if text.starts_with('!') {
            return unfit("unusable", HashTrouble::Unusable);
        }
        let Some((kind, read)) = reader(text) else {
            return unfit(foreign(text), HashTrouble::Unknown);
        };
        if text.len() > LONGEST {
            return unfit(kind, HashTrouble::TooLong);
        }
        match read(text) {
            None => unfit(kind, HashTrouble::Malformed),
            Some(hash) if !hash.recipe.is_bearable() => unfit(kind, HashTrouble::TooCostly),
            Some(hash) => Ok(hash),
        }
    }

    /// Whether this text of it is what is written for a new password of that cost.
    pub(in crate::auth) fn is_as_new(&self, text: &str, cost: HashCost) -> bool {
        // Django writes a name before it.
        text.starts_with('$')
            && self.recipe == Recipe::of_new(cost)
            && self.output.len() == Params::DEFAULT_OUTPUT_LEN
    }
}

type Reader = fn(&str) -> Option<Encoded>;

/// What people call its kind, and what reads it.
fn reader(text: &str) -> Option<(&'static str, Reader)> {
    const KINDS: [(&str, &str, Reader); 14] = [
        ("$argon2id$", "argon2id", argon2),
        ("argon2$argon2id$", "argon2id", argon2),
        ("$argon2i$", "argon2i", argon2),
        ("argon2$argon2i$", "argon2i", argon2),
        ("$argon2d$", "argon2d", argon2),
        ("argon2$argon2d$", "argon2d", argon2),
        ("$2a$", "bcrypt", bcrypt),
        ("$2b$", "bcrypt", bcrypt),
        ("$2y$", "bcrypt", bcrypt),
        ("bcrypt$$", "bcrypt", bcrypt),
        ("bcrypt_sha256$$", "bcrypt_sha256", bcrypt),
        ("pbkdf2_sha1$", "pbkdf2_sha1", pbkdf2),
        ("pbkdf2_sha256$", "pbkdf2_sha256", pbkdf2),
        ("scrypt$", "scrypt", scrypt),
    ];
    let known = KINDS.into_iter().find(|(begin, ..)| text.starts_with(begin));
    known.map(|(_, kind, read)| (kind, read))
}

/// What people call a kind that is never verified.
fn foreign(text: &str) -> &'static str {
    const KINDS: [(&str, &str); 13] = [
        ("md5$", "md5"),
        ("sha1$", "sha1"),
        ("unsalted_md5$", "unsalted_md5"),
        ("unsalted_sha1$", "unsalted_sha1"),
        ("crypt$", "crypt"),
        ("$apr1$", "apr1"),
        ("$1$", "md5crypt"),
        ("$5$", "sha256crypt"),
        ("$6$", "sha512crypt"),
        ("$y$", "yescrypt"),
        ("{SHA}", "SHA"),
        ("$P$", "phpass"),
        ("$H$", "phpass"),
    ];
    let known = KINDS.into_iter().find(|(begin, _)| text.starts_with(begin));
    known.map_or("unknown", |(_, kind)| kind)
}

/// `argon2` or nothing, and `$argon2id$v=19$m=512,t=2,p=2$`, salt and hash, as libargon2 reads it, by which
/// Django verifies: a PHC string may have no such salts and hashes as that allows. One without a version
/// is of the first.
fn argon2(text: &str) -> Option<Encoded> {
    let (_, text) = text.split_once('$')?;
    let (algorithm, rest) = text.split_once('$')?;
    let (version, rest) = match rest.strip_prefix("v=") {
        Some(rest) => rest.split_once('$')?,
        None => ("16", rest),
    };
    let version = Version::try_from(short(version)?).ok()?;
    let [cost, salt, output] = parts(rest)?;
    let [memory, iterations, parallelism] = cost.split(',').collect::<Vec<_>>().try_into().ok()?;
    let cost = HashCost {
        iterations: short(iterations.strip_prefix("t=")?)?,
        memory_kib: short(memory.strip_prefix("m=")?)?,
        parallelism: short(parallelism.strip_prefix("p=")?)?,
    };
    let [salt, output] = [salt, output].map(|part| STANDARD_NO_PAD.decode(part).ok());
    let (salt, output) = (salt?, output?);
    let is_sound = super::params(cost, Some(output.len())).is_ok() && salt.len() >= MIN_SALT_LEN;
    let algorithm = Algorithm::new(algorithm).ok()?;
    is_sound.then_some(Encoded {
        recipe: Recipe::Argon2 { algorithm, version, cost },
        salt,
        output,
    })
}

fn short(text: &str) -> Option<u32> {
    u32::try_from(number(text)?).ok()
}

/// `bcrypt$`, `bcrypt_sha256$` or nothing, and `$2b$12$`, salt and hash.
fn bcrypt(text: &str) -> Option<Encoded> {
    let (name, rest) = text.split_once("$2")?;
    let (version, rest) = rest.split_once('$')?;
    let (cost, rest) = rest.split_once('$')?;
    if !matches!(version, "a" | "b" | "y") || cost.len() != 2 || rest.len() != 53 {
        return None;
    }
    let cost = number(cost.strip_prefix('0').unwrap_or(cost))?;
    let (salt, output) = rest.split_at_checked(22)?;
    (cost >= Recipe::LEAST_BCRYPT).then_some(Encoded {
        recipe: Recipe::Bcrypt { cost, has_sha256: name == "bcrypt_sha256$" },
        salt: BCRYPT_64.decode(salt).ok()?,
        output: BCRYPT_64.decode(output).ok()?,
    })
}

/// `pbkdf2_sha256$ITERATIONS$SALT$BASE64`
fn pbkdf2(text: &str) -> Option<Encoded> {
    let [name, iterations, salt, output] = parts(text)?;
    let digest = if name == "pbkdf2_sha1" { Digest::Sha1 } else { Digest::Sha256 };
    let recipe = Recipe::Pbkdf2 { digest, iterations: number(iterations)? };
    salted(recipe, salt, output, digest.size())
}

/// `scrypt$N$SALT$R$P$BASE64`
fn scrypt(text: &str) -> Option<Encoded> {
    let [_, n, salt, r, p, output] = parts(text)?;
    let (n, r, p) = (number(n)?, number(r)?, number(p)?);
    if !n.is_power_of_two() || n < 2 {
        return None;
    }
    salted(Recipe::Scrypt { n, r, p }, salt, output, 64)
}

/// A hash of so many bytes, and a salt that is the bytes of its text.
fn salted(recipe: Recipe, salt: &str, output: &str, size: usize) -> Option<Encoded> {
    let output = STANDARD.decode(output).ok()?;
    let is_whole = !salt.is_empty() && output.len() == size;
    is_whole.then(|| Encoded { recipe, salt: salt.as_bytes().to_vec(), output })
}

fn parts<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split('$').collect::<Vec<_>>().try_into().ok()
}

/// A number above 0, written in one way only, as Django compares the whole text. One that is too large
/// for any purpose is the largest.
fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    (is_plain && !text.is_empty() && !text.starts_with('0'))
        .then(|| text.parse().unwrap_or(u64::MAX))
}
