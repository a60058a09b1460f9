//! Going through all there is.

use super::*;
use crate::harness::eventually;

#[test]
fn what_is_wrong_with_redis_is_told_and_mended() {
    let redis = RedisServer::start();
    let (mut gateway, _) = gateway(&redis.settings());
    let token = gateway.register("ada");
    gateway.register("bob");
    let verify = |flags: &[&str]| gateway.run(&[&["store", "verify"], flags].concat());
    assert_eq!(verify(&[]).done().stdout, "All is well.\n");
    // The gateway's first sweep, which mends some of it, too.
    eventually("indexes", || {
        (redis.ask::<u64>(&["EXISTS", "authgate:indexed:1"]) > 0).then_some(())
    });
    let key = "q6ur".repeat(10) + "q6s";
    let stray = format!("authgate:token:{{{key}}}");
    // Of user 1, without an end, of epoch 9.
    let record = format!("\u{1}\0\0\t{}", "a".repeat(32));
    redis.ask::<u64>(&["ZREM", "authgate:users", "1"]);
    redis.ask::<u64>(&["DEL", "authgate:users-by-name"]);
    redis.ask::<u64>(&["ZADD", "authgate:staff", "1", "1"]);
    redis.ask::<String>(&["SET", "authgate:name:{nobody}", "77"]);
    redis.ask::<String>(&["SET", &stray, &record]);
    redis.ask::<String>(&["SET", "authgate:next-user", "1"]);
    redis.ask::<String>(&["SET", "authgate:what", "1"]);
    redis.ask::<u64>(&["HSET", "authgate:items:{totp}", "k", "- 99 {}"]);
    let said = verify(&[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    for words in [
        "wrong, can be mended: user 1 is not among the users",
        "user 1 is not found as they are",
        "the name nobody is of user 77",
        "token abababababababab… of user 1 would be good once they end all tokens",
        "the next user would get a number up to 2",
        "wrong: nobody knows the key authgate:what",
        "an item of kind totp is of user 99",
    ] {
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
    }
    assert!(!said.stdout.contains(&key), "{said:?}");
    let said = verify(&["--repair"]);
    assert!(said.stdout.contains("mended: user 1 is not among the users"), "{said:?}");
    assert!(said.stderr.contains("one thing is wrong"), "{said:?}");
    assert_eq!(redis.ask::<u64>(&["EXISTS", &stray]), 0);
    assert_eq!(redis.ask::<u64>(&["GET", "authgate:next-user"]), 2);
    redis.ask::<u64>(&["DEL", "authgate:what"]);
    assert_eq!(verify(&[]).done().stdout, "All is well.\n");
    assert_eq!(gateway.status_of(&token), 502);
    gateway.restart();
    assert!(gateway.run(&["user", "list"]).done().says("ada"));
}

#[test]
fn tokens_that_redis_would_keep_or_lose_at_a_wrong_moment_are_told() {
    let redis = RedisServer::start();
    let (gateway, _) = gateway(&redis.settings());
    gateway.register("ada");
    let keys: Vec<String> = redis.ask(&["KEYS", "authgate:token:*"]);
    redis.ask::<u64>(&["PERSIST", &keys[0]]);
    let said = gateway.run(&["store", "verify"]);
    assert!(said.says("has an end, and Redis would keep it"), "{said:?}");
    gateway.run(&["store", "verify", "--repair"]).done();
    assert!(redis.ask::<i64>(&["PTTL", &keys[0]]) > 0);
    let list: Vec<String> = redis.ask(&["KEYS", "authgate:tokens:*"]);
    redis.ask::<u64>(&["DEL", &list[0]]);
    let said = gateway.run(&["store", "verify", "--repair"]).done();
    assert!(said.says("is not on the list of user 1"), "{said:?}");
    assert_eq!(redis.ask::<u64>(&["EXISTS", &keys[0]]), 0);
}

#[test]
fn half_a_user_is_told_and_never_brought_to_life() {
    let redis = RedisServer::start();
    let (gateway, _) = gateway(&redis.settings());
    gateway.register("ada");
    redis.ask::<u64>(&["DEL", "authgate:name:{ada}"]);
    let said = gateway.run(&["store", "verify", "--repair"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("user 1 does not own their name, ada"), "{said:?}");
    assert_eq!(gateway.try_login("ada").status, 400);
}

#[test]
fn a_store_in_use_is_well() {
    for (settings, _server) in stores() {
        let (gateway, _) = gateway(&settings);
        std::thread::scope(|scope| {
            let busy = scope.spawn(|| {
                for number in 0..60 {
                    let name = format!("user{number}");
                    let token = gateway.register(&name);
                    gateway.login(&name);
                    gateway
                        .send(&crate::harness::http::Request::post("/api/logout/").token(&token));
                }
            });
            while !busy.is_finished() {
                assert_eq!(gateway.run(&["store", "verify"]).done().stdout, "All is well.\n");
            }
        });
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told_and_mended() {
    let (gateway, file) = gateway("");
    gateway.register("ada");
    gateway.register("bob");
    back_up(&gateway, &file).done();
    let path = file.to_str().unwrap();
    tamper(
        &file,
        "PRAGMA foreign_keys = off;
         UPDATE users SET tokens = 7 WHERE id = 1;
         UPDATE tokens SET user_epoch = 5 WHERE user_id = 2;
         INSERT INTO tokens (digest, user_id, created, user_epoch) VALUES (zeroblob(64), 9, 1, 0);
         INSERT INTO items
         VALUES ('totp', 'k', 9, '{\"codes\":[],\"last\":0,\"secret\":\"A\"}', NULL);
         UPDATE users SET username = 'b' || char(10) || 'ob' WHERE id = 2",
    );
    let said = gateway.run(&["store", "verify", path]);
    assert_eq!(said.code, Some(1), "{said:?}");
    for words in [
        "can be mended: user 1 is counted with 7 tokens",
        "of user 2 would be good once they end all tokens",
        "token 0000000000000000… is of user 9, who is not there",
        "an item of kind totp is of user 9, who is not there",
        "wrong: user 2 has a name that no user can have",
    ] {
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
    }
    let said = gateway.run(&["store", "verify", path, "--repair"]);
    assert!(said.stderr.contains("one thing is wrong"), "{said:?}");
    assert_eq!(said.stdout.matches("mended: ").count(), 4, "{said:?}");
    assert_eq!(number(&file, "SELECT count(*) FROM tokens"), 1);
}

#[test]
fn an_index_that_lost_a_user_is_made_anew() {
    let (gateway, file) = gateway("");
    gateway.register("ada");
    back_up(&gateway, &file).done();
    // The rows of an index, as it would be of another table.
    tamper(
        &file,
        "PRAGMA writable_schema = on;
         UPDATE sqlite_schema SET sql = 'CREATE INDEX users_by_login ON users (id)'
         WHERE name = 'users_by_login'",
    );
    let path = file.to_str().unwrap();
    let said = gateway.run(&["store", "verify", path]);
    assert!(said.stdout.contains("missing from index users_by_login"), "{said:?}");
    let said = gateway.run(&["store", "verify", path, "--repair"]).done();
    assert!(said.stdout.contains("mended: row 1 missing from index users_by_login"), "{said:?}");
}

/// Changes a row and leaves an index as it was, as a bit that is flipped does.
fn flip(file: &std::path::Path, index: &str, change: &str) {
    let sql = format!("SELECT sql FROM sqlite_schema WHERE name = '{index}'");
    let sql: String =
        Connection::open(file).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap();
    let set = |sql: &str| {
        tamper(
            file,
            &format!(
                "PRAGMA writable_schema = on;
                 UPDATE sqlite_schema SET sql = '{sql}' WHERE name = '{index}'"
            ),
        );
    };
    let alone = sql.split(" WHERE ").next().unwrap();
    set(&format!("{alone} WHERE FALSE"));
    tamper(file, change);
    set(&sql);
}

#[test]
fn where_a_row_and_an_index_disagree_about_rights_neither_is_believed() {
    let (gateway, file) = gateway("");
    gateway.register("ada");
    for (index, change) in [
        ("users_by_staff", "UPDATE users SET is_staff = TRUE"),
        ("users_by_activity", "UPDATE users SET is_active = FALSE"),
        ("tokens_by_end", "UPDATE tokens SET expires = expires * 2"),
        ("tokens_by_user", "UPDATE tokens SET user_epoch = user_epoch + 1"),
        ("users_by_email", "UPDATE users SET email = 'x@example.org'"),
    ] {
        let _ = std::fs::remove_file(&file);
        back_up(&gateway, &file).done();
        flip(&file, index, change);
        let path = file.to_str().unwrap();
        for flags in [&[][..], &["--repair"], &[]] {
            let said = gateway.run(&[&["store", "verify", path], flags].concat());
            assert_eq!(said.code, Some(1), "{index}: {said:?}");
            let words = format!("missing from index {index}: nobody can tell which");
            assert!(said.stdout.contains(&words), "{said:?}");
            assert!(!said.stdout.contains("mended: row"), "{said:?}");
        }
        let settings = authgate::store::Settings::Sqlite { path: file.clone() };
        assert!(authgate::store::open_to_serve(&settings).is_err(), "{index}");
    }
}

#[test]
fn what_the_program_cannot_read_is_told_and_hides_nothing() {
    let (gateway, file) = gateway("");
    gateway.run(&["user", "create", "ada", "--staff", "--generate"]).done();
    gateway.run(&["key", "create", "ada", "test", "--all-rights"]).done();
    gateway.run(&["limits", "deny", "192.0.2.0/24", "--note", "why"]).done();
    gateway.register("bob");
    back_up(&gateway, &file).done();
    let verify = || gateway.run(&["store", "verify", file.to_str().unwrap()]);
    assert_eq!(verify().done().stdout, "All is well.\n");
    tamper(
        &file,
        "INSERT INTO users (id, username, email, password, is_active, is_staff, joined, epoch)
         VALUES (-5, 'eve', '', 'x', TRUE, FALSE, 1, 0);
         UPDATE users SET epoch = 9223372036854775807 WHERE username = 'bob';
         DELETE FROM tokens;
         INSERT INTO items VALUES ('totp', 'k', 1, '{}', NULL), ('network', '10.0.0.0/8', NULL, '[]', NULL),
                                  ('api_key', 'a', 1, '{\"name\":1}', 9), ('network', 'x', NULL, '', NULL)",
    );
    let said = verify();
    assert_eq!(said.code, Some(1), "{said:?}");
    for words in [
        "wrong: user -5 cannot be read",
        "wrong: user 2 has an epoch after which there is none",
        "an item of kind totp cannot be read: 6B",
        "an item of kind network cannot be read: 31302E302E302E30",
        "an item of kind network cannot be read: 78",
        "an item of kind api_key cannot be read: 61",
    ] {
        assert!(said.stdout.contains(words), "{words}: {}", said.stdout);
    }
}

#[test]
fn a_look_at_an_older_layout_leaves_it_to_the_gateways_that_use_it() {
    let redis = RedisServer::start();
    let (mut gateway, file) = gateway(&redis.settings());
    gateway.register("ada");
    back_up(&gateway, &file).done();
    gateway.kill();
    redis.ask::<u64>(&["DEL", "authgate:layout"]);
    let said = gateway.run(&["store", "verify"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stdout.contains("can be mended: what is there has the layout of an older"));
    let path = file.to_str().unwrap();
    let said = gateway.run(&["store", "restore", path]);
    assert!(said.stderr.contains("already; --replace"), "{said:?}");
    assert_eq!(redis.ask::<u64>(&["EXISTS", "authgate:layout"]), 0);
    gateway.run(&["store", "verify", "--repair"]).done();
    assert_eq!(redis.ask::<u64>(&["GET", "authgate:layout"]), 4);
}

#[test]
fn either_a_file_or_a_store_is_gone_through() {
    let (gateway, file) = gateway("");
    gateway.register("ada");
    back_up(&gateway, &file).done();
    let said =
        gateway.run(&["store", "verify", file.to_str().unwrap(), "--store", "redis://localhost"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("cannot be used with"), "{said:?}");
}
