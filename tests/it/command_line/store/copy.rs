//! From one kind of store into the other.

use super::*;

#[test]
fn a_copy_into_redis_and_back_has_all_users_tokens_and_notes() {
    let redis = RedisServer::start();
    let (mut gateway, _) = gateway("");
    gateway.run(&["user", "create", "ada", "--staff", "--generate"]).done();
    gateway.run(&["user", "create", "Ünal", "--generate", "--must-change"]).done();
    gateway.run(&["token", "create", "ada", "--name", "for ever", "--lifetime", "never"]).done();
    let token = gateway.register("bob");
    gateway.run(&["user", "deactivate", "Ünal"]).done();
    gateway.run(&["user", "create", "gone", "--generate"]).done();
    gateway.run(&["user", "delete", "gone"]).done();
    gateway.kill();
    let list = |gateway: &Gateway| {
        let one = gateway.run(&["user", "list", "--json"]).done().json();
        let other = gateway.run(&["token", "list", "--json"]).done().json();
        (one, other)
    };
    let before = list(&gateway);
    gateway.run(&["store", "copy", &redis.url()]).done();
    let routes = crate::harness::gateway::route("/app", "user");
    gateway.configure(&(redis.settings() + &routes));
    assert_eq!(list(&gateway), before);
    gateway.run(&["store", "verify"]).done();
    gateway.restart();
    assert_eq!(gateway.status_of(&token), 502);
    gateway.register("zoe");
    // The number of whoever is gone goes to nobody else, and none is left out.
    let shown = gateway.run(&["user", "show", "zoe", "--json"]).done().json();
    assert_eq!(shown["id"], 5, "{shown}");
    gateway.run(&["user", "delete", "zoe"]).done();
    gateway.kill();
    let back = format!("sqlite:{}", gateway.folder().join("back.db").display());
    gateway.run(&["store", "copy", &back]).done();
    gateway.configure(&format!("[store]\nurl = \"{back}\"\n{routes}"));
    assert_eq!(list(&gateway), before);
    gateway.restart();
    assert_eq!(gateway.status_of(&token), 502);
    assert!(gateway.run(&["events"]).done().says("user_deactivated"));
}

#[test]
fn a_cluster_is_saved_gone_through_and_brought_back() {
    let cluster = crate::harness::redis_cluster::RedisCluster::start(3, 0);
    let (mut gateway, file) = gateway(&cluster.settings());
    let mut tokens: Vec<_> =
        (0..20).map(|number| gateway.register(&format!("user{number}"))).collect();
    gateway.run(&["token", "revoke-all", "user0"]).done();
    tokens.remove(0);
    assert!(back_up(&gateway, &file).done().says("20 users, 19 tokens"));
    gateway.run(&["store", "verify"]).done();
    assert_eq!(gateway.run(&["store", "stats", "--json"]).done().json()["good_tokens"], 19);
    gateway.register("eve");
    gateway.kill();
    let restore = ["store", "restore", file.to_str().unwrap(), "--replace", "--yes"];
    gateway.run(&[&restore[..], &["--keep-tokens"]].concat()).done();
    gateway.restart();
    for token in &tokens {
        assert_eq!(gateway.status_of(token), 502);
    }
    gateway.run(&["store", "verify"]).done();
    assert_eq!(gateway.try_login("eve").status, 400);
}

#[test]
fn a_store_is_not_copied_to_itself() {
    for (settings, redis) in stores() {
        let (mut gateway, _) = gateway(&settings);
        let token = gateway.register("ada");
        gateway.kill();
        // By another name.
        let itself = match &redis {
            Some(redis) => redis.url().replace("127.0.0.1", "localhost"),
            None => format!("sqlite:{}/./authgate.db", gateway.folder().display()),
        };
        let said = gateway.run(&["store", "copy", &itself, "--replace", "--yes"]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.stderr.contains("a store cannot be copied to itself"), "{said:?}");
        gateway.restart();
        assert_eq!(gateway.status_of(&token), 502);
    }
}

#[test]
fn a_store_that_is_not_there_is_not_made_to_be_copied() {
    let redis = RedisServer::start();
    let folder = crate::harness::folder();
    let missing = folder.path().join("missing.db");
    let url = format!("sqlite:{}", missing.display());
    let said = crate::harness::command::authgate(&["store", "copy", &url, &redis.url()], "");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(!missing.exists());
}

#[test]
fn of_three_stores_nobody_knows_which_are_meant() {
    let urls = ["sqlite:a.db", "sqlite:b.db", "--store", "sqlite:c.db"];
    let said = crate::harness::command::authgate(&[&["store", "copy"][..], &urls].concat(), "");
    assert!(said.code == Some(1) && said.says("--store is a third"), "{said:?}");
}
