//! What has happened: to be searched, followed and taken along, and not to be deleted.

use super::{Browser, make_operator, on_each_store};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn events_are_searched_by_what_they_say() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ops");
        gateway.register("alice");
        gateway.try_login("nobody");
        gateway.run(&["user", "promote", "alice"]).done();
        let mut rows = |query: &str| {
            let page = browser.get(&format!("/admin/events/?{query}")).text();
            page.matches("<tr data-key").count()
        };
        eventually("the failure", || (rows("name=login_failed") == 1).then_some(()));
        eventually("the registration", || (rows("user=alice") == 2).then_some(()));
        assert_eq!(rows("user=alice&name=staff_granted"), 1);
        assert_eq!(rows("user=alice&address=127.0.0.0%2F8"), 1);
        assert_eq!(rows("text=NOBODY+has"), 1);
        assert_eq!(rows("actor=command_line&name=staff_granted"), 1);
        assert_eq!(rows("user=alice&until=2020-01-01T00:00"), 0);
        assert_eq!(rows("user=alice&since=2020-01-01T00:00"), 2);
        let wrong = browser.get("/admin/events/?address=nowhere").text();
        assert!(wrong.contains("Write an address"), "{wrong}");
    });
}

#[test]
fn older_events_follow_on_pages_of_their_own() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ops");
        for number in 0..30 {
            let name = format!("u{number}");
            gateway.register(&name);
            gateway.login(&name);
        }
        let all = "--name login_succeeded --json --limit 1000";
        eventually("all events", || {
            let verb: Vec<_> = std::iter::once("events").chain(all.split(' ')).collect();
            let kept = gateway.run(&verb).done().json().as_array().unwrap().len();
            (kept >= 30).then_some(())
        });
        let (mut path, mut keys) = ("/admin/events/".to_owned(), Vec::new());
        loop {
            let page = browser.get(&path).text();
            let rows = page.split("<tr data-key=\"").skip(1);
            keys.extend(rows.map(|row| row.split('"').next().unwrap().to_owned()));
            let Some(older) = super::between(&page, "rel=\"next\" href=\"", "\"") else { break };
            path = older.replace("&amp;", "&");
        }
        assert!(keys.len() > 60, "{}", keys.len());
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count);
    });
}

#[test]
fn an_export_has_all_that_matches_a_line_each() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ops");
        for number in 0..3 {
            gateway.register(&format!("u{number}"));
        }
        let lines = eventually("three lines", || {
            let answer = browser.get("/admin/events/export/?name=registered");
            assert_eq!(answer.header("Content-Type").unwrap(), "application/x-ndjson");
            let text = answer.text();
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            let lines: Vec<serde_json::Value> = lines.collect();
            (lines.len() == 3).then_some(lines)
        });
        let shown = gateway.run(&["events", "--name", "registered", "--json"]).done().json();
        let mut shown = shown.as_array().unwrap().clone();
        shown.reverse();
        assert_eq!(lines, shown);
    });
}

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
fn so_many_may_follow_and_no_more() {
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
        all.extend((0..4).map(|_| Live::follow(&gateway, browser, "")));
        assert_eq!(Live::follow(&gateway, browser, "").status, 503, "{}", all.len());
    }
    assert!(all.iter().all(|live| live.status == 200));
    assert_eq!(Live::follow(&gateway, last, "").status, 503);
    drop(all);
    eventually("room", || (Live::follow(&gateway, last, "").status == 200).then_some(()));
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

#[test]
fn what_strangers_send_is_harmless_on_the_page() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ops");
        let note = "\"><img src=x onerror=alert(1)>";
        gateway.run(&["limits", "deny", "203.0.113.7", "--note", note]).done();
        for path in ["/admin/events/?name=network_denied", "/admin/limits/"] {
            let page = browser.get(path).text();
            assert!(page.contains("&lt;img src=x") && !page.contains("<img"), "{page}");
        }
        let search = "/admin/events/?text=%22%3E%3Cimg+src%3Dx%3E";
        assert!(!browser.get(search).text().contains("<img"));
    });
}

#[test]
fn nobody_deletes_an_event() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ops");
    browser.get("/admin/events/");
    for path in ["/admin/events/", "/admin/events/export/", "/admin/events/live/"] {
        assert_eq!(browser.post(path, &[]).status, 405, "{path}");
        assert_eq!(browser.send(Request::new("DELETE", path)).status, 405, "{path}");
    }
    assert_eq!(browser.post("/admin/events/clear/", &[]).status, 404);
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
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended before {text}");
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }
}
