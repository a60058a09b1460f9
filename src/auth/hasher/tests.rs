mod argon2;

use super::*;
use proptest::prelude::*;

const CHEAP: HashCost = HashCost { iterations: 1, memory_kib: 64, parallelism: 1 };

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

#[test]
fn a_password_matches_its_own_hash_alone() {
    let hasher = Argon2Hasher::new(CHEAP).unwrap();
    let hash = hasher.hash(&password("open sesame")).unwrap();
    assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    assert_eq!(hasher.verify(&password("open sesame"), &hash), Verdict::Match);
    assert_eq!(hasher.verify(&password("open sesame "), &hash), Verdict::Mismatch);
}

#[test]
fn memory_is_used_again_and_only_that_of_the_present_cost_is_kept() {
    let hasher = Argon2Hasher::new(CHEAP).unwrap();
    let dearer = Argon2Hasher::new(HashCost { memory_kib: 128, ..CHEAP }).unwrap();
    for _ in 0..3 {
        hasher.hash(&password("x")).unwrap();
        hasher.verify(&password("x"), &dearer.hash(&password("x")).unwrap());
    }
    let kept: Vec<_> = hasher.idle_memory().iter().map(Vec::len).collect();
    assert_eq!(kept, [64]);
    hasher.rest();
    assert!(hasher.idle_memory().is_empty());
}

#[test]
fn a_hash_of_another_cost_matches_but_is_outdated() {
    let hash = Argon2Hasher::new(CHEAP).unwrap().hash(&password("x")).unwrap();
    let dearer = Argon2Hasher::new(HashCost { iterations: 2, ..CHEAP }).unwrap();
    assert_eq!(dearer.verify(&password("x"), &hash), Verdict::MatchOutdated);
}

#[test]
fn whatever_may_be_set_can_be_verified() {
    let HashCost { iterations, parallelism, .. } = HashCost::MOST;
    let memory_kib = 8 * parallelism;
    let hasher = Argon2Hasher::new(HashCost { iterations, memory_kib, parallelism }).unwrap();
    let hash = hasher.hash(&password("x")).unwrap();
    assert_eq!(hasher.verify(&password("x"), &hash), Verdict::Match);
    let too_long = HashCost { iterations: iterations + 1, ..CHEAP };
    let too_much = HashCost { iterations: 5, memory_kib: 1 << 20, parallelism: 1 };
    for cost in [too_long, too_much] {
        assert!(Argon2Hasher::new(cost).is_err());
    }
}

#[test]
fn what_cannot_be_read_or_borne_never_matches() {
    let hasher = Argon2Hasher::new(CHEAP).unwrap();
    let salt_and_hash = "c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let of_cost = |cost| format!("$argon2id$v=19$m={cost}${salt_and_hash}");
    for stored in [
        "",
        "!",
        "plain",
        &of_cost("4194304,t=1,p=1"),
        &of_cost("4294967295,t=1,p=1"),
        &of_cost("1048576,t=5,p=1"),
        &of_cost("64,t=4294967295,p=1"),
        &of_cost("1024,t=1,p=65"),
    ] {
        let hash = PasswordHash::new(stored.to_owned());
        assert_eq!(hasher.verify(&password("x"), &hash), Verdict::Mismatch, "{stored}");
    }
}

#[test]
fn a_hash_that_takes_more_than_all_the_room_never_matches_and_costs_nothing() {
    let large = HashCost { memory_kib: 2 << 10, ..CHEAP };
    let hash = Argon2Hasher::new(large).unwrap().hash(&password("x")).unwrap();
    for (room, is_verified) in [(2 << 20, true), ((2 << 20) - 1, false), (1024, false)] {
        let hasher = Argon2Hasher::new(CHEAP).unwrap().with_room(room);
        let matches = hasher.verify(&password("x"), &hash) != Verdict::Mismatch;
        assert_eq!((matches, hasher.can_verify(&hash)), (is_verified, is_verified), "{room}");
        assert_eq!(hasher.room_for(&hash), if is_verified { 2 << 10 } else { 0 }, "{room}");
        let trouble = HashRoom::new(CHEAP, room).trouble(hash.expose());
        assert_eq!(trouble, (!is_verified).then_some(HashTrouble::TooLarge), "{room}");
    }
    // What new ones take is planned for.
    let hasher = Argon2Hasher::new(large).unwrap().with_room(1024);
    assert_eq!(hasher.verify(&password("x"), &hash), Verdict::Match);
    assert_eq!(hasher.room_for(&hash), 0);
}

/// Hashes that a real Django 5.2 has made, with the passwords.
const OF_DJANGO: &str = include_str!("../../../tests/contract/hashes.json");

#[derive(serde::Deserialize)]
struct Example {
    algorithm: String,
    encoded: String,
    password: String,
}

fn examples_of(algorithm: &str) -> Vec<Example> {
    let all: Vec<Example> = serde_json::from_str(OF_DJANGO).unwrap();
    let wanted: Vec<_> = all.into_iter().filter(|one| one.algorithm == algorithm).collect();
    assert!(!wanted.is_empty(), "no example of {algorithm}");
    wanted
}

fn verdict(typed: &str, encoded: &str) -> Verdict {
    let hasher = Argon2Hasher::new(CHEAP).unwrap();
    hasher.verify(&password(typed), &PasswordHash::new(encoded.to_owned()))
}

/// What matches is to be replaced, and no other password matches.
fn assert_verifies(algorithm: &str) {
    for Example { encoded, password, .. } in examples_of(algorithm) {
        assert_eq!(verdict(&password, &encoded), Verdict::MatchOutdated, "{encoded}");
        assert_eq!(verdict(&format!("{password}."), &encoded), Verdict::Mismatch, "{encoded}");
    }
}

#[test]
fn djangos_pbkdf2_sha256_is_verified() {
    assert_verifies("pbkdf2_sha256");
}

#[test]
fn djangos_pbkdf2_sha1_is_verified() {
    assert_verifies("pbkdf2_sha1");
}

#[test]
fn djangos_argon2_is_verified() {
    assert_verifies("argon2");
}

#[test]
fn djangos_bcrypt_is_verified() {
    assert_verifies("bcrypt");
}

#[test]
fn djangos_bcrypt_sha256_is_verified() {
    assert_verifies("bcrypt_sha256");
}

#[test]
fn djangos_scrypt_is_verified() {
    assert_verifies("scrypt");
}

#[test]
fn md5_is_verified_with_no_password() {
    for Example { encoded, password, .. } in examples_of("md5") {
        assert_eq!(verdict(&password, &encoded), Verdict::Mismatch);
    }
}

#[test]
fn passwords_count_as_djangos_do_to_the_last_byte() {
    let (x, e) = (|times| "x".repeat(times), format!("{}tail", "é".repeat(36)));
    let bcrypt = |hash: &str| format!("$2b$04$abcdefghijklmnopqrstuu{hash}");
    let with_sha = |hash: &str| format!("bcrypt_sha256${}", bcrypt(hash));
    // Made by Django 5.2 with bcrypt 4.0 and argon2-cffi 25.1.
    for (password, encoded) in [
        ("a\0b", "pbkdf2_sha256$1$s$DvhifWe9+faKTil8MQw9Ir2/odDjq4KPf3z5o7z1bZQ=".to_owned()),
        (&"p".repeat(200), "pbkdf2_sha256$2$sält$kcrz5z+7myOKtWyQZ2kvIibwM/bsxrAvdJ9QOGFXnSE=".to_owned()),
        ("", "pbkdf2_sha1$3$salt$DOv7GCXTjOkdtKaaC553ayojI+s=".to_owned()),
        ("", "scrypt$16$salt$2$3$w11n2XGVWO2EagJbHKgqHJoXXZKnRNRWd/8R9xcSTbg5977Gtghk9YF+5oyWXMCHpGgeKantT1cHP5JcdMrVQA==".to_owned()),
        ("a\0b", "scrypt$2$salt$1$1$KJS9EzFUL6T99eSTeLvdNwPlcF3isZiEH/CXU6gaPgvE13ReELRILYRX2BVsmKs3mGeXif3l63cLPW5NyCwLBQ==".to_owned()),
        ("a\0b", bcrypt("sjHI0zQHpOe3SFDK1IriYv6N79Gzr32")),
        ("", bcrypt("byCG3zY1GIXMyxfivm.ClDiInHzxjiq")),
        (&x(72), bcrypt("bzadhGtS2zEF.gu0yd0opP6cVzb.e0i")),
        // Beyond 72 bytes plain bcrypt never looked.
        (&x(80), bcrypt("bzadhGtS2zEF.gu0yd0opP6cVzb.e0i")),
        (&e, bcrypt("KiIlCeXB6chNXkLyAo8C7XcLPzh6zUe")),
        ("a", "bcrypt$$2y$04$abcdefghijklmnopqrstuuMFdJu9yVgmagVAIC24fOZkaFqd3s9JC".to_owned()),
        ("a", "$2a$04$abcdefghijklmnopqrstuuMFdJu9yVgmagVAIC24fOZkaFqd3s9JC".to_owned()),
        ("a\0b", with_sha("9L9OfUs9F74zk2lLltZHjsngJvSteCG")),
        ("", with_sha("AGUtA0XVhWMYe2lvlA94phs07MYN67C")),
        (&x(80), with_sha("VTgWIlfVafOdCoNj73.S3YIYkZL7g7S")),
        ("a\0é", "argon2$argon2i$v=16$m=64,t=1,p=3$c29tZXNhbHQ$ZfLOhCi5KFaQgjc1GDSl6pZ5+qMkPNAP".to_owned()),
        ("a\0é", "argon2$argon2i$m=64,t=1,p=3$c29tZXNhbHQ$ZfLOhCi5KFaQgjc1GDSl6pZ5+qMkPNAP".to_owned()),
        ("a\0é", "argon2$argon2d$v=19$m=64,t=1,p=3$c29tZXNhbHQ$T3OZLAOrs/pJgkdP5+At3GhchcrUSEI2".to_owned()),
        ("a\0é", "$argon2id$v=19$m=64,t=1,p=3$c29tZXNhbHQ$7eXgxBcm7wHEZ81Iensu51PBfxJqzRIt".to_owned()),
    ] {
        assert_eq!(verdict(password, &encoded), Verdict::MatchOutdated, "{encoded}");
        let other = format!("other {password}");
        assert_eq!(verdict(&other, &encoded), Verdict::Mismatch, "{encoded}");
    }
    assert_eq!(verdict(&x(71), &bcrypt("bzadhGtS2zEF.gu0yd0opP6cVzb.e0i")), Verdict::Mismatch);
}

/// Good hashes that cost little, of `"secret"`.
const LITTLE: [&str; 5] = [
    "pbkdf2_sha256$1$salt$ON9CizCTCOSMNofn+QvaDpzyU1aMIex1Sg4HarSrZCM=",
    "bcrypt$$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
    "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuraR8y8jUb0UMmCc9fwl/YxKZSpSs52u",
    "scrypt$2$salt$1$1$Mg+j147YoCdA+qrUwvASXtMPpt7O8kuKFUTqdS+qQGDWyflITJGX7esL3bHOMysiMO3h09xR49a/I+RElwXRSA==",
    "argon2$argon2i$v=19$m=512,t=2,p=2$c2FsdHNhbHQ$hw4HtuQ4rvWqS/2da5AYVw",
];

/// How they begin: by that it is decided who reads them.
const BEGIN: [&str; 5] =
    ["pbkdf2_sha256$", "bcrypt$$2b$04$", "bcrypt_sha256$$2b$04$", "scrypt$", "argon2$argon2i$"];

proptest! {
    #[test]
    fn any_text_is_read_and_none_matches(kind in 0..BEGIN.len(), rest: String, is_bare: bool) {
        let text = if is_bare { rest } else { format!("{}{rest}", BEGIN[kind]) };
        prop_assert!(hash_kind(&text).trouble.is_some());
        prop_assert_eq!(verdict("secret", &text), Verdict::Mismatch);
    }

    #[test]
    fn a_hash_of_which_a_byte_was_changed_matches_only_if_it_still_says_the_same(
        kind in 0..LITTLE.len(), at: prop::sample::Index, to in " -~",
    ) {
        let good = LITTLE[kind];
        let at = at.index(good.len());
        let changed = format!("{}{to}{}", &good[..at], &good[at + 1..]);
        let parts = |text: &str| Encoded::read(text).ok().map(|hash| (hash.recipe, hash.salt, hash.output));
        if let Some(parts_of_changed) = parts(&changed)
            && parts_of_changed.0.cost() == parts(good).unwrap().0.cost()
        {
            let is_same = Some(parts_of_changed) == parts(good);
            prop_assert_eq!(verdict("secret", &changed) != Verdict::Mismatch, is_same);
        }
    }
}
