//! What has happened: to be searched, followed and taken along, and not to be deleted.

use super::{Browser, on_each_store};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::http::Request;

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
            // So that one that is cut off is not taken for a whole one.
            assert_eq!(answer.header("Transfer-Encoding").as_deref(), Some("chunked"));
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
