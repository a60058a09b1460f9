//! A backup that was not brought back to the end.

use super::*;
use crate::harness::eventually;

#[test]
fn a_restore_into_redis_that_is_killed_leaves_nothing_to_serve_and_is_made_up_for() {
    let redis = RedisServer::start();
    let (mut gateway, file) = gateway(&redis.settings());
    let token = gateway.register("ada");
    let ended = gateway.register("bob");
    back_up(&gateway, &file).done();
    gateway.run(&["token", "revoke-all", "bob"]).done();
    gateway.register("eve");
    eventually("the event", || {
        gateway.run(&["events", "--user", "eve"]).done().says("registered").then_some(())
    });
    gateway.kill();
    let sql = "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
               INSERT INTO users (id, username, email, password, is_active, is_staff, joined, epoch)
               SELECT i, 'user' || i, '', 'hash', TRUE, FALSE, i, 0 FROM n";
    tamper(&file, sql);
    let config = gateway.folder().join("authgate.toml");
    let mut killed = std::process::Command::new(crate::harness::command::AUTHGATE)
        .args(["store", "restore", file.to_str().unwrap(), "--replace", "--yes", "--keep-tokens"])
        .args(["--config", config.to_str().unwrap()])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let users = || redis.ask::<u64>(&["ZCARD", "authgate:users"]);
    eventually("some users", || (users() > 100).then_some(()));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(users() < 2993);
    assert!(gateway.run(&["serve"]).says("has not come to its end here"));
    // What there is is a part of what was saved: nobody has to say again that it may be replaced.
    restore(&gateway, &file, &["--keep-tokens"]).done();
    gateway.restart();
    assert_eq!(gateway.status_of(&token), 502);
    assert_eq!(gateway.status_of(&ended), 401);
    // Nor is anything lost of what has happened.
    assert!(gateway.run(&["events", "--user", "eve"]).done().says("registered"));
    assert!(gateway.run(&["events", "--user", "bob"]).done().says("tokens_revoked"));
    gateway.run(&["store", "verify"]).done();
    assert_eq!(users(), 2993);
}

/// A Redis in which a restore was stopped, with one user in the backup.
fn half(mark: &str) -> (RedisServer, Gateway, PathBuf) {
    let redis = RedisServer::start();
    let (mut gateway, file) = gateway(&redis.settings());
    gateway.register("ada");
    back_up(&gateway, &file).done();
    gateway.kill();
    redis.ask::<String>(&["SET", "authgate:restoring", mark]);
    (redis, gateway, file)
}

#[test]
fn no_gateway_serves_what_was_not_wholly_brought_back_and_no_command_changes_it() {
    let (redis, mut gateway, file) = half("1");
    // Half of a store has much that is wrong with it: none of it is to be put right.
    redis.ask::<()>(&["SET", "authgate:name:{ghost}", "99"]);
    let copy = gateway.folder().join("copy.db");
    for verb in [
        &["serve"][..],
        &["user", "create", "eve", "--generate"],
        &["user", "deactivate", "ada"],
        &["token", "create", "ada", "--name", "one"],
        &["user", "list"],
        &["overview"],
        &["overview", "--json"],
        &["explain", "GET", "/app", "--user", "ada"],
        &["explain", "GET", "/app", "--token", "unknown"],
        &["events"],
        &["token", "list"],
        &["key", "list", "ada"],
        &["limits", "show"],
        &["store", "backup", copy.to_str().unwrap()],
        &["store", "stats"],
    ] {
        let said = gateway.run(verb);
        assert_eq!(said.code, Some(1), "{verb:?}: {said:?}");
        assert!(said.says("has not come to its end here"), "{verb:?}: {said:?}");
    }
    for flags in [&["store", "verify"][..], &["store", "verify", "--repair"]] {
        let said = gateway.run(flags);
        assert_eq!(said.code, Some(1), "{said:?}");
        let words = "wrong: bringing back a backup, or copying a store, has not come to its end here: run \
                     the same `authgate store copy` or `authgate store restore` again\n";
        assert_eq!(said.stdout, words, "{said:?}");
    }
    // Nobody knows whose tokens had ended.
    let said = restore(&gateway, &file, &["--replace", "--yes", "--keep-tokens"]);
    assert!(said.code == Some(1) && said.stderr.contains("they cannot be kept"), "{said:?}");
    restore(&gateway, &file, &[]).done();
    gateway.restart();
    assert_eq!(gateway.try_login("ada").status, 200);
}

#[test]
fn where_nothing_was_taken_away_yet_it_must_be_said_that_it_may_be() {
    let (redis, gateway, file) = half("begun");
    let said = restore(&gateway, &file, &[]);
    assert!(said.code == Some(1) && said.stderr.contains("already; --replace"), "{said:?}");
    restore(&gateway, &file, &["--replace", "--yes", "--keep-tokens"]).done();
    assert_eq!(redis.ask::<u64>(&["EXISTS", "authgate:restoring", "authgate:restoring-users"]), 0);
}
