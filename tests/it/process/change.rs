//! Other settings, and another process, while requests run.

use super::under_load;
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES, route};
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_file_with_mistakes_changes_nothing_and_fails_no_request() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES;
    let gateway = Gateway::start(&settings);
    let token = gateway.register("alice");
    let seen = under_load(gateway.address, &token, 4, |answered| {
        for broken in ["not = [toml", "[server]\nlisen = 1\n"] {
            let before = mistakes(&gateway);
            gateway.write_settings(broken);
            gateway.hang_up();
            eventually("the mistake", || (mistakes(&gateway) > before).then_some(()));
            until_answered(answered, 20);
        }
    });
    assert_eq!(seen.failed, Vec::<String>::new());
    assert!(seen.answered > 0);
    assert_eq!(gateway.send(&Request::get("/public")).status, 200);
}

#[test]
fn settings_that_are_read_again_fail_no_request() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES;
    let gateway = Gateway::start(&settings);
    let token = gateway.register("alice");
    let seen = under_load(gateway.address, &token, 4, |answered| {
        for turn in 0..20 {
            gateway.configure(&(settings.clone() + &route(&format!("/new-{turn}"), "public")));
            gateway.hang_up();
            eventually("the new route", || {
                let status = gateway.send(&Request::get(&format!("/new-{turn}"))).status;
                (status == 200).then_some(())
            });
            until_answered(answered, 5);
        }
    });
    assert_eq!(seen.failed, Vec::<String>::new());
}

#[test]
fn a_route_that_is_closed_is_closed_for_connections_that_were_kept() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + &route("/", "user");
    let gateway = Gateway::start(&(settings.clone() + &route("/door", "public")));
    let mut client = gateway.connect();
    let request = Request::get("/door").bytes();
    assert_eq!(client.send(&request).answer().status, 200);
    gateway.configure(&settings);
    gateway.hang_up();
    eventually("the closed door", || (client.send(&request).answer().status == 401).then_some(()));
    upstream.take();
    assert_eq!(client.send(&request).answer().status, 401);
    assert!(upstream.take().is_empty());
}

/// How often the gateway has kept its settings.
fn mistakes(gateway: &Gateway) -> usize {
    gateway.log().matches("settings kept as they were").count()
}

/// Waits until so many more requests have been answered.
pub(super) fn until_answered(answered: &AtomicUsize, more: usize) {
    let wanted = answered.load(Ordering::SeqCst) + more;
    eventually("answers", || (answered.load(Ordering::SeqCst) >= wanted).then_some(()));
}
