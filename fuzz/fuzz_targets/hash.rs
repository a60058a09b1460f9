//! Whatever is stored as a password's hash is judged, and nobody gets in by it who does not know the
//! password.
#![no_main]

use authgate::auth::{Argon2Hasher, HashCost, PasswordHasher, Verdict, hash_kind};
use authgate::model::password::{Password, PasswordHash};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stored: &str| {
    let kind = hash_kind(stored);
    assert!(kind.name.len() < 64, "{}", kind.name);
    // What is computed is bounded, but for a fuzzer it is long.
    if kind.trouble.is_none() && !is_cheap(&kind.name) {
        return;
    }
    let cost = HashCost { iterations: 1, memory_kib: 8, parallelism: 1 };
    let hasher = Argon2Hasher::new(cost).expect("Argon2 knows this cost");
    let password = Password::new("nobody's, and of no good hash in the corpus".to_owned());
    let verdict = hasher.verify(&password, &PasswordHash::new(stored.to_owned()));
    assert_eq!(verdict, Verdict::Mismatch, "{stored}");
});

/// Whether no number of its cost has more than two digits, and none that counts in powers more than one.
fn is_cheap(name: &str) -> bool {
    let most = if name.starts_with("bcrypt") { 1 } else { 2 };
    let (_, cost) = name.split_once(", ").expect("what can be verified has a cost");
    cost.split(|char: char| !char.is_ascii_digit()).all(|digits| digits.len() <= most)
}
