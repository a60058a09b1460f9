//! The log of events as it is followed: over a socket that stays open.

use super::{Browser, make_operator, on_each_store};
use crate::harness::gateway::Gateway;
use crate::harness::redis_server::RedisServer;
use crate::harness::{PATIENCE, eventually};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn who_follows_events_sees_a_login_soon() {
    on_each_store("", |gateway| {
        gateway.register("alice");
        let browser = Browser::signed_in(gateway, "ops");
        let mut live = Live::follow(gateway, &browser, "");
        live.until("id: ");
        gateway.login("alice");
        let told = live.until("login_succeeded");
        let event: serde_json::Value = serde_json::from_str(&told["data: ".len()..]).unwrap();
        assert_eq!((&event["user"], &event["address"]), (&"alice".into(), &"127.0.0.1".into()));
        // From the command line, too.
        gateway.run(&["user", "promote", "alice"]).done();
        live.until("staff_granted");
    });
}

#[test]
fn events_of_other_gateways_are_followed_too_and_a_browser_goes_on_where_it_was() {
    let redis = RedisServer::start();
    let (one, other) = (Gateway::start(&redis.settings()), Gateway::start(&redis.settings()));
    let browser = Browser::signed_in(&one, "ops");
    let mut live = Live::follow(&one, &browser, "");
    live.until("id: ");
    other.register("alice");
    live.until("registered");
    let place = live.until("id: ")["id: ".len()..].to_owned();
    drop(live);
    other.login("alice");
    let header = format!("Last-Event-ID: {place}\r\n");
    let mut live = Live::follow(&one, &browser, &header);
    let told = live.until("data: ");
    assert!(told.contains("login_succeeded"), "{told}");
}

#[test]
fn following_ends_with_the_session() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ops");
    let mut live = Live::follow(&gateway, &browser, "");
    live.until("id: ");
    browser.get("/admin/events/");
    assert_eq!(browser.post("/admin/logout/", &[]).status, 302);
    live.until("event: end");
    assert_eq!(Live::follow(&gateway, &browser, "").status, 302);
}

#[test]
fn so_many_may_follow_and_the_newest_of_a_session_takes_the_place_of_its_oldest() {
    let gateway = Gateway::start("");
    make_operator(&gateway, "ops");
    let browsers: Vec<_> = (0..9)
        .map(|_| {
            let mut browser = Browser::of(&gateway);
            browser.sign_in("ops");
            browser
        })
        .collect();
    let (last, others) = browsers.split_last().unwrap();
    let mut all = Vec::new();
    for browser in others {
        let mut oldest = Live::follow(&gateway, browser, "");
        oldest.until("id: ");
        all.extend((0..4).map(|_| Live::follow(&gateway, browser, "")));
        assert_eq!(oldest.until_the_end().last().unwrap(), "data: displaced");
    }
    assert!(all.iter().all(|live| live.status == 200));
    assert_eq!(Live::follow(&gateway, last, "").status, 503);
    for live in &mut all {
        live.until("id: ");
    }
    gateway.register("alice");
    for live in &mut all {
        live.until("registered");
    }
    drop(all);
    eventually("room", || (Live::follow(&gateway, last, "").status == 200).then_some(()));
}

#[test]
fn who_goes_to_the_page_again_and_again_can_follow_at_once() {
    let gateway = Gateway::start("");
    let browser = Browser::signed_in(&gateway, "ops");
    for _ in 0..20 {
        let mut live = Live::follow(&gateway, &browser, "");
        assert_eq!(live.status, 200);
        live.until("id: ");
    }
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
fn a_script_that_does_not_know_the_page_cannot_follow_events() {
    let gateway = Gateway::start("");
    let browser = Browser::signed_in(&gateway, "ops");
    let mut other = Browser::of(&gateway);
    other.sign_in("ops");
    let (key, others) = (live_key(&gateway, &browser), live_key(&gateway, &other));
    assert_eq!(key.len(), 64);
    assert_ne!(key, other.form_key());
    for wrong in ["", &key[1..], &others, browser.form_key()] {
        assert_eq!(Live::follow_with(&gateway, &browser, wrong, "").status, 403, "{wrong}");
    }
    assert_eq!(Live::follow_with(&gateway, &browser, &key, "").status, 200);
    eventually("the log", || gateway.log().contains("/admin/events/live/").then_some(()));
    assert!(!gateway.log().contains(&key));
}

#[test]
fn following_ends_once_its_operator_would_not_be_let_in() {
    for (verb, more) in [
        (["user", "must-change", "ops"].as_slice(), ""),
        (&["limits", "deny", "127.0.0.1"], ""),
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
        live.until("event: end");
    }
}

#[test]
fn people_see_the_end_of_a_tokens_id_and_programs_all_of_it() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ops");
    gateway.register("alice");
    let mut live = Live::follow(&gateway, &browser, "");
    live.until("id: ");
    gateway.run(&["token", "create", "alice"]).done();
    let told = live.until("token_created");
    let event = eventually("the event", || {
        let verb = ["events", "--name", "token_created", "--json"];
        gateway.run(&verb).done().json().as_array().unwrap().first().cloned()
    });
    let id = event["detail"].as_str().unwrap();
    let short = format!("…{}", &id[id.len() - 4..]);
    let page = browser.get("/admin/events/?name=token_created").text();
    for told in [told, page] {
        assert!(told.contains(&short) && !told.contains(id), "{told}");
    }
    let export = browser.get("/admin/events/export/?name=token_created").text();
    assert!(export.contains(id), "{export}");
}

#[test]
fn a_gateway_that_stops_waits_for_nobody_who_follows() {
    let mut gateway = Gateway::start("");
    let browser = Browser::signed_in(&gateway, "ops");
    let mut live = Live::follow(&gateway, &browser, "");
    live.until("id: ");
    gateway.terminate();
    assert_eq!(gateway.exit_code(), Some(0));
}

/// What the page's script has to show to follow events; blank for whoever is not signed in.
fn live_key(gateway: &Gateway, browser: &Browser) -> String {
    let mut page = Browser::of(gateway);
    page.show(browser.cookie().unwrap());
    let page = page.get("/admin/events/").text();
    super::between(&page, "&amp;key=", "\"").unwrap_or_default()
}

/// A log that is followed.
struct Live {
    lines: BufReader<TcpStream>,
    status: u16,
}

impl Live {
    fn follow(gateway: &Gateway, browser: &Browser, headers: &str) -> Self {
        Self::follow_with(gateway, browser, &live_key(gateway, browser), headers)
    }

    fn follow_with(gateway: &Gateway, browser: &Browser, key: &str, headers: &str) -> Self {
        let mut socket = TcpStream::connect(gateway.address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let cookie = browser.cookie().unwrap();
        let host = crate::harness::http::HOST;
        let head = format!(
            "GET /admin/events/live/?key={key} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{headers}\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut lines = BufReader::new(socket);
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        Self { lines, status }
    }

    /// Reads on until a line that holds this.
    fn until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "waited in vain: {text}");
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended before {text}");
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }
    /// Reads on to the end, which has to be a whole one, and says which lines come before.
    fn until_the_end(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).unwrap();
            assert!(read > 0, "it was cut off after {told:?}");
            match line.trim_end() {
                // The last chunk.
                "0" => return told,
                "" => {}
                line => told.push(line.to_owned()),
            }
        }
    }
}
