//! Hashes of Argon2, as libargon2 reads and verifies them, by which Django does.

use super::*;

#[test]
fn djangos_argon2_is_verified_whatever_salt_size_and_lanes_it_was_made_with() {
    // Made by argon2-cffi 25.1, which verifies them.
    let salt = |times| "c2FsdHNhbHRzYWx0".repeat(times);
    for rest in [
        &format!(
            "id$v=19$m=64,t=1,p=1${}c2FsdHNhbHRzYWx0c2FsdA$9umTVibPNTkTGmzie/iEBV41GzcbK4jaDyxSrUjiaxw",
            salt(4)
        ),
        &format!("id$v=19$m=64,t=1,p=1${}$5CNSZ0rSvUDJAjXN7woFcg+4nXXdkLGlBfeEckZw/fQ", salt(8)),
        "id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$XQ7yvD2XxGM",
        "id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$YLiYAg",
        "id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$gWXxGw9/0f7K2K/nxPZ90TqcUdTebFoDLAnlLUFXzMdfxXH95f9pm69PwSq5DGmu30/Z+A7Bw4A4azCM79cZMXXf1hOnsygekEOrzbAubhrcxKI8BT0M7ISQJe4PnlJ95Lx6AjutUmxWHPxxB8qG4zuFMtrpSCGf7QG2G6gAO10",
        "id$v=19$m=800,t=1,p=100$c29tZXNhbHQ$uwYjhLeyrYGg36Y2So+J3g",
        "i$v=19$m=1024,t=1,p=65$c29tZXNhbHQ$c5kMynnFFFz6H37NRG7qmA",
    ] {
        for name in ["argon2$argon2", "$argon2"] {
            let encoded = format!("{name}{rest}");
            assert_eq!(hash_kind(&encoded).trouble, None, "{encoded}");
            assert_ne!(verdict("a\0é", &encoded), Verdict::Mismatch, "{encoded}");
            assert_eq!(verdict("a\0e", &encoded), Verdict::Mismatch, "{encoded}");
        }
    }
}

#[test]
fn lanes_so_short_that_they_take_longer_are_borne_for_half_the_passes() {
    for (cost, trouble) in [
        ("m=1048576,t=4,p=64", None),
        ("m=1048576,t=4,p=65", Some(HashTrouble::TooCostly)),
        ("m=1048576,t=2,p=131072", None),
        ("m=1048576,t=3,p=131072", Some(HashTrouble::TooCostly)),
        ("m=1048576,t=1,p=131073", Some(HashTrouble::Malformed)),
    ] {
        let encoded = format!("argon2$argon2id$v=19${cost}$c29tZXNhbHQ$XQ7yvD2XxGM");
        assert_eq!(hash_kind(&encoded).trouble, trouble, "{cost}");
    }
}

#[test]
fn what_libargon2_does_not_read_is_broken() {
    let good = "argon2$argon2id$v=19$m=64,t=1,p=3$c29tZXNhbHQ$7eXgxBcm7wHEZ81Iensu51PBfxJqzRIt";
    assert_eq!(verdict("a\0é", good), Verdict::MatchOutdated);
    for (part, other) in [
        ("m=64,t=1", "t=1,m=64"),
        ("m=64", "m=064"),
        ("m=64", "m=23"),
        ("p=3", "p=3,keyid=AAAA"),
        ("p=3", "p=3,"),
        ("v=19", "v=019"),
        ("v=19", "v=18"),
        ("c29tZXNhbHQ", "c29tZXNhbHR"),
        ("c29tZXNhbHQ", "c29tZXNhbHQ="),
        ("c29tZXNhbHQ", "c29tZXM"),
        ("7eXgxBcm7wHEZ81Iensu51PBfxJqzRIt", "7eXg"),
        ("RIt", "RIt$"),
        ("RIt", "RIt="),
    ] {
        let encoded = good.replace(part, other);
        let trouble = hash_kind(&encoded).trouble;
        assert_eq!(trouble, Some(HashTrouble::Malformed), "{encoded}");
        assert_eq!(verdict("a\0é", &encoded), Verdict::Mismatch, "{encoded}");
    }
}

#[test]
fn what_is_longer_than_any_hash_is_told_so() {
    let (salt, hash) = ("c2FsdHNhbHRzYWx0".repeat(31), "XQ7yvD2XxGM");
    for encoded in [
        format!("argon2$argon2id$v=19$m=64,t=1,p=1${salt}c2Fs${hash}"),
        format!("pbkdf2_sha256$1${salt}s$DvhifWe9+faKTil8MQw9Ir2/odDjq4KPf3z5o7z1bZQ="),
    ] {
        let why = hash_kind(&encoded).trouble.unwrap().to_string();
        assert_eq!(why, "the hash is longer than 512 bytes", "{}", encoded.len());
        assert_eq!(verdict("x", &encoded), Verdict::Mismatch);
    }
}

#[test]
fn a_hash_of_the_present_cost_but_of_another_size_is_outdated() {
    let encoded = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$XQ7yvD2XxGM";
    assert_eq!(verdict("a\0é", encoded), Verdict::MatchOutdated);
}
