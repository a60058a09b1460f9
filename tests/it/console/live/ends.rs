//! When following ends: at once, and nothing more is told.

use super::super::{Browser, make_operator};
use super::{Live, live_key};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::redis_server::RedisServer;

#[test]
fn following_ends_with_the_session() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ops");
    let mut live = Live::follow(&gateway, &browser, "");
    browser.get("/admin/events/");
    live.until("id: ");
    assert_eq!(browser.post("/admin/logout/", &[]).status, 302);
    gateway.register("alice");
    live.ends_without_events();
    assert_eq!(Live::follow(&gateway, &browser, "").status, 302);
}

#[test]
fn while_nobody_can_tell_whether_one_may_follow_nothing_is_told_and_soon_it_ends() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    let browser = Browser::signed_in(&gateway, "ops");
    let mut live = Live::follow(&gateway, &browser, "");
    let place = live.until("id: ")["id: ".len()..].to_owned();
    let items = "authgate:items:{session}";
    let found: Vec<String> = redis.ask(&["HGETALL", items]);
    let [key, session] = &found[..] else { panic!("{found:?}") };
    redis.ask::<u64>(&["HSET", items, key, "no session"]);
    live.until("cannot tell");
    gateway.register("alice");
    let rest = live.until_the_end();
    assert!(!rest.iter().any(|line| line.contains("alice") || line.contains("event: end")));
    redis.ask::<u64>(&["HSET", items, key, session]);
    let mut live = Live::follow(&gateway, &browser, &format!("Last-Event-ID: {place}\r\n"));
    live.until("registered");
}

#[test]
fn following_ends_while_the_store_is_away_and_begins_again_where_it_was() {
    let mut redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    let browser = Browser::signed_in(&gateway, "ops");
    let key = live_key(&gateway, &browser);
    let mut live = Live::follow_with(&gateway, &browser, &key, "");
    let place = live.until("id: ")["id: ".len()..].to_owned();
    redis.kill();
    live.until("cannot tell");
    assert!(!live.until_the_end().iter().any(|line| line.contains("event: end")));
    assert_eq!(Live::follow_with(&gateway, &browser, &key, "").status, 503);
    redis.restart();
    let header = format!("Last-Event-ID: {place}\r\n");
    let mut live = eventually("the log", || {
        let live = Live::follow_with(&gateway, &browser, &key, &header);
        (live.status == 200).then_some(live)
    });
    gateway.run(&["limits", "deny", "203.0.113.7"]).done();
    live.until("network_denied");
}

#[test]
fn following_ends_once_its_operator_would_not_be_let_in() {
    for (verb, more) in [
        (["user", "must-change", "ops"].as_slice(), ""),
        (&["user", "demote", "ops"], ""),
        (&["reload"], "require_totp = true\n"),
        (&["reload"], "networks = [\"192.0.2.0/24\"]\n"),
    ] {
        let control = "[server]\ncontrol = \"control\"\n";
        let gateway = Gateway::start(control);
        make_operator(&gateway, "root");
        let browser = Browser::signed_in(&gateway, "ops");
        let mut live = Live::follow(&gateway, &browser, "");
        live.until("id: ");
        if more.is_empty() {
            gateway.run(verb).done();
        } else {
            gateway.configure(&format!("{control}[admin]\n{more}"));
            gateway.tell(verb[0]).done();
        }
        gateway.run(&["user", "must-change", "root"]).done();
        live.ends_without_events();
    }
}

#[test]
fn following_ends_once_its_network_is_denied_and_this_gateway_knows() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ops");
    let mut live = Live::follow(&gateway, &browser, "");
    live.until("id: ");
    gateway.run(&["limits", "deny", "127.0.0.1"]).done();
    eventually("a refusal", || (browser.get("/admin/").status == 403).then_some(()));
    gateway.run(&["user", "must-change", "ops"]).done();
    let told = live.until_the_end();
    assert!(told.contains(&"event: end".to_owned()) && !told.concat().contains("must_change"));
}
