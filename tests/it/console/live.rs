//! The log of events as it is followed: over a socket that stays open.

mod ends;

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
fn so_many_may_follow_and_the_newest_of_an_operator_takes_the_place_of_their_oldest() {
    let gateway = Gateway::start("");
    let mut all = Vec::new();
    for name in ["ada", "bob", "carol", "dora"] {
        make_operator(&gateway, name);
        let browsers = [(); 3].map(|()| {
            let mut browser = Browser::of(&gateway);
            browser.sign_in(name);
            browser
        });
        let follow = |browser: &Browser| {
            let mut live = Live::follow(&gateway, browser, "");
            live.until("id: ");
            live
        };
        let mut of_session = follow(&browsers[0]);
        let mut of_operator = follow(&browsers[0]);
        all.extend([0, 0, 0, 1, 1, 1, 1].map(|browser| follow(&browsers[browser])));
        assert_eq!(of_session.until_the_end().last().unwrap(), "data: displaced");
        all.push(follow(&browsers[2]));
        assert_eq!(of_operator.until_the_end().last().unwrap(), "data: displaced");
    }
    let late = Browser::signed_in(&gateway, "late");
    assert_eq!(Live::follow(&gateway, &late, "").status, 503);
    gateway.register("alice");
    for live in &mut all {
        live.until("alice");
    }
    drop(all);
    eventually("room", || (Live::follow(&gateway, &late, "").status == 200).then_some(()));
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
fn to_follow_or_to_try_to_is_no_use_of_a_session() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    let mut browser = Browser::signed_in(&gateway, "ops");
    let live_key = live_key(&gateway, &browser);
    let items = "authgate:items:{session}";
    let found: Vec<String> = redis.ask(&["HGETALL", items]);
    let [key, session] = &found[..] else { panic!("{found:?}") };
    let (before, seen) = session.split_once("seen").unwrap();
    let digits: String = seen.chars().filter(char::is_ascii_digit).take(16).collect();
    let earlier = (digits.parse::<u64>().unwrap() - 5 * 60 * 1_000_000).to_string();
    let unused = format!("{before}seen{}", seen.replacen(&digits, &earlier, 1));
    redis.ask::<u64>(&["HSET", items, key, &unused]);
    let now = || redis.ask::<String>(&["HGET", items, key]);
    let lives: Vec<_> =
        (0..5).map(|_| Live::follow_with(&gateway, &browser, &live_key, "")).collect();
    assert!(lives.iter().all(|live| live.status == 200));
    assert_eq!(Live::follow_with(&gateway, &browser, "no key", "").status, 403);
    assert_eq!(now(), unused);
    assert!(browser.is_in());
    assert_ne!(now(), unused);
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

    /// Reads on to the end, which it has to say, and no event before it.
    fn ends_without_events(&mut self) {
        let told = self.until_the_end();
        assert_eq!(told.last().unwrap(), "data: no leave", "{told:?}");
        assert!(!told.iter().any(|line| line.starts_with("data: {")), "{told:?}");
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
