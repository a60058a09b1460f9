//! What whoever gets hold of the store's files finds in them.

use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use std::fs;
use std::path::Path;

/// All bytes of the files in a folder.
fn bytes_in(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(bytes_in(&path));
        } else if path.is_file() {
            bytes.extend(fs::read(path).unwrap());
        }
    }
    bytes
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// Tokens that live and that have ended, and what the files must not have of them.
fn leave_tokens(gateway: &Gateway) -> Vec<String> {
    let mut tokens = vec![gateway.register("alice"), gateway.login("alice")];
    tokens.push(gateway.run(&["token", "create", "alice"]).done().stdout.trim().to_owned());
    for token in &tokens {
        assert_ne!(gateway.status_of(token), 401);
    }
    tokens
}

fn assert_nothing_can_be_replayed(bytes: &[u8], tokens: &[String]) {
    assert!(holds(bytes, b"alice"), "these are not the store's files");
    assert!(holds(bytes, b"$argon2id$"), "the hash is somewhere else");
    assert!(!holds(bytes, PASSWORD.as_bytes()), "the password stands there");
    for token in tokens {
        assert!(!holds(bytes, token.as_bytes()), "a token stands there");
        assert!(!holds(bytes, &hex::decode(token).unwrap()), "a token's bytes stand there");
    }
}

#[test]
fn a_copy_of_the_file_has_nothing_that_can_be_replayed() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let tokens = leave_tokens(&gateway);
    assert_nothing_can_be_replayed(&bytes_in(gateway.folder()), &tokens);
}

#[test]
fn a_copy_of_what_redis_has_has_nothing_that_can_be_replayed() {
    let upstream = Upstream::start();
    let redis = RedisServer::start_with(&["--appendonly", "yes", "--rdbcompression", "no"]);
    let gateway = Gateway::start(&(redis.settings() + &upstream.settings()));
    let tokens = leave_tokens(&gateway);
    redis.ask::<()>(&["SAVE"]);
    assert_nothing_can_be_replayed(&bytes_in(redis.folder()), &tokens);
}
