//! The pages of tokens.

use super::users::page_of;
use super::{Browser, between};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use authgate::clock::{Clock, SystemClock};
use serde_json::json;

/// The id of the only token of a user.
fn id_of(gateway: &Gateway, name: &str) -> String {
    let tokens = gateway.run(&["token", "list", name, "--json"]).done().json();
    tokens[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn all_live_tokens_are_listed_without_themselves_or_their_ids() {
    let redis = RedisServer::start();
    for settings in [String::new(), redis.settings()] {
        let gateway = Gateway::start(&settings);
        let mut browser = Browser::signed_in(&gateway, "ada");
        let tokens = ["bob", "zoe"].map(|name| gateway.register(name));
        let page = browser.get("/admin/tokens/").text();
        for (name, token) in ["bob", "zoe"].iter().zip(tokens) {
            let id = id_of(&gateway, name);
            assert!(page.contains(&format!("…{}", &id[id.len() - 4..])), "{page}");
            assert!(page.contains(&format!("<bdi>{name}</bdi>")), "{page}");
            assert!(!page.contains(&token), "{page}");
            assert!(!page.contains(&format!(">{id}<")), "{page}");
        }
    }
}

#[test]
fn a_token_that_is_revoked_is_refused_from_the_next_request() {
    let redis = RedisServer::start();
    for settings in [String::new(), redis.settings()] {
        let upstream = Upstream::start();
        let gateway = Gateway::start(&(upstream.settings() + ROUTES + &settings));
        let mut browser = Browser::signed_in(&gateway, "ada");
        let token = gateway.register("bob");
        let other = gateway.register("zoe");
        let id = id_of(&gateway, "bob");
        assert_eq!(gateway.status_of(&token), 200);
        browser.get("/admin/tokens/");
        let answer = browser.post("/admin/tokens/revoke/", &[("token", &id)]);
        let there = answer.header("Location").unwrap();
        assert_eq!((gateway.status_of(&token), gateway.status_of(&other)), (401, 200));
        let page = browser.get(&there).text();
        let said = format!("<code>…{}</code> has ended.", &id[id.len() - 4..]);
        assert!(page.contains(&said), "{page}");
    }
}

#[test]
fn a_pasted_token_is_found_and_told_of_by_its_id_alone() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    let token = gateway.register("bob");
    let id = id_of(&gateway, "bob");
    for pasted in [token.clone(), format!("Token {token}"), format!(" {token}\r\n"), id.clone()] {
        browser.get("/admin/tokens/");
        let page = browser.post("/admin/tokens/find/", &[("token", &pasted)]).text();
        assert!(page.contains("<bdi>bob</bdi>"), "{page}");
        assert!(page.contains(&format!("name=\"token\" value=\"{id}\"")), "{page}");
        assert!(!page.contains(&token), "{page}");
    }
    let page = browser.post("/admin/tokens/find/", &[("token", "no-such-token")]).text();
    assert!(page.contains("There is no such token") && !page.contains("no-such-token"), "{page}");
    assert!(!gateway.log().contains(&token) && !gateway.log().contains("no-such-token"));
}

#[test]
fn a_token_is_made_with_a_name_and_a_lifetime_and_shown_once() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.run_with_input(&["user", "create", "bob", "--password-stdin"], PASSWORD).done();
    let path = page_of(&gateway, "bob");
    browser.get(&format!("{path}tokens/new/"));
    let fields = [("name", "backup"), ("lifetime", "span"), ("count", "30"), ("unit", "days")];
    let page = browser.post(&format!("{path}tokens/new/"), &fields).text();
    let token = between(&page, "id=\"token\">", "<").unwrap();
    assert!(page.contains(&format!("curl -H 'Authorization: Token {token}' http://")), "{page}");
    assert_eq!(gateway.status_of(&token), 200);
    let page = browser.get(&path).text();
    assert!(page.contains("<bdi>backup</bdi>") && page.contains("by <bdi>ada</bdi>"), "{page}");
    assert!(!page.contains(&token), "{page}");
    let never = browser.post(&format!("{path}tokens/new/"), &[("lifetime", "never")]).text();
    assert!(never.contains("never"), "{never}");
    for count in ["", "0", "-1", "1.5", "99999999999999999999"] {
        let fields = [("lifetime", "span"), ("count", count), ("unit", "days")];
        let page = browser.post(&format!("{path}tokens/new/"), &fields).text();
        assert!(page.contains("Enter a whole number"), "{count}: {page}");
    }
}

#[test]
fn all_tokens_of_a_user_but_one_end() {
    let redis = RedisServer::start();
    for settings in [String::new(), redis.settings()] {
        let upstream = Upstream::start();
        let gateway = Gateway::start(&(upstream.settings() + ROUTES + &settings));
        let mut browser = Browser::signed_in(&gateway, "ada");
        let first = gateway.register("bob");
        let id = id_of(&gateway, "bob");
        let others = [gateway.login("bob"), gateway.login("bob")];
        assert_eq!(others.each_ref().map(|token| gateway.status_of(token)), [200, 200]);
        let path = page_of(&gateway, "bob");
        let question = browser.get(&format!("{path}tokens/keep/?token={id}&page=2")).text();
        assert!(question.contains("2 other tokens"), "{question}");
        // Both the form and the way back know the page.
        assert!(question.contains("name=\"page\" value=\"2\""), "{question}");
        assert!(question.contains(&format!("{path}?page=2\"")), "{question}");
        let fields = [("token", id.as_str()), ("page", "2")];
        let answer = browser.post(&format!("{path}tokens/keep/"), &fields);
        let back = format!("{path}?page=2&done=others-ended");
        assert_eq!((answer.status, answer.header("Location")), (302, Some(back)));
        assert_eq!(gateway.status_of(&first), 200);
        assert_eq!(others.each_ref().map(|token| gateway.status_of(token)), [401, 401]);
    }
}

#[test]
fn a_hostile_user_agent_is_harmless() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let credentials = json!({ "username": "bob", "password": PASSWORD });
    let login = Request::post("/api/login/").with("User-Agent", "<script>alert(1)</script>");
    assert_eq!(gateway.send(&login.json(&credentials)).status, 200);
    for page in ["/admin/tokens/".to_owned(), page_of(&gateway, "bob")] {
        let page = browser.get(&page).text();
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
    }
}

#[test]
fn the_list_says_when_and_from_where_a_token_was_used_last() {
    let redis = RedisServer::start();
    for store in [String::new(), redis.settings()] {
        let upstream = Upstream::start();
        let proxies = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
        let gateway = Gateway::start(&(store + proxies + &upstream.settings() + ROUTES));
        let mut browser = Browser::signed_in(&gateway, "ada");
        let token = gateway.register("bob");
        let used_from = || {
            let tokens = gateway.run(&["token", "list", "bob", "--json"]).done().json();
            tokens[0]["last_used_from"].as_str().map(str::to_owned)
        };
        assert_eq!(used_from(), None);
        let minute = || SystemClock.now().micros() / 60_000_000;
        let begun = minute();
        for address in ["203.0.113.9", "203.0.113.10"] {
            let request = Request::get("/").with("Authorization", &format!("Token {token}"));
            assert_eq!(gateway.send(&request.with("X-Forwarded-For", address)).status, 200);
        }
        let from = eventually("the note", used_from);
        // The second comes within the minute, as a rule, and is not noted.
        assert!(from == "203.0.113.9" || minute() > begun, "{from}");
        let page = browser.get("/admin/tokens/").text();
        assert!(page.contains(&from), "{page}");
    }
}

#[test]
fn the_tokens_of_a_user_are_on_pages_and_one_stays_on_the_page_after_a_revocation() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let path = page_of(&gateway, "bob");
    for _ in 0..102 {
        gateway.login("bob");
    }
    let first = browser.get(&path).text();
    assert!(first.contains("Page 1 of 2") && first.contains("Revoke all"), "{first}");
    let second = browser.get(&format!("{path}?page=2")).text();
    assert_eq!(second.matches("aria-label=\"Revoke token").count(), 3, "{second}");
    let id = between(&second, "name=\"token\" value=\"", "\"").unwrap();
    let fields = [("token", id.as_str()), ("back", "user"), ("at", "2")];
    let answer = browser.post("/admin/tokens/revoke/", &fields);
    let there = answer.header("Location").unwrap();
    assert!(there.starts_with(&format!("{path}?page=2&done=token-revoked")), "{there}");
    let page = browser.get(&there).text();
    assert!(page.contains("Page 2 of 2") && page.contains("has ended."), "{page}");
}
