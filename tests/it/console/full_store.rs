//! A store that answers and takes nothing: the console is read, and says why nothing more can be done.

use super::{Browser, make_operator};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;

const PAGES: [&str; 8] = [
    "/",
    "/users/",
    "/users/?sort=last_login",
    "/tokens/",
    "/events/",
    "/limits/",
    "/routes/",
    "/account/",
];

/// What has been done to a Redis so that it takes nothing.
const WAYS: [&[&str]; 3] = [
    &["CONFIG", "SET", "maxmemory", "1"],
    &["CONFIG", "SET", "min-replicas-to-write", "1"],
    &["REPLICAOF", "127.0.0.1", "1"],
];

/// Has the session in use last two minutes ago, so that the next request is worth a note.
fn make_old(redis: &RedisServer) {
    let items = "authgate:items:{session}";
    let found: Vec<String> = redis.ask(&["HGETALL", items]);
    let [key, text] = &found[..] else { panic!("{found:?}") };
    let (head, value) = text.split_at(text.find('{').unwrap());
    let mut value: serde_json::Value = serde_json::from_str(value).unwrap();
    value["seen"] = (value["seen"].as_i64().unwrap() - 120_000_000).into();
    redis.ask::<u64>(&["HSET", items, key, &format!("{head}{value}")]);
}

fn key_in(text: &str) -> String {
    text.split_whitespace().find(|word| word.starts_with("agk_")).unwrap().to_owned()
}

#[test]
fn the_console_is_read_while_the_store_takes_nothing() {
    for way in WAYS {
        let redis = RedisServer::start();
        let gateway = Gateway::start(&redis.settings());
        make_operator(&gateway, "eve");
        let eve = gateway.run(&["user", "show", "eve", "--json"]).done().json()["id"].to_string();
        let mut browser = Browser::signed_in(&gateway, "ada");
        let made = gateway.run(&["key", "create", "ada", "test", "--all-rights"]);
        let key = key_in(&made.done().stdout);
        make_old(&redis);
        assert_eq!(redis.ask::<String>(way), "OK");
        for page in PAGES {
            let answer = browser.get(&format!("/admin{page}"));
            assert_eq!(answer.status, 200, "{way:?} {page} {}", answer.text());
        }
        let caller =
            Request::get("/admin/api/users/").with("Authorization", &format!("Bearer {key}"));
        assert_eq!(gateway.send(&caller).status, 200, "{way:?}");
        let path = format!("/admin/users/{eve}/demote/");
        assert_eq!(browser.get(&path).status, 200);
        let refused = browser.post(&path, &[]);
        assert_eq!(refused.status, 503, "{way:?}");
        assert!(refused.text().contains("Nothing was changed"), "{}", refused.text());
        let shown = gateway.run(&["user", "show", "eve", "--json"]).done().json();
        assert_eq!(shown["is_staff"], true);
        eventually("the words on the overview", || {
            browser.get("/admin/").text().contains("this console can only be read").then_some(())
        });
    }
}
