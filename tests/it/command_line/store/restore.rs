//! Bringing back.

use super::gateway as another;
use super::*;
use crate::harness::eventually;

#[test]
fn a_restore_beside_a_gateway_holds_at_its_next_request_and_ends_all_tokens() {
    let (gateway, file) = gateway("");
    let old = gateway.register("ada");
    back_up(&gateway, &file).done();
    let later = gateway.login("ada");
    gateway.register("eve");
    assert_eq!(gateway.status_of(&later), 502);
    let said = restore(&gateway, &file, &["--replace", "--yes"]).done();
    assert!(said.says("All tokens and API keys have ended"), "{said:?}");
    eventually("the end of tokens", || (gateway.status_of(&later) == 401).then_some(()));
    assert_eq!(gateway.status_of(&old), 401);
    assert_eq!(gateway.try_login("eve").status, 400);
    let token = gateway.login("ada");
    assert_eq!(gateway.status_of(&token), 502);
    // The number of whoever is gone goes to nobody else.
    gateway.register("zoe");
    assert_eq!(gateway.run(&["user", "show", "zoe", "--json"]).done().json()["id"], 3);
    assert!(gateway.run(&["events", "--user", "eve"]).done().says("registered"));
    assert!(gateway.run(&["events"]).done().says("store_restored"));
}

fn number_of(gateway: &Gateway, name: &str) -> u64 {
    gateway.register(name);
    gateway.run(&["user", "show", name, "--json"]).done().json()["id"].as_u64().unwrap()
}

#[test]
fn in_a_store_that_was_empty_the_next_user_has_the_number_after_the_last() {
    for (settings, redis) in stores() {
        let (mut gateway, file) = gateway(&settings);
        for name in ["ada", "bob", "eve"] {
            gateway.register(name);
        }
        gateway.run(&["user", "delete", "eve"]).done();
        back_up(&gateway, &file).done();
        gateway.kill();
        match &redis {
            Some(redis) => redis.ask::<()>(&["FLUSHALL"]),
            None => std::fs::remove_file(gateway.folder().join("authgate.db")).unwrap(),
        }
        for ending in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(gateway.folder().join(format!("authgate.db{ending}")));
        }
        restore(&gateway, &file, &[]).done();
        gateway.restart();
        assert_eq!([number_of(&gateway, "zoe"), number_of(&gateway, "yan")], [4, 5]);
    }
}

#[test]
fn numbers_given_out_after_a_backup_are_given_to_nobody_else_by_a_restore() {
    let redis = RedisServer::start();
    let (mut gateway, file) = gateway(&redis.settings());
    gateway.register("ada");
    back_up(&gateway, &file).done();
    gateway.register("bob");
    gateway.kill();
    restore(&gateway, &file, &["--replace", "--yes"]).done();
    gateway.restart();
    assert_eq!(number_of(&gateway, "eve"), 3);
    gateway.kill();
    // Those of a server that is lost, too, which nobody here has seen.
    redis.ask::<()>(&["SET", "authgate:next-user-by:{authgate:next-user}", "another"]);
    restore(&gateway, &file, &["--replace", "--yes"]).done();
    gateway.restart();
    assert!(number_of(&gateway, "zoe") > 1000);
}

#[test]
fn nothing_is_replaced_unless_that_is_said() {
    for (settings, _server) in stores() {
        let (mut gateway, file) = gateway(&settings);
        let token = gateway.register("ada");
        back_up(&gateway, &file).done();
        gateway.kill();
        let said = restore(&gateway, &file, &[]);
        assert!(said.code == Some(1) && said.stderr.contains("already; --replace"), "{said:?}");
        let said = restore(&gateway, &file, &["--replace"]);
        assert!(said.code == Some(1) && said.stderr.contains("use --yes"), "{said:?}");
        gateway.restart();
        assert_eq!(gateway.status_of(&token), 502);
    }
}

#[test]
fn tokens_go_on_if_that_is_said_but_those_of_users_who_have_ended_all_theirs() {
    for (settings, _server) in stores() {
        let (mut gateway, file) = gateway(&settings);
        gateway.register("ada");
        let bob = gateway.register("bob");
        gateway.run(&["user", "promote", "bob"]).done();
        let bob_staff = gateway.login("bob");
        gateway.run(&["key", "create", "bob", "his", "--all-rights"]).done();
        gateway.run(&["user", "promote", "ada"]).done();
        gateway.run(&["key", "create", "ada", "hers", "--all-rights"]).done();
        let ada = gateway.login("ada");
        back_up(&gateway, &file).done();
        gateway.run(&["token", "revoke-all", "bob"]).done();
        gateway.kill();
        restore(&gateway, &file, &["--replace", "--yes", "--keep-tokens"]).done();
        gateway.restart();
        assert_eq!(gateway.status_of(&ada), 502);
        for ended in [bob, bob_staff] {
            assert_eq!(gateway.status_of(&ended), 401, "{settings}");
        }
        // An API key ends with them: whoever had it may have made it with a stolen password.
        assert!(!gateway.run(&["key", "list", "bob"]).done().says("his"), "{settings}");
        assert!(gateway.run(&["key", "list", "ada"]).done().says("hers"), "{settings}");
        let about = gateway.run(&["token", "list", "ada", "--json"]).done().json();
        assert!(!about.as_array().unwrap().is_empty(), "{about}");
        // Later ends end what was brought back.
        gateway.run(&["token", "revoke-all", "ada"]).done();
        assert_eq!(gateway.status_of(&ada), 401);
        gateway.run(&["store", "verify"]).done();
    }
}

#[test]
fn api_keys_end_with_a_restore_and_who_is_locked_out_since_is_told_of() {
    for (settings, _server) in stores() {
        let (mut gateway, file) = gateway(&settings);
        gateway.run(&["user", "create", "ada", "--staff", "--generate"]).done();
        gateway.register("bob");
        gateway.run(&["key", "create", "ada", "test", "--all-rights"]).done();
        back_up(&gateway, &file).done();
        gateway.run(&["user", "deactivate", "bob"]).done();
        gateway.kill();
        let said = restore(&gateway, &file, &["--replace", "--yes"]).done();
        assert!(said.says("let in now: 1 users"), "{said:?}");
        gateway.restart();
        assert!(gateway.run(&["key", "list", "ada"]).done().says("no"), "{settings}");
        assert_eq!(gateway.try_login("bob").status, 200);
    }
}

#[test]
fn a_restore_into_redis_waits_for_no_gateway_to_serve_from_it() {
    let redis = RedisServer::start();
    let (mut gateway, file) = gateway(&redis.settings());
    let token = gateway.register("ada");
    back_up(&gateway, &file).done();
    let said = restore(&gateway, &file, &["--replace", "--yes"]);
    assert!(said.code == Some(1) && said.stderr.contains("stop all of them first"), "{said:?}");
    assert_eq!(gateway.status_of(&token), 502);
    gateway.kill();
    restore(&gateway, &file, &["--replace", "--yes"]).done();
}

#[test]
fn who_was_there_and_is_not_any_more_leaves_nothing_behind() {
    for (settings, _server) in stores() {
        let (mut gateway, file) = gateway(&settings);
        gateway.register("ada");
        back_up(&gateway, &file).done();
        gateway.register("eve");
        gateway.login("eve");
        gateway.kill();
        restore(&gateway, &file, &["--replace", "--yes"]).done();
        assert_eq!(gateway.run(&["store", "verify"]).done().stdout, "All is well.\n");
    }
}

/// A client of Redis that is told of changes, as other programs are, for as long as it lives.
fn tracking_client(redis: &RedisServer, begin: &str) -> std::net::TcpStream {
    use std::io::{Read, Write};
    let mut client = std::net::TcpStream::connect(redis.address()).unwrap();
    client.write_all(format!("HELLO 3\r\n{begin}PING\r\n").as_bytes()).unwrap();
    let (mut heard, mut byte) = (Vec::new(), [0]);
    while !heard.ends_with(b"+PONG\r\n") {
        client.read_exact(&mut byte).unwrap();
        heard.push(byte[0]);
    }
    assert!(!String::from_utf8_lossy(&heard).contains("-ERR"), "{heard:?}");
    client
}

#[test]
fn what_other_programs_and_other_databases_follow_stops_no_restore() {
    let redis = RedisServer::start();
    let (mut gateway, file) = gateway(&redis.settings());
    gateway.register("ada");
    back_up(&gateway, &file).done();
    gateway.kill();
    let elsewhere = redis.url().replace("/0", "/1");
    let _other = another(&format!("[store]\nurl = \"{elsewhere}\"\n"));
    let _cache = tracking_client(&redis, "CLIENT TRACKING ON\r\n");
    let named = "CLIENT SETNAME cache\r\nCLIENT TRACKING ON BCAST PREFIX authgate:\r\n";
    let _named = tracking_client(&redis, named);
    restore(&gateway, &file, &["--replace", "--yes"]).done();
    // It may be a gateway that may not say its name.
    let _nameless = tracking_client(&redis, "CLIENT TRACKING ON BCAST PREFIX authgate:\r\n");
    let said = restore(&gateway, &file, &["--replace", "--yes"]);
    assert!(said.code == Some(1) && said.stderr.contains("stop all of them first"), "{said:?}");
    // Nothing was done, and nothing is said to have been.
    assert_eq!(redis.ask::<u64>(&["EXISTS", "authgate:restoring"]), 0);
    gateway.run(&["store", "verify"]).done();
}

#[test]
fn a_redis_of_a_newer_layout_is_refused() {
    let redis = RedisServer::start();
    let (mut gateway, file) = gateway(&redis.settings());
    back_up(&gateway, &file).done();
    assert_eq!(redis.ask::<u32>(&["GET", "authgate:layout"]), 4);
    gateway.kill();
    redis.ask::<String>(&["SET", "authgate:layout", "99"]);
    for verb in [&["serve"][..], &["store", "restore", file.to_str().unwrap()]] {
        let said = gateway.run(verb);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.says("has a layout of version 99"), "{said:?}");
    }
}

#[test]
fn a_backup_that_is_damaged_is_refused_before_anything_is_done() {
    for (settings, _server) in stores() {
        let (mut gateway, file) = gateway(&settings);
        let token = gateway.register("ada");
        back_up(&gateway, &file).done();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.truncate(bytes.len() - 4096);
        std::fs::write(&file, &bytes).unwrap();
        gateway.kill();
        let said = restore(&gateway, &file, &["--replace", "--yes"]);
        assert!(said.code == Some(1) && said.stderr.contains("it is damaged"), "{said:?}");
        gateway.restart();
        assert_eq!(gateway.status_of(&token), 502);
    }
}

#[test]
fn a_backup_of_an_older_version_is_brought_up_to_date_on_the_way_and_stays_as_it_is() {
    let folder = crate::harness::folder();
    let file = folder.path().join("old.db");
    std::fs::write(&file, "").unwrap();
    tamper(&file, include_str!("../../../../src/store/sqlite/schema.sql"));
    tamper(&file, include_str!("../../../../src/store/sqlite/schema_2.sql"));
    let token = "an-old-token";
    let digest = authgate::model::token::Token::new(token.to_owned()).digest();
    let db = Connection::open(&file).unwrap();
    let sql = "INSERT INTO users VALUES (7, 'ada', '', 'hash', TRUE, FALSE, 1, NULL, 3)";
    db.execute(sql, []).unwrap();
    let sql = "INSERT INTO tokens VALUES (?1, 7, 1, NULL, 3)";
    db.execute(sql, [digest.as_bytes()]).unwrap();
    drop(db);
    let before = std::fs::read(&file).unwrap();
    for (settings, _server) in stores() {
        let (mut gateway, _) = gateway(&settings);
        gateway.kill();
        restore(&gateway, &file, &["--replace", "--yes", "--keep-tokens"]).done();
        gateway.restart();
        assert_eq!(gateway.status_of(token), 502);
        assert!(std::fs::read(&file).unwrap() == before);
    }
}
