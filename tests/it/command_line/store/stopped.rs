//! What is stopped before it is done.

use super::*;
use crate::harness::command::AUTHGATE;
use crate::harness::eventually;
use std::fs;
use std::process::{Command, Stdio};

const SIGNALS: [(&str, i32); 2] = [("INT", 130), ("TERM", 143)];

/// What is on its way in a gateway's folder.
fn drafts(gateway: &Gateway) -> Vec<String> {
    let names = fs::read_dir(gateway.folder()).unwrap().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains(".part")).collect()
}

/// Stops a command by a signal once it has begun a file, and this holds of what there is of it.
fn stop(gateway: &Gateway, verb: &[&str], signal: &str, is_due: impl Fn(u64) -> bool) -> Outcome {
    let config = gateway.folder().join("authgate.toml");
    let program = Command::new(AUTHGATE)
        .arg("store")
        .args(verb)
        .arg("--config")
        .arg(config)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("a file on its way", || {
        let file = |name: &String| gateway.folder().join(name).join("authgate.db");
        let bytes = |name: &String| fs::metadata(file(name)).map(|it| it.len());
        drafts(gateway).iter().any(|name| bytes(name).is_ok_and(&is_due)).then_some(())
    });
    let sent = Command::new("kill").args(["-s", signal, &program.id().to_string()]).status();
    assert!(sent.unwrap().success());
    let output = program.wait_with_output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_backup_of_redis_that_is_stopped_leaves_nothing_behind_and_says_so() {
    let redis = RedisServer::start();
    let (gateway, file) = gateway(&redis.settings());
    gateway.register("ada");
    let path = file.to_str().unwrap();
    for (signal, code) in SIGNALS {
        fs::write(&file, "mine").unwrap();
        redis.freeze();
        let said = stop(&gateway, &["backup", path, "--force"], signal, |_| true);
        redis.thaw();
        assert_eq!((said.code, said.stdout.as_str()), (Some(code), ""), "{said:?}");
        assert!(said.stderr.contains("stopped before it was done"), "{said:?}");
        assert_eq!(drafts(&gateway), [""; 0]);
        assert_eq!(fs::read(&file).unwrap(), b"mine");
    }
    gateway.run(&["store", "backup", path, "--force"]).done();
}

#[test]
fn a_backup_of_a_file_that_is_stopped_leaves_nothing_behind_and_says_so() {
    let (gateway, file) = gateway("");
    gateway.register("ada");
    let sql = "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 15000)
               INSERT INTO users (id, username, email, password, is_active, is_staff, joined, epoch)
               SELECT i, 'user' || i, '', hex(zeroblob(400)), TRUE, FALSE, i, 0 FROM n";
    tamper(&gateway.folder().join("authgate.db"), sql);
    let path = file.to_str().unwrap();
    for (signal, code) in SIGNALS {
        // In the middle of what SQLite does by itself.
        let said = stop(&gateway, &["backup", path], signal, |bytes| bytes > 1 << 20);
        assert_eq!((said.code, said.stdout.as_str()), (Some(code), ""), "{said:?}");
        assert!(said.stderr.contains("stopped before it was done"), "{said:?}");
        assert_eq!(drafts(&gateway), [""; 0]);
        assert!(!file.exists());
    }
    gateway.run(&["store", "backup", path]).done();
}

#[test]
fn a_copy_that_is_stopped_leaves_nothing_behind_and_says_so() {
    let redis = RedisServer::start();
    let (mut gateway, _) = gateway(&redis.settings());
    gateway.register("ada");
    gateway.kill();
    let other = gateway.folder().join("other.db");
    let url = format!("sqlite:{}", other.display());
    for (signal, code) in SIGNALS {
        redis.freeze();
        let said = stop(&gateway, &["copy", &url], signal, |_| true);
        redis.thaw();
        assert_eq!((said.code, said.stdout.as_str()), (Some(code), ""), "{said:?}");
        assert!(said.stderr.contains("stopped before it was done"), "{said:?}");
        assert_eq!(drafts(&gateway), [""; 0]);
        assert!(!other.exists());
    }
    gateway.run(&["store", "copy", &url]).done();
}
