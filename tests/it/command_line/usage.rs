//! How the command line is used, and what it says of itself.

use crate::harness::command::authgate;

const VERBS: &[&[&str]] = &[
    &["serve"],
    &["demo"],
    &["check"],
    &["user"],
    &["user", "create"],
    &["user", "list"],
    &["user", "show"],
    &["user", "set-password"],
    &["user", "set-email"],
    &["user", "activate"],
    &["user", "deactivate"],
    &["user", "promote"],
    &["user", "demote"],
    &["user", "must-change"],
    &["user", "reset-totp"],
    &["user", "sign-out"],
    &["user", "delete"],
    &["token"],
    &["token", "list"],
    &["token", "find"],
    &["token", "create"],
    &["token", "revoke"],
    &["token", "revoke-all"],
    &["events"],
    &["store"],
    &["store", "backup"],
    &["store", "restore"],
    &["store", "copy"],
    &["store", "verify"],
    &["store", "stats"],
];

#[test]
fn every_verb_has_help() {
    for verb in VERBS {
        let outcome = authgate(&[verb, &["--help"][..]].concat(), "");
        assert_eq!(outcome.code, Some(0), "{verb:?}: {outcome:?}");
        assert!(outcome.stdout.contains("Usage: authgate"), "{verb:?}: {outcome:?}");
    }
}

#[test]
fn wrong_usage_is_2() {
    let wrong: &[&[&str]] = &[
        &["unknown"],
        &["serve", "--unknown"],
        &["user", "unknown"],
        &["user", "show"],
        &["user", "show", "alice", "bob"],
        &["token", "create"],
        &["token", "create", "alice", "--lifetime", "soon"],
        &["events", "--name", "unknown"],
        &["events", "--address", "nowhere"],
        &["events", "--actor", "somebody"],
        &["limits", "deny", "nowhere"],
        &["limits", "deny", "192.0.2.1", "--for", "never"],
        &["events", "--since", "never"],
        &["events", "--limit", "0"],
    ];
    for arguments in wrong {
        let outcome = authgate(arguments, "");
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {outcome:?}");
        assert!(outcome.stdout.is_empty(), "{arguments:?}: {outcome:?}");
    }
}
