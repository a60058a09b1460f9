//! Saving.

use super::*;
use crate::harness::command::{AUTHGATE, run};
use crate::harness::eventually;
use crate::harness::http::Request;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn a_backup_has_all_that_was_answered_before_and_is_a_store() {
    for (settings, _server) in stores() {
        let (gateway, file) = gateway(&settings);
        gateway.run(&["user", "create", "ada", "--staff", "--generate"]).done();
        let token = gateway.register("bob");
        gateway.run(&["key", "create", "ada", "test", "--all-rights"]).done();
        gateway.run(&["limits", "allow", "192.0.2.0/24"]).done();
        gateway.login("bob");
        // Events come a moment after what they tell of.
        eventually("the login among the events", || {
            gateway.run(&["events"]).done().says("login_succeeded").then_some(())
        });
        let said = back_up(&gateway, &file).done();
        assert!(said.stdout.contains("2 users, 2 tokens, 2 items"), "{said:?}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let url = format!("sqlite:{}", file.display());
        let shown = gateway.run(&["store", "stats", "--json", "--store", &url]).done().json();
        assert_eq!((&shown["users"], &shown["good_tokens"]), (&2.into(), &2.into()), "{shown}");
        assert_eq!(shown["schema"], 5);
        let said = gateway.run(&["store", "verify", file.to_str().unwrap()]).done();
        assert_eq!(said.stdout, "All is well.\n");
        // Not what belongs to a moment: sessions, and the door for the first operator.
        let passing = "SELECT count(*) FROM items WHERE kind IN ('session', 'setup', 'lock')";
        assert_eq!(number(&file, passing), 0);
        assert!(number(&file, "SELECT count(*) FROM events") > 3);
        assert_eq!(number(&file, "SELECT count(*) FROM familiar"), 1);
        // Nor is anything in it that a client holds.
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(token.len()).any(|some| some == token.as_bytes()));
        assert!(gateway.run(&["events", "--name", "store_saved"]).done().says("2 users, 2 tokens"));
    }
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_that_is_said() {
    let (gateway, file) = gateway("");
    fs::write(&file, "mine").unwrap();
    let said = back_up(&gateway, &file);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("is there already; --force replaces it"), "{said:?}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    gateway.run(&["store", "backup", "--force", file.to_str().unwrap()]).done();
    assert!(fs::read(&file).unwrap().starts_with(b"SQLite format 3"));
    let missing = gateway.folder().join("missing").join("backup.db");
    let said = back_up(&gateway, &missing);
    assert!(said.code == Some(1) && said.stderr.contains("there is no folder"), "{said:?}");
}

#[test]
fn a_backup_for_which_there_is_no_room_leaves_no_file() {
    for (settings, _server) in stores() {
        let (gateway, file) = gateway(&settings);
        let old = gateway.folder().join("old.db");
        for number in 0..40 {
            let name = format!("user{number}-{}", "x".repeat(120));
            gateway.run(&["user", "create", &name, "--generate"]).done();
        }
        back_up(&gateway, &old).done();
        let before = fs::read(&old).unwrap();
        let config = gateway.folder().join("authgate.toml").display().to_string();
        // In steps of 1 KiB, or 512 bytes: either is too little for the whole, and enough for some.
        let limited = "trap '' XFSZ; ulimit -f 90; exec \"$@\"";
        for flags in [vec![file.to_str().unwrap()], vec!["--force", old.to_str().unwrap()]] {
            let mut program = Command::new("sh");
            program.args(["-c", limited, "sh", AUTHGATE, "store", "backup", "--config", &config]);
            let said = run(program.args(flags), "");
            assert_eq!(said.code, Some(1), "{said:?}");
            assert!(said.stderr.contains("cannot write"), "{said:?}");
        }
        assert!(!file.exists());
        assert!(fs::read(&old).unwrap() == before);
        let left = fs::read_dir(gateway.folder()).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().contains(".part")), "{left:?}");
    }
}

#[test]
fn a_store_that_is_damaged_takes_the_place_of_no_backup() {
    let (mut gateway, file) = gateway("");
    gateway.register("ada");
    back_up(&gateway, &file).done();
    let before = fs::read(&file).unwrap();
    gateway.kill();
    let store = gateway.folder().join("authgate.db");
    tamper(
        &store,
        "PRAGMA wal_checkpoint(truncate); PRAGMA writable_schema = on;
                    UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'users_by_name'",
    );
    let said = gateway.run(&["store", "backup", "--force", file.to_str().unwrap()]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("it is damaged"), "{said:?}");
    assert!(fs::read(&file).unwrap() == before);
}

#[test]
fn what_is_not_ours_is_neither_saved_nor_brought_back() {
    let (gateway, file) = gateway("");
    let other = gateway.folder().join("other.db");
    tamper(&other, "CREATE TABLE diary (page TEXT)");
    let url = format!("sqlite:{}", other.display());
    for verb in [
        vec!["store", "backup", file.to_str().unwrap(), "--store", &url],
        vec!["store", "restore", other.to_str().unwrap()],
        vec!["store", "verify", other.to_str().unwrap()],
    ] {
        let said = gateway.run(&verb);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stderr.contains("the database of another program"), "{said:?}");
    }
    let said = gateway.run(&["store", "verify", "nowhere.db"]);
    assert!(said.stderr.contains("there is no such file"), "{said:?}");
    tamper(&other, "PRAGMA application_id = 1635087463; PRAGMA user_version = 9");
    let said = gateway.run(&["store", "restore", other.to_str().unwrap()]);
    assert!(said.stderr.contains("schema has version 9"), "{said:?}");
    assert_eq!(gateway.send(&Request::get("/app")).status, 401);
    assert!(!file.exists());
}

#[test]
fn a_log_of_which_sqlite_would_drop_what_was_kept_is_refused_by_every_command() {
    let (mut gateway, file) = gateway("");
    back_up(&gateway, &file).done();
    let before = fs::read(&file).unwrap();
    for name in ["ada", "bob", "eve"] {
        gateway.register(name);
    }
    gateway.kill();
    let log = gateway.folder().join("authgate.db-wal");
    let mut damaged = fs::read(&log).unwrap();
    damaged[32 + 24 + 100] ^= 1;
    fs::write(&log, &damaged).unwrap();
    let url = format!("sqlite:{}", gateway.folder().join("authgate.db").display());
    let (new, other) = (gateway.folder().join("new.db"), gateway.folder().join("other.db"));
    let other = format!("sqlite:{}", other.display());
    let store = gateway.folder().join("authgate.db");
    for verb in [
        vec!["store", "backup", "--force", file.to_str().unwrap()],
        vec!["store", "backup", new.to_str().unwrap()],
        vec!["store", "stats"],
        vec!["store", "copy", &other],
        vec!["store", "restore", store.to_str().unwrap(), "--store", &other],
    ] {
        let said = gateway.run(&verb);
        assert_eq!(said.code, Some(1), "{verb:?}: {said:?}");
        assert!(said.stderr.contains("write-ahead log is wrong"), "{verb:?}: {said:?}");
    }
    let said = gateway.run(&["store", "verify", "--store", &url, "--repair"]);
    assert!(said.stdout.contains("wrong: frame 1 of its write-ahead log is wrong"), "{said:?}");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(fs::read(&file).unwrap() == before && !new.exists());
    assert!(fs::read(&log).unwrap() == damaged);
}

#[test]
fn a_backup_takes_the_place_neither_of_its_store_nor_of_what_another_uses() {
    let (gateway, file) = gateway("");
    let token = gateway.register("ada");
    let forced = |to: &std::path::Path| {
        let said = gateway.run(&["store", "backup", "--force", to.to_str().unwrap()]);
        assert_eq!(said.code, Some(1), "{said:?}");
        said.stderr
    };
    let store = gateway.folder().join("authgate.db");
    let before = fs::read(&store).unwrap();
    assert!(forced(&store).contains("is in use, or was"));
    // By another name nothing is beside it.
    fs::hard_link(&store, &file).unwrap();
    assert!(forced(&file).contains("is the store itself"));
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&store, &file).unwrap();
    assert!(forced(&file).contains("is no ordinary file"));
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    assert!(forced(&file).contains("is no ordinary file"));
    fs::remove_file(&file).unwrap();
    assert!(fs::read(&store).unwrap() == before);
    for ending in ["-wal", "-journal"] {
        let left = gateway.folder().join(format!("backup.db{ending}"));
        fs::write(&left, "of another").unwrap();
        assert!(forced(&file).contains("is in use, or was"));
        assert!(!back_up(&gateway, &file).stderr.is_empty() && !file.exists());
        fs::write(&file, "mine").unwrap();
        assert!(forced(&file).contains(ending));
        assert_eq!(fs::read(&file).unwrap(), b"mine");
        fs::remove_file(&file).unwrap();
        fs::remove_file(&left).unwrap();
    }
    back_up(&gateway, &file).done();
    assert_eq!(gateway.status_of(&token), 502);
}

#[test]
fn what_was_never_committed_is_neither_saved_nor_counted() {
    let (gateway, file) = gateway("");
    back_up(&gateway, &file).done();
    tamper(
        &file,
        "WITH RECURSIVE some(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM some WHERE id < 200)
         INSERT INTO users (id, username, email, password, is_active, is_staff, joined, epoch)
         SELECT id, 'user' || id, '', hex(zeroblob(400)), TRUE, FALSE, 1, 0 FROM some",
    );
    let left = gateway.folder().join("left.db");
    let make = || {
        let db = Connection::open(&file).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = delete; PRAGMA cache_size = 2;
             BEGIN; UPDATE users SET is_staff = TRUE, email = hex(zeroblob(400)) || id",
        )
        .unwrap();
        for ending in ["", "-journal"] {
            let from = format!("{}{ending}", file.display());
            fs::copy(from, format!("{}{ending}", left.display())).unwrap();
        }
    };
    let url = format!("sqlite:{}", left.display());
    make();
    let shown = gateway.run(&["store", "stats", "--json", "--store", &url]).done().json();
    assert_eq!((&shown["users"], &shown["staff"]), (&200.into(), &0.into()), "{shown}");
    make();
    let said = gateway.run(&["store", "verify", left.to_str().unwrap()]).done();
    assert_eq!(said.stdout, "All is well.\n");
    make();
    let saved = gateway.folder().join("saved.db");
    gateway.run(&["store", "backup", saved.to_str().unwrap(), "--store", &url]).done();
    assert_eq!(number(&saved, "SELECT count(*) FROM users WHERE is_staff"), 0);
}

#[test]
fn a_name_that_sqlite_could_take_for_a_uri_is_a_name() {
    let (gateway, _) = gateway("");
    gateway.register("ada");
    let config = gateway.folder().join("authgate.toml").display().to_string();
    let name = "file:backup.db?mode=memory";
    let file = gateway.folder().join(name);
    let run_in_folder = |verb| {
        let mut program = Command::new(AUTHGATE);
        program.current_dir(gateway.folder()).args(["store", verb, "--config", &config, name]);
        run(&mut program, "")
    };
    run_in_folder("backup").done();
    assert_eq!(number(&file, "SELECT count(*) FROM users"), 1);
    run_in_folder("verify").done();
    tamper(&file, "UPDATE users SET tokens = 7");
    let said = run_in_folder("verify");
    assert!(said.stdout.contains("user 1 is counted with 7 tokens"), "{said:?}");
}
