//! The first operator.

use super::account::have_fail;
use super::{Browser, between, make_operator, on_each_store};
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;
use crate::harness::relay::Relay;
use crate::harness::{eventually, free_address};
use rusqlite::Connection;
use std::thread;
use std::time::{Duration, Instant};

/// The path of the link in a gateway's log.
fn link(gateway: &Gateway) -> String {
    eventually("the link", || {
        let log = gateway.log();
        let (_, after) = log.rsplit_once(&format!("http://{}", gateway.address))?;
        let path = after.split_whitespace().next()?;
        path.contains("/setup/?code=").then(|| path.trim_matches('"').to_owned())
    })
}

fn form<'a>(code: &'a str, name: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("code", code),
        ("username", name),
        ("email", ""),
        ("password", PASSWORD),
        ("password_again", PASSWORD),
    ]
}

fn code_of(link: &str) -> &str {
    link.split_once("code=").unwrap().1
}

/// Makes the first operator in this browser.
pub(crate) fn by_the_link(gateway: &Gateway, browser: &mut Browser, name: &str) {
    let link = link(gateway);
    browser.get(&link);
    let made = browser.post("/admin/setup/", &form(code_of(&link), name));
    assert_eq!(made.status, 302, "{}", made.text());
}

#[test]
fn the_link_in_the_log_makes_the_first_operator_once() {
    on_each_store("", |gateway| {
        let link = link(gateway);
        let mut browser = Browser::of(gateway);
        let page = browser.get(&link);
        assert_eq!(page.status, 200);
        let made = browser.post("/admin/setup/", &form(code_of(&link), "ada"));
        assert_eq!((made.status, made.header("Location").unwrap().as_str()), (302, "/admin/"));
        assert!(browser.is_in());
        assert!(gateway.run(&["user", "show", "ada"]).done().stdout.contains("staff:       yes"));
        let again = browser.get(&link);
        assert_eq!(again.status, 410);
        assert!(again.text().contains("authgate user create NAME --staff"));
        browser.get("/admin/account/");
        let again = browser.post("/admin/setup/", &form(code_of(&link), "eve"));
        assert_eq!(again.status, 410);
        assert_eq!(gateway.run(&["user", "show", "eve"]).code, Some(1));
    });
}

#[test]
fn the_code_stands_in_the_log_once_and_nowhere_else() {
    let gateway = Gateway::start("");
    let link = link(&gateway);
    let mut browser = Browser::of(&gateway);
    browser.get(&link);
    browser.post("/admin/setup/", &form(code_of(&link), "ada"));
    browser.get(&link);
    eventually("the line of the last request", || {
        (gateway.log().matches("/admin/setup/").count() >= 4).then_some(())
    });
    assert_eq!(gateway.log().matches(code_of(&link)).count(), 1);
    let events = gateway.run(&["events", "--json"]).done().stdout;
    assert!(!events.contains(code_of(&link)) && !gateway.log().contains(PASSWORD));
    let store = std::fs::read(gateway.folder().join("authgate.db")).unwrap();
    assert!(!String::from_utf8_lossy(&store).contains(code_of(&link)));
}

#[test]
fn what_is_refused_of_the_form_can_be_tried_again() {
    let gateway = Gateway::start("");
    gateway.register("taken");
    let link = link(&gateway);
    let code = code_of(&link);
    let mut browser = Browser::of(&gateway);
    browser.get(&link);
    let mut differ = form(code, "ada");
    differ[4] = ("password_again", "other");
    let mut weak = form(code, "ada");
    (weak[3], weak[4]) = (("password", "password"), ("password_again", "password"));
    let mut email = form(code, "ada");
    email[2] = ("email", "nobody");
    for wrong in [differ, weak, email, form(code, "taken"), form(code, "a b")] {
        let answer = browser.post("/admin/setup/", &wrong);
        assert_eq!(answer.status, 400, "{wrong:?}");
        assert!(
            between(&answer.text(), "role=\"alert\">", "<").is_some_and(|words| !words.is_empty())
        );
    }
    assert_eq!(browser.post("/admin/setup/", &form(code, "ada")).status, 302);
}

#[test]
fn of_several_gateways_the_first_link_that_is_used_voids_the_others() {
    let redis = RedisServer::start();
    let gateways = [(); 2].map(|()| Gateway::start(&redis.settings()));
    let links = gateways.each_ref().map(link);
    assert_ne!(code_of(&links[0]), code_of(&links[1]));
    let mut browser = Browser::of(&gateways[0]);
    browser.get(&links[1]);
    assert_eq!(browser.post("/admin/setup/", &form(code_of(&links[1]), "ada")).status, 302);
    for link in &links {
        assert_eq!(browser.get(link).status, 410);
    }
}

#[test]
fn of_two_who_use_it_at_once_one_is_made() {
    on_each_store("", |gateway| {
        let link = link(gateway);
        let statuses = thread::scope(|scope| {
            let tries = ["ada", "bob"].map(|name| {
                let link = &link;
                scope.spawn(move || {
                    let mut browser = Browser::of(gateway);
                    browser.get(link);
                    browser.post("/admin/setup/", &form(code_of(link), name)).status
                })
            });
            tries.map(|one| one.join().unwrap())
        });
        let made = statuses.iter().filter(|status| **status == 302).count();
        assert_eq!(made, 1, "{statuses:?}");
    });
}

#[test]
fn a_link_is_no_longer_good_once_there_is_an_operator() {
    let gateway = Gateway::start("");
    let link = link(&gateway);
    make_operator(&gateway, "ada");
    assert_eq!(gateway.send(&Request::get(&link)).status, 410);
}

#[test]
fn a_store_that_is_emptied_opens_nothing() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    let link = link(&gateway);
    make_operator(&gateway, "ada");
    let _: String = redis.ask(&["FLUSHALL"]);
    let mut browser = Browser::of(&gateway);
    assert_eq!(browser.get(&link).status, 410);
    assert_eq!(browser.get("/admin/setup/").status, 410);
    assert_eq!(browser.try_sign_in("ada", PASSWORD).status, 401);
    assert_eq!(gateway.log().matches("/setup/?code=").count(), 1);
}

#[test]
fn without_a_link_nobody_is_made_and_there_is_no_default() {
    let gateway = Gateway::start("");
    let mut browser = Browser::of(&gateway);
    for code in ["", "?code=", "?code=x", &format!("?code={}", "0".repeat(64))] {
        assert_eq!(browser.get(&format!("/admin/setup/{code}")).status, 410, "{code}");
    }
    for (name, password) in [("admin", "admin"), ("admin", "password"), ("authgate", "authgate")] {
        assert_eq!(browser.try_sign_in(name, password).status, 401);
    }
    let users = gateway.run(&["user", "list", "--json"]).done().json();
    assert_eq!(users, serde_json::json!([]));
}

#[test]
fn the_link_leads_to_the_consoles_own_listener_if_it_has_one() {
    let address = free_address();
    let gateway = Gateway::start(&format!("[admin]\nlisten = \"{address}\"\n"));
    let log =
        eventually("the link", || Some(gateway.log()).filter(|log| log.contains("/setup/?code=")));
    assert!(log.contains(&format!("http://{address}/admin/setup/?code=")), "{log}");
}

#[test]
fn without_a_console_there_is_no_link() {
    let gateway = Gateway::start("[admin]\nenabled = false\n");
    // It is a path like any other.
    assert_eq!(gateway.send(&Request::get("/admin/setup/")).status, 401);
    assert!(!gateway.log().contains("/setup/?code="));
}

#[test]
fn there_is_a_link_however_long_it_takes_to_look_at_all_users() {
    /// So many that on a slow way to Redis it takes longer than operators wait for a page.
    const USERS: usize = 20_000;
    let redis = RedisServer::start();
    let numbers: Vec<_> = (1..=USERS).map(|number| number.to_string()).collect();
    for some in numbers.chunks(1_000) {
        let mut command = vec!["ZADD", "authgate:users"];
        command.extend(some.iter().flat_map(|number| [number.as_str(), number]));
        redis.ask::<u64>(&command);
    }
    let way = Relay::slow(redis.address(), Duration::from_millis(40));
    let gateway = Gateway::start(&format!("[store]\nurl = \"redis://{}/0\"\n", way.address));
    let begun = Instant::now();
    while !gateway.log().contains("/setup/?code=") {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", gateway.log());
        thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() > Duration::from_secs(5), "it was not long enough to be a test");
}

#[test]
fn an_operator_whom_no_index_has_closes_the_way_to_the_first() {
    let redis = RedisServer::start();
    let mut gateway = Gateway::start(&redis.settings());
    let link = link(&gateway);
    make_operator(&gateway, "ada");
    assert_eq!(redis.ask::<u64>(&["ZREM", "authgate:staff", "1"]), 1);
    let mut browser = Browser::of(&gateway);
    assert_eq!(browser.get(&link).status, 410);
    let made = browser.post("/admin/setup/", &form(code_of(&link), "eve"));
    assert_ne!(made.status, 302, "{}", made.text());
    gateway.restart();
    assert_eq!(Browser::of(&gateway).try_sign_in("ada", PASSWORD).status, 302);
    assert_eq!(gateway.log().matches("/setup/?code=").count(), 1, "that of the first start");
    assert_eq!(gateway.run(&["user", "show", "eve"]).code, Some(1));
    // Nor is who is the last one taken for none.
    assert_eq!(redis.ask::<u64>(&["ZREM", "authgate:staff", "1"]), 0);
    assert_eq!(gateway.run(&["user", "demote", "ada"]).code, Some(1));
    make_operator(&gateway, "bob");
    redis.ask::<u64>(&["DEL", "authgate:staff"]);
    gateway.run(&["user", "demote", "ada"]).done();
}

#[test]
fn a_first_operator_who_cannot_be_signed_in_is_told_that_they_exist() {
    let gateway = Gateway::start("");
    let link = link(&gateway);
    let mut browser = Browser::of(&gateway);
    browser.get(&link);
    let store = Connection::open(gateway.folder().join("authgate.db")).unwrap();
    have_fail(&store, "INSERT ON items WHEN NEW.kind = 'session'");
    let answer = browser.post("/admin/setup/", &form(code_of(&link), "ada"));
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("The first operator is made"), "{}", answer.text());
    store.execute_batch("DROP TRIGGER fails").unwrap();
    browser.sign_in("ada");
}
