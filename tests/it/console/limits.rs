//! Who is slowed, and networks that are treated in a way of their own.

use super::{Browser, on_each_store};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use serde_json::json;

/// Clients are told by a header.
const BEHIND_A_PROXY: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";

const STRICT: &str = "[limits]\nlogin_failures_per_account_and_network = \"2/1h\"\n";

fn status_from(gateway: &Gateway, address: &str) -> u16 {
    gateway.send(&Request::get("/public").with("X-Forwarded-For", address)).status
}

fn deny(browser: &mut Browser, network: &str, more: &[(&str, &str)]) -> u16 {
    browser.get("/admin/limits/");
    let fields = [("network", network), ("treatment", "deny"), ("for", "1h")];
    browser.post("/admin/limits/networks/", &[&fields, more].concat()).status
}

#[test]
fn a_denied_network_is_refused_by_all_gateways_and_after_a_restart() {
    let (redis, upstream) = (RedisServer::start(), Upstream::start());
    let settings = redis.settings() + BEHIND_A_PROXY + &upstream.settings() + ROUTES;
    let (mut one, other) = (Gateway::start(&settings), Gateway::start(&settings));
    let mut browser = Browser::signed_in(&one, "ops");
    assert_eq!(status_from(&other, "203.0.113.9"), 200);
    assert_eq!(deny(&mut browser, "203.0.113.0/24", &[("note", "guesses names")]), 302);
    let page = browser.get("/admin/limits/").text();
    assert!(page.contains("203.0.113.0/24") && page.contains("guesses names"), "{page}");
    for gateway in [&one, &other] {
        eventually("the refusal", || (status_from(gateway, "203.0.113.9") == 403).then_some(()));
        assert_eq!(status_from(gateway, "203.0.114.9"), 200);
    }
    one.restart();
    assert_eq!(status_from(&one, "203.0.113.9"), 403);
    let forget = browser.post("/admin/limits/networks/forget/", &[("network", "203.0.113.0/24")]);
    assert_eq!(forget.status, 302);
    for gateway in [&one, &other] {
        eventually("the end", || (status_from(gateway, "203.0.113.9") == 200).then_some(()));
    }
    let events = one.run(&["events", "--operator", "ops", "--json"]).done().json();
    let told = |name: &str| {
        let mut events = events.as_array().unwrap().iter();
        events.find(|event| event["event"] == name).unwrap()["detail"].as_str().unwrap().to_owned()
    };
    assert!(told("network_denied").starts_with("203.0.113.0/24: as usual → denied until "));
    assert_eq!(told("network_forgotten"), "203.0.113.0/24: denied → as usual");
}

#[test]
fn the_last_known_networks_stay_while_the_store_is_away() {
    let (mut redis, upstream) = (RedisServer::start(), Upstream::start());
    let settings = redis.settings() + BEHIND_A_PROXY + &upstream.settings() + ROUTES;
    let gateway = Gateway::start(&settings);
    gateway.run(&["limits", "deny", "203.0.113.7"]).done();
    eventually("the refusal", || (status_from(&gateway, "203.0.113.7") == 403).then_some(()));
    redis.kill();
    eventually("the loss", || gateway.log().contains("store_lost").then_some(()));
    assert_eq!(status_from(&gateway, "203.0.113.7"), 403);
}

#[test]
fn nobody_shuts_themselves_out_by_accident() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ops");
        browser.get("/admin/limits/");
        for network in ["127.0.0.1", "127.0.0.0/8", "0.0.0.0/0"] {
            let fields = [("network", network), ("treatment", "deny"), ("for", "forever")];
            let answer = browser.post("/admin/limits/networks/", &fields);
            assert_eq!(answer.status, 400, "{network}");
            assert!(answer.text().contains("This would shut you out"), "{}", answer.text());
        }
        assert_eq!(browser.get("/admin/").status, 200);
        let known =
            [("network", "127.0.0.0/8"), ("treatment", "deny"), ("for", "1h"), ("knows", "yes")];
        assert_eq!(browser.post("/admin/limits/networks/", &known).status, 302);
        eventually("the refusal", || (browser.get("/admin/").status == 403).then_some(()));
        // The command line is no network.
        gateway.run(&["limits", "forget", "127.0.0.0/8"]).done();
        eventually("the way back", || (browser.get("/admin/").status == 200).then_some(()));
    });
}

#[test]
fn taking_back_an_allowance_does_not_shut_out_either() {
    let gateway = Gateway::start("[limits]\ndeny = [\"127.0.0.0/8\"]\n");
    gateway.run(&["limits", "allow", "127.0.0.1"]).done();
    let token = || gateway.try_register("alice").status;
    eventually("the allowance", || (token() != 403).then_some(()));
    let mut browser = Browser::signed_in(&gateway, "ops");
    browser.get("/admin/limits/");
    let answer = browser.post("/admin/limits/networks/forget/", &[("network", "127.0.0.1/32")]);
    assert_eq!(answer.status, 400);
    assert_eq!(browser.get("/admin/limits/").status, 200);
}

#[test]
fn an_allowance_that_ends_before_a_denial_does_is_warned_of_before_it_is_given() {
    let gateway = Gateway::start("[limits]\ndeny = [\"127.0.0.0/8\"]\n");
    gateway.run(&["limits", "allow", "127.0.0.1"]).done();
    eventually("the allowance", || (gateway.try_register("al").status != 403).then_some(()));
    let mut browser = Browser::signed_in(&gateway, "ops");
    let asked = "/admin/limits/networks/?network=127.0.0.1&treatment=allow&for=";
    assert!(!browser.get(&format!("{asked}forever")).text().contains("shut you out"));
    let page = browser.get(&format!("{asked}1h"));
    assert_eq!(page.status, 200);
    assert!(page.text().contains("This would shut you out from "), "{}", page.text());
    let timed = [("network", "127.0.0.1"), ("treatment", "allow"), ("for", "1h")];
    assert_eq!(browser.post("/admin/limits/networks/", &timed).status, 400);
    let known = [&timed[..], &[("knows", "yes")]].concat();
    let unproved = browser.post("/admin/limits/networks/", &known);
    assert_eq!(unproved.status, 400);
    // That they know it they do not say twice.
    let hidden = "type=\"hidden\" name=\"knows\" value=\"yes\"";
    assert!(unproved.text().contains(hidden), "{}", unproved.text());
    let proved = [&known[..], &[("own_password", PASSWORD)]].concat();
    assert_eq!(browser.post("/admin/limits/networks/", &proved).status, 302);
}

#[test]
fn a_network_is_denied_allowed_and_forgotten_once_that_was_asked() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ops");
    let networks = || gateway.run(&["limits", "networks", "--json"]).done().json();
    for (treatment, words) in [("deny", "All gateways refuse"), ("allow", "No limit holds")] {
        let path = "/admin/limits/networks/?network=203.0.113.7&for=1d&note=%3Cb%3E&treatment=";
        let page = browser.get(&format!("{path}{treatment}"));
        assert_eq!(page.status, 200);
        let page = page.text();
        assert!(page.contains(words) && page.contains("for a day"), "{page}");
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"), "{page}");
        assert_eq!(networks().as_array().unwrap().len(), 0);
    }
    assert_eq!(browser.get("/admin/limits/networks/?network=x&for=1d").status, 400);
    assert_eq!(deny(&mut browser, "203.0.113.7", &[]), 302);
    let forget = "/admin/limits/networks/forget/?network=203.0.113.7/32";
    assert!(browser.get(forget).text().contains("Forget <code>203.0.113.7/32</code>?"));
    assert_eq!(networks().as_array().unwrap().len(), 1);
    assert_eq!(browser.get("/admin/limits/networks/forget/?network=x").status, 400);
}

#[test]
fn what_the_settings_say_is_shown_and_stays() {
    let gateway =
        Gateway::start("[limits]\nallow = [\"198.51.100.0/24\"]\ndeny = [\"192.0.2.0/24\"]\n");
    let mut browser = Browser::signed_in(&gateway, "ops");
    let page = browser.get("/admin/limits/").text();
    assert!(page.contains("192.0.2.0/24") && page.contains("the settings file"), "{page}");
    assert_eq!(deny(&mut browser, "198.51.100.0/24", &[]), 400);
    let refused = gateway.run(&["limits", "deny", "198.51.100.0/24"]);
    assert!(refused.stderr.contains("limits.allow in the settings file"), "{refused:?}");
    let shown = gateway.run(&["limits", "networks"]).done().stdout;
    assert!(shown.contains("192.0.2.0/24") && shown.contains("the settings file"), "{shown}");
}

#[test]
fn no_limit_holds_for_a_network_that_an_operator_allows() {
    on_each_store(&(STRICT.to_owned() + BEHIND_A_PROXY), |gateway| {
        gateway.run(&["limits", "allow", "198.18.0.0/16", "--for", "1h", "--note", "tests"]).done();
        let guess = |address: &str| {
            let credentials = serde_json::json!({ "username": "alice", "password": "wrong" });
            let request = Request::post("/api/login/").json(&credentials);
            gateway.send(&request.with("X-Forwarded-For", address)).status
        };
        eventually("the allowance", || (0..4).all(|_| guess("198.18.0.7") == 400).then_some(()));
        assert_eq!((0..4).filter(|_| guess("198.19.0.7") == 400).count(), 2);
        let shown = gateway.run(&["limits", "networks", "--json"]).done().json();
        assert_eq!(shown[0]["network"], "198.18.0.0/16");
        assert_eq!((&shown[0]["by"], &shown[0]["note"]), (&"command_line".into(), &"tests".into()));
    });
}

#[test]
fn who_is_slowed_is_seen_by_name_and_let_in_again() {
    on_each_store(STRICT, |gateway| {
        gateway.register("alice");
        let mut browser = Browser::signed_in(gateway, "ops");
        let guess = || {
            let credentials = serde_json::json!({ "username": "alice", "password": "wrong" });
            gateway.send(&Request::post("/api/login/").json(&credentials)).status
        };
        assert_eq!((0..3).map(|_| guess()).collect::<Vec<_>>(), [400, 400, 429]);
        let page = eventually("the name", || {
            let page = browser.get("/admin/limits/").text();
            page.contains("<bdi>alice</bdi>").then_some(page)
        });
        assert!(page.contains("wrong passwords for one account from one network"), "{page}");
        let (before, others) = page.split_once("id=\"counted\"").unwrap();
        let (_, refused) = before.split_once("id=\"slowed\"").unwrap();
        assert!(refused.contains("account_and_network/") && refused.contains("Refused for"));
        assert!(others.contains("login_failures_per_network/"), "{others}");
        let keys = page.split("name=\"limit\" value=\"").skip(1);
        let keys: Vec<_> = keys.map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
        let key = keys.iter().find(|key| key.contains("account_and_network/")).unwrap();
        assert_eq!(browser.post("/admin/limits/clear/", &[("one", key)]).status, 302);
        eventually("another guess", || (guess() == 400).then_some(()));
        let cleared = gateway.run(&["events", "--name", "limits_cleared", "--json"]).done().json();
        assert_eq!(
            (&cleared[0]["user"], &cleared[0]["operator"]),
            (&"alice".into(), &"ops".into())
        );
    });
}

#[test]
fn clearing_all_asks_first() {
    let gateway = Gateway::start(STRICT);
    let mut browser = Browser::signed_in(&gateway, "ops");
    (0..3).for_each(|_| drop(gateway.try_login("nobody")));
    assert!(browser.get("/admin/limits/clear/all/").text().contains("may begin anew"));
    assert_eq!(browser.post("/admin/limits/clear/all/", &[]).status, 302);
    let shown = gateway.run(&["limits", "show"]).done().stdout;
    assert_eq!(shown, "Nothing counts against a limit.\n");
}

#[test]
fn junk_among_the_networks_hides_none_of_them_and_is_told_of_once() {
    let redis = RedisServer::start();
    let mut gateway = Gateway::start(&(redis.settings() + BEHIND_A_PROXY));
    gateway.run(&["limits", "deny", "203.0.113.7"]).done();
    let items = "authgate:items:{network}";
    redis.ask::<u64>(&["HSET", items, "0.0.0.0/junk", "secret-nonsense"]);
    redis.ask::<u64>(&["HSET", items, "192.0.2.0/24", "- - {\"secret-nonsense\": 1}"]);
    gateway.restart();
    eventually("the refusal", || (status_from(&gateway, "203.0.113.7") == 403).then_some(()));
    let told = || gateway.log().matches("an item cannot be read").count();
    eventually("the words", || (told() >= 2).then_some(()));
    let mut browser = Browser::signed_in(&gateway, "ops");
    assert!(browser.get("/admin/limits/").text().contains("203.0.113.7"));
    // Each is told once a process, however often it is read.
    let (before, pings) = (told(), redis.calls("hgetall"));
    eventually("some readings", || (redis.calls("hgetall") > pings + 5).then_some(()));
    assert_eq!(told(), before);
    assert!(!gateway.log().contains("secret-nonsense"));
}

#[test]
fn a_gateway_that_cannot_learn_the_networks_says_so_and_keeps_trying() {
    let redis = RedisServer::start();
    let mut gateway = Gateway::start(&(redis.settings() + BEHIND_A_PROXY));
    gateway.run(&["limits", "deny", "203.0.113.7"]).done();
    let items = "authgate:items:{network}";
    redis.ask::<String>(&["RENAME", items, "aside"]);
    redis.ask::<String>(&["SET", items, "junk"]);
    gateway.restart();
    eventually("the words", || {
        gateway
            .log()
            .contains("it is not known which networks operators allow and deny")
            .then_some(())
    });
    redis.ask::<String>(&["RENAME", "aside", items]);
    eventually("the refusal", || (status_from(&gateway, "203.0.113.7") == 403).then_some(()));
}

#[test]
fn who_has_never_failed_is_not_among_what_counts() {
    on_each_store("[limits]\nlogins_per_account_and_network = \"off\"\n", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ops");
        for name in ["alice", "bob"] {
            gateway.register(name);
            gateway.login(name);
        }
        let wrong = json!({ "username": "alice", "password": "wrong" });
        gateway.send(&Request::post("/api/login/").json(&wrong));
        let page = browser.get("/admin/limits/").text();
        let counted = super::between(&page, "What counts against limits", "Networks").unwrap();
        assert!(counted.contains("alice") && !counted.contains("bob"), "{counted}");
        assert!(!counted.contains("console_failures_per_account"), "{counted}");
        let shown = gateway.run(&["limits", "show"]).done().stdout;
        assert!(shown.contains("alice") && !shown.contains("bob"), "{shown}");
    });
}
