//! What needs attention, and what is going on.

use super::{Browser, on_each_store};
use crate::harness::eventually;
use crate::harness::gateway::Gateway;
use crate::harness::listener::Listener;
use crate::harness::redis_server::RedisServer;
use std::time::Duration;

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
fn a_certificate_that_expires_soon_needs_attention_until_there_is_another() {
    const DAY: Duration = Duration::from_hours(24);
    let (listener, other) = (Listener::tls(), Listener::tls());
    listener.renew(DAY * 13 + DAY / 2);
    let control = "[server]\ncontrol = \"control\"\n";
    let gateway = listener.metered_gateway(control);
    let mut browser = Browser::signed_in(&gateway, "ops");
    let (file, address) = (listener.certificate(), listener.address);
    let what = format!("The certificate {file} of the listener {address} ");
    let mut until_told = |kinds: Option<[&str; 2]>, words: &str| {
        let alert = format!("{what}{words}");
        eventually(words, || {
            let page = browser.get("/admin/").text();
            let told = gateway.run(&["overview"]).done();
            let Some([page_kind, told_kind]) = kinds else {
                return (!page.contains(&alert) && !told.says(&alert)).then_some(());
            };
            let is_on_page = page.contains(&format!("<b>{page_kind}: </b>{alert}"));
            (is_on_page && told.says(&format!("{told_kind}: {alert}"))).then_some(())
        });
    };
    until_told(Some(["Note", "look"]), "expires in 13 days.");
    listener.renew(DAY * 2 + DAY / 2);
    until_told(Some(["Problem", "wrong"]), "expires in 2 days.");
    listener.renew(Duration::ZERO);
    until_told(Some(["Problem", "wrong"]), "has expired.");
    listener.renew(DAY * 15);
    until_told(None, "");
    listener.renew(DAY / 2);
    until_told(Some(["Problem", "wrong"]), "expires within a day.");
    let meter = |one: &Listener| {
        let labels = format!("listener=\"{address}\",file=\"{}\"", one.certificate());
        gateway.try_meter(&format!("certificate_expiry_timestamp_seconds{{{labels}}}"))
    };
    assert!(meter(&listener).unwrap() > 1.7e9);
    // Other files by a reload of the settings.
    let settings = other.settings().replace(&other.address.to_string(), &address.to_string());
    let ops = format!("[ops]\nlisten = \"{}\"\n", gateway.ops());
    gateway.configure(&(control.to_owned() + &ops + &settings));
    gateway.tell("reload").done();
    until_told(None, "");
    assert_eq!((meter(&listener), meter(&other).is_some()), (None, true));
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
