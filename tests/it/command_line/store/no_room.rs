//! Bringing back where there is no room for it.

use super::*;
use crate::harness::command::{AUTHGATE, run};
use crate::harness::full_disk::FullDisk;
use std::process::Command;

/// Adds users to a backup, so that it takes some room.
fn swell(file: &std::path::Path) {
    let sql = "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
               INSERT INTO users (id, username, email, password, is_active, is_staff, joined, epoch)
               SELECT i, 'user' || i, '', hex(zeroblob(600)), TRUE, FALSE, i, 0 FROM n";
    tamper(file, sql);
}

#[test]
fn a_restore_into_a_redis_without_memory_says_what_to_do_and_leaves_nothing_to_serve() {
    let redis = RedisServer::start();
    let (mut gateway, file) = gateway(&redis.settings());
    let token = gateway.register("ada");
    back_up(&gateway, &file).done();
    swell(&file);
    gateway.kill();
    let about: String = redis.ask(&["INFO", "memory"]);
    let used = about.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    // Enough for some of it.
    let most = used.trim().parse::<u64>().unwrap() + (1 << 20);
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", &most.to_string()]);
    for _ in 0..2 {
        let flags = ["--replace", "--yes", "--keep-tokens"];
        let begun = std::time::Instant::now();
        let said = restore(&gateway, &file, &flags);
        assert_eq!(said.code, Some(1), "{said:?}");
        for words in ["its memory is full", "not whole", "`authgate store restore` again"] {
            assert!(said.stderr.contains(words), "{words}: {said:?}");
        }
        // It does not pass by itself.
        assert!(begun.elapsed().as_secs() < 15, "{said:?}");
        for verb in [&["serve"][..], &["user", "list"], &["overview"]] {
            assert!(gateway.run(verb).says("has not come to its end here"), "{verb:?}");
        }
    }
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    restore(&gateway, &file, &["--keep-tokens"]).done();
    gateway.restart();
    assert_eq!(gateway.status_of(&token), 502);
    gateway.run(&["store", "verify"]).done();
    assert_eq!(redis.ask::<u64>(&["ZCARD", "authgate:users"]), 1992);
}

#[test]
fn a_redis_that_takes_nothing_at_all_stays_as_it_was() {
    let redis = RedisServer::start();
    let (mut gateway, file) = gateway(&redis.settings());
    let token = gateway.register("ada");
    back_up(&gateway, &file).done();
    gateway.kill();
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    let said = restore(&gateway, &file, &["--replace", "--yes"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("its memory is full"), "{said:?}");
    assert!(said.stderr.contains("nothing was changed"), "{said:?}");
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    gateway.restart();
    assert_eq!(gateway.status_of(&token), 502);
}

#[test]
fn a_restore_into_a_file_on_a_full_disk_says_so_and_changes_nothing() {
    let (mut gateway, file) = gateway("");
    gateway.register("ada");
    back_up(&gateway, &file).done();
    swell(&file);
    let later = gateway.register("bob");
    gateway.kill();
    let disk = FullDisk::below(gateway.folder());
    disk.fill();
    let config = gateway.folder().join("authgate.toml").display().to_string();
    let restore = ["store", "restore", "--replace", "--yes", "--config", &config];
    let mut program = Command::new(AUTHGATE);
    disk.hold_for(program.args(restore).arg(&file));
    let said = run(&mut program, "");
    assert_eq!(said.code, Some(1), "{said:?}");
    for words in ["disk is full", "as it was", "make room"] {
        assert!(said.stderr.contains(words), "{words}: {said:?}");
    }
    gateway.restart();
    assert_eq!(gateway.status_of(&later), 502);
    gateway.run(&["store", "verify"]).done();
    gateway.run(&["store", "restore", "--replace", "--yes", file.to_str().unwrap()]).done();
    assert_eq!(gateway.try_login("bob").status, 400);
}
