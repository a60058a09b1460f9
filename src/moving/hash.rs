//! Hashes as other programs write them, as Django and this one do.

/// No password matches it.
pub(super) const UNUSABLE: &str = "!";

/// What a hash of no known kind is called.
pub(super) const UNKNOWN: &str = "unknown";
/// Why of what is no hash nothing is kept.
pub(super) const NO_HASH: &str =
    "it is no hash that is known, and left out: it may be the password itself";

/// A hash as stores keep it; `None` if it is of a kind that they know nothing of.
///
/// Argon2 is the same everywhere; before bcrypt Django puts its name.
pub(super) fn as_kept(hash: &str) -> Option<String> {
    if hash.starts_with("$argon2") {
        return Some(hash.to_owned());
    }
    let is_bcrypt = ["$2a$", "$2b$", "$2y$"].iter().any(|head| hash.starts_with(head));
    is_bcrypt.then(|| format!("bcrypt${hash}"))
}
