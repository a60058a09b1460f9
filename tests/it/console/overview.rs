//! What needs attention, and what is going on.

use super::{Browser, on_each_store};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::redis_server::RedisServer;

#[test]
fn what_was_counted_reaches_the_charts() {
    on_each_store("", |gateway| {
        let mut browser = Browser::signed_in(gateway, "ops");
        gateway.register("alice");
        assert_eq!(gateway.try_login("nobody").status, 400);
        for _ in 0..2 {
            gateway.login("alice");
        }
        eventually("the counts", || {
            let page = browser.get("/admin/").text();
            // The operator's own sign-in is one too.
            let logins = "In all 3 succeeded, 1 failed.";
            (page.contains(logins) && page.contains("id=\"requests-day-text\"")).then_some(())
        });
    });
}

#[test]
fn nothing_needs_attention_where_all_is_well() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ops");
    let page = eventually("a feed", || {
        let page = browser.get("/admin/").text();
        (!page.contains("does not tell this gateway")).then_some(page)
    });
    // But for the app, which is not there, and the operator's missing second factor.
    assert!(!page.contains("Problem: "), "{page}");
    assert!(page.contains("Store: SQLite"), "{page}");
}

#[test]
fn a_reload_that_failed_needs_attention() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ops");
    gateway.write_settings("nonsense = 1\n");
    gateway.hang_up();
    eventually("the alert", || {
        browser.get("/admin/").text().contains("those before hold").then_some(())
    });
}

#[test]
fn many_failures_and_those_who_are_refused_need_attention() {
    let gateway = Gateway::start(
        "[limits]\nlogin_failures_per_account_and_network = \"22/1h\"\n\
         login_failures_per_account = { free = 100 }\n",
    );
    let mut browser = Browser::signed_in(&gateway, "ops");
    for _ in 0..25 {
        gateway.try_login("nobody");
    }
    eventually("the alerts", || {
        let page = browser.get("/admin/").text();
        let alerts = ["refuses someone now", "logins failed within the last hour"];
        alerts.iter().all(|alert| page.contains(alert)).then_some(())
    });
}

#[test]
fn no_page_has_styles_or_scripts_of_its_own() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ops");
    for path in ["/admin/", "/admin/limits/", "/admin/events/"] {
        let page = browser.get(path).text();
        for forbidden in ["style=", "<style", "onclick", "<script>"] {
            assert!(!page.contains(forbidden), "{path}: {forbidden}");
        }
    }
}

#[test]
fn while_the_store_is_away_it_is_said() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    let mut browser = Browser::signed_in(&gateway, "ops");
    let mut redis = redis;
    redis.kill();
    let answer = browser.get("/admin/");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("does not answer"), "{}", answer.text());
    eventually("the loss", || gateway.log().contains("store_lost").then_some(()));
    redis.restart();
    eventually("the page", || (browser.get("/admin/").status == 200).then_some(()));
    eventually("the outage among the events", || {
        let page = browser.get("/admin/events/?actor=gateway").text();
        (page.contains("store lost") && page.contains("after ")).then_some(())
    });
}
