//! A store that was emptied, or replaced by another one.

use super::until_metered;
use crate::console::Browser;
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

const ADMIN: &str = "[admin]\nenabled = true\n";

fn on(redis: &RedisServer) -> (Upstream, Gateway) {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES + &redis.settings() + ADMIN;
    let gateway = Gateway::metered(&settings);
    (upstream, gateway)
}

fn links(gateway: &Gateway) -> usize {
    gateway.log().matches("/setup/?code=").count()
}

/// Waits until the gateway knows which store it has.
fn until_known(redis: &RedisServer) {
    eventually("the mark", || {
        let is_there: u64 = redis.ask(&["EXISTS", "authgate:items:{mark}"]);
        (is_there == 1).then_some(())
    });
    std::thread::sleep(std::time::Duration::from_millis(1_200));
}

#[test]
fn a_store_that_was_emptied_signs_everybody_out_is_told_and_opens_no_setup_even_after_a_restart() {
    let redis = RedisServer::start();
    let (_upstream, mut gateway) = on(&redis);
    eventually("the link", || (links(&gateway) == 1).then_some(()));
    let token = gateway.register("alice");
    assert_eq!(gateway.status_of(&token), 200);
    until_known(&redis);
    redis.ask::<()>(&["FLUSHALL"]);
    eventually("the end of the token", || {
        let status = gateway.status_of(&token);
        assert!([200, 401].contains(&status), "{status}");
        (status == 401).then_some(())
    });
    until_metered(&gateway, "store_epoch_changes_total", |number| number > 0.0);
    eventually("the event", || gateway.log().contains("store_epoch_changed").then_some(()));
    eventually("the mark", || {
        let is_there: u64 = redis.ask(&["EXISTS", "authgate:items:{mark}"]);
        (is_there == 1).then_some(())
    });
    gateway.restart();
    eventually("the refusal", || gateway.log().contains("nobody gets a link to it").then_some(()));
    assert_eq!(links(&gateway), 1, "no other link");
    assert!(gateway.meter("store_epoch_changes_total") < 1.0);
    gateway.register("alice");
    gateway.run(&["user", "promote", "alice"]).done();
}

#[test]
fn a_store_that_an_empty_one_took_the_place_of_is_noticed_too() {
    let mut redis = RedisServer::start_with(&["--appendonly", "no"]);
    let (_upstream, gateway) = on(&redis);
    let token = gateway.register("alice");
    until_known(&redis);
    redis.restart();
    until_metered(&gateway, "store_epoch_changes_total", |number| number > 0.0);
    assert_eq!(gateway.status_of(&token), 401);
    let told = || gateway.log().matches("the store was emptied, or is another one").count();
    eventually("the error", || (told() > 0).then_some(()));
    assert_eq!(told(), 1);
    let mut browser = Browser::signed_in(&gateway, "ops");
    let page = browser.get("/admin/").text();
    assert!(page.contains("another one was put in its place"), "{page}");
    assert!(page.contains("appendonly is off"), "{page}");
}

#[test]
fn what_was_in_memory_is_asked_for_again_once_the_store_is_another_one() {
    let redis = RedisServer::start();
    let (_upstream, gateway) = on(&redis);
    let token = gateway.register("alice");
    until_known(&redis);
    gateway.until_told();
    assert_eq!(gateway.status_of(&token), 200);
    let misses = || gateway.meter("cache_misses_total");
    let before = misses();
    // Nothing else tells of this.
    redis.ask::<()>(&["DEL", "authgate:items:{mark}"]);
    until_metered(&gateway, "store_epoch_changes_total", |number| number > 0.0);
    assert_eq!(gateway.status_of(&token), 200);
    assert!(misses() > before);
}

#[test]
fn a_store_that_goes_away_and_comes_back_is_the_same() {
    let mut redis = RedisServer::start();
    let (_upstream, gateway) = on(&redis);
    let token = gateway.register("alice");
    until_known(&redis);
    redis.kill();
    until_metered(&gateway, "store_up", |up| up < 1.0);
    redis.restart();
    until_metered(&gateway, "store_up", |up| up > 0.0);
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    assert!(gateway.meter("store_epoch_changes_total") < 1.0);
    assert_eq!(gateway.status_of(&token), 200);
}
