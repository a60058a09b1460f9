//! That nothing is guarded is said wherever someone looks.

use super::{CONTROLLED, SHADOW, shadow_before, turn};
use crate::console::Browser;
use crate::console::api::{get, key};
use crate::harness::command::authgate;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::{Connection, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use crate::harness::{eventually, folder};
use std::fs;

const WARNING: &str = "NOTHING IS GUARDED";

fn ready(gateway: &Gateway) -> String {
    Connection::open(gateway.ops()).send(Request::get("/readyz").bytes()).answer().text()
}

#[test]
fn check_and_the_start_warn_of_it() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES + SHADOW;
    let gateway = Gateway::start(&settings);
    eventually("the warning", || gateway.log().contains(WARNING).then_some(()));
    let folder = folder();
    let file = folder.path().join("authgate.toml");
    fs::write(&file, settings).unwrap();
    let checked = authgate(&["check", "--config", file.to_str().unwrap()], "");
    assert!(checked.code == Some(0) && checked.stderr.contains(WARNING), "{checked:?}");
    let overview = gateway.run(&["overview"]);
    assert!(overview.says("Nothing is guarded"), "{overview:?}");
    assert_eq!(gateway.run(&["overview", "--json"]).done().json()["is_shadow"], true);
}

#[test]
fn operators_see_it_for_as_long_as_it_is_so() {
    let upstream = Upstream::start();
    let (gateway, _) = shadow_before(&upstream, "");
    let mut browser = Browser::signed_in(&gateway, "ops");
    for page in ["/admin/", "/admin/users/", "/admin/routes/"] {
        assert!(browser.get(page).text().contains("Nothing is guarded"), "{page}");
    }
    let key = key(&gateway, "ops", &[]);
    let is_shadow = || get(&gateway, &key, "/overview").json()["is_shadow"].as_bool();
    assert_eq!(is_shadow(), Some(true));
    assert!(gateway.meter("shadow") > 0.0);
    assert_eq!(ready(&gateway), "ready, but nothing is guarded: gate.mode is \"shadow\"\n");
    turn(&gateway, &(upstream.settings() + ROUTES + CONTROLLED));
    assert!(!browser.get("/admin/").text().contains("Nothing is guarded"));
    assert_eq!(is_shadow(), Some(false));
    assert!(gateway.meter("shadow") < 1.0);
    assert_eq!(ready(&gateway), "ready\n");
}

#[test]
fn an_upstream_that_is_not_there_is_a_mistake() {
    let upstream = Upstream::start();
    let folder = folder();
    let file = folder.path().join("authgate.toml");
    let settings = upstream.settings() + ROUTES + SHADOW + "shadow_upstream = \"elsewhere\"\n";
    fs::write(&file, settings).unwrap();
    let checked = authgate(&["check", "--config", file.to_str().unwrap()], "");
    assert!(checked.code == Some(1) && checked.says("gate.shadow_upstream"), "{checked:?}");
}

#[test]
fn whoever_turns_guarding_off_or_on_is_told_and_it_is_kept() {
    let upstream = Upstream::start();
    let guarding = upstream.settings() + ROUTES + CONTROLLED;
    let gateway = Gateway::metered(&guarding);
    let ops = format!("[ops]\nlisten = \"{}\"\n", gateway.ops());
    let is_told_to_guard = || !gateway.tell("overview").says("Nothing is guarded");
    for (settings, guards, words) in [
        (guarding.clone() + SHADOW, false, "nothing is guarded from now on"),
        (guarding, true, "requests are guarded from now on"),
    ] {
        gateway.configure(&(settings + &ops));
        // What the file says is not at work yet.
        assert_eq!(is_told_to_guard(), !guards);
        let told = gateway.tell("reload");
        assert!(told.says(words), "{told:?}");
        assert_eq!(is_told_to_guard(), guards);
        eventually("the event", || gateway.run(&["events"]).says(words).then_some(()));
        let again = gateway.tell("reload");
        assert!(!again.says("from now on"), "{again:?}");
    }
}

#[test]
fn a_store_that_is_away_takes_no_shadow_out_of_its_balancer() {
    let (upstream, mut redis) = (Upstream::start(), RedisServer::start());
    let settings = upstream.settings() + ROUTES + SHADOW + &redis.settings();
    let gateway = Gateway::metered(&settings);
    redis.kill();
    let said = eventually("word of the store", || {
        Some(ready(&gateway)).filter(|said| said.contains("the store does not answer"))
    });
    let begins = "ready, but nothing is guarded: gate.mode is \"shadow\"";
    assert!(said.starts_with(begins), "{said}");
    let answer = Connection::open(gateway.ops()).send(Request::get("/readyz").bytes()).answer();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_console_in_the_place_of_the_apps_own_is_warned_of() {
    let upstream = Upstream::start();
    let folder = folder();
    let file = folder.path().join("authgate.toml");
    for (more, is_warned_of) in [
        ("", true),
        ("[admin]\npath = \"/gate\"\n", false),
        ("[admin]\nlisten = \"127.0.0.1:9\"\n", false),
        ("[admin]\nenabled = false\n", false),
    ] {
        fs::write(&file, upstream.settings() + ROUTES + SHADOW + more).unwrap();
        let checked = authgate(&["check", "--config", file.to_str().unwrap()], "");
        assert_eq!(checked.says("/admin/ of the app"), is_warned_of, "{more} {checked:?}");
    }
}
