//! A password and a salt become the bytes that Django, Apache and their like have stored.

use super::recipe::Digest;
use crate::model::password::Password;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::num::NonZero;
use zeroize::Zeroizing;

/// `None` if there is no such hash. `has_sha256` is Django's own step before bcrypt, which lets all of a
/// long password count.
pub(super) fn bcrypt(
    password: &Password,
    salt: &[u8],
    cost: u64,
    has_sha256: bool,
) -> Option<Vec<u8>> {
    /// The bytes that bcrypt takes. What lies beyond counts for nothing, as it did where it was hashed.
    const TAKEN: usize = 72;
    /// It makes 24 bytes, and stores all but the last.
    const STORED: usize = 23;
    let mut text = Zeroizing::new(Vec::with_capacity(TAKEN));
    let hex = has_sha256.then(|| hex::encode(Sha256::digest(password.expose())));
    let hex = hex.map(Zeroizing::new);
    let counts = hex.as_deref().map_or(password.expose(), String::as_str);
    text.extend(counts.bytes().chain([0]).take(TAKEN));
    let output = bcrypt::bcrypt(u32::try_from(cost).ok()?, salt.try_into().ok()?, &text);
    Some(output.into_iter().take(STORED).collect())
}

pub(super) fn pbkdf2(
    password: &Password,
    salt: &[u8],
    digest: Digest,
    iterations: u64,
) -> Option<Vec<u8>> {
    let password = password.expose().as_bytes();
    let iterations = NonZero::new(u32::try_from(iterations).ok()?)?;
    let mut output = vec![0; digest.size()];
    match digest {
        // ring has no fast one.
        Digest::Sha1 => {
            pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations.get(), &mut output);
        }
        // As fast in a build for tests, too, where generic code is not.
        Digest::Sha256 => {
            let sha256 = ring::pbkdf2::PBKDF2_HMAC_SHA256;
            ring::pbkdf2::derive(sha256, iterations, salt, password, &mut output);
        }
    }
    Some(output)
}

pub(super) fn scrypt(
    password: &Password,
    salt: &[u8],
    [n, r, p]: [u64; 3],
    size: usize,
) -> Option<Vec<u8>> {
    let log_n = u8::try_from(n.checked_ilog2()?).ok()?;
    let params = scrypt::Params::new(log_n, u32::try_from(r).ok()?, u32::try_from(p).ok()?).ok()?;
    let mut output = vec![0; size];
    scrypt::scrypt(password.expose().as_bytes(), salt, &params, &mut output).ok()?;
    Some(output)
}
