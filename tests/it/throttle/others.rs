//! Registrations and unknown tokens.

use super::{address, count, from, on_each_store, register_from};
use crate::harness::http::Request;

#[test]
fn registrations_are_limited_by_network() {
    on_each_store("registrations_per_network = \"3/1h\"\n", |gateway| {
        let tried =
            (0..5).map(|number| register_from(gateway, &format!("user{number}"), &address(1)));
        assert_eq!(count(200, tried), 3);
        assert_eq!(register_from(gateway, "user", &address(2)).status, 200);
        // What exists is not told to those who ask for too many names.
        assert_eq!(register_from(gateway, "user", &address(1)).status, 429);
    });
}

#[test]
fn names_that_are_taken_count_as_registrations() {
    on_each_store("registrations_per_network = \"3/1h\"\n", |gateway| {
        let tried = (0..5).map(|_| register_from(gateway, "alice", &address(1)).status);
        assert_eq!(tried.collect::<Vec<_>>(), [200, 400, 400, 429, 429]);
    });
}

#[test]
fn unknown_tokens_are_limited_by_network_and_good_ones_never() {
    on_each_store("unknown_tokens_per_network = \"4/1h\"\n", |gateway| {
        let good = gateway.register("alice");
        let send = |token: &str, address: &str| {
            gateway.send(&from(address, Request::get("/app").token(token))).status
        };
        let unknown = (0..8).map(|number| send(&format!("{number:064x}"), &address(1)));
        assert_eq!(unknown.collect::<Vec<_>>(), [401, 401, 401, 401, 429, 429, 429, 429]);
        for _ in 0..5 {
            assert_eq!(send(&good, &address(1)), 200);
        }
        assert_eq!(send(&format!("{:064x}", 0), &address(2)), 401);
        // Where no token is needed, none is refused.
        let public = Request::get("/public").token(&format!("{:064x}", 0));
        assert_eq!(gateway.send(&from(&address(1), public)).status, 200);
        let optional = Request::get("/optional").token(&format!("{:064x}", 0));
        assert_eq!(gateway.send(&from(&address(1), optional)).status, 200);
    });
}

#[test]
fn a_token_that_has_ended_is_told_so_and_not_to_wait() {
    on_each_store("unknown_tokens_per_network = \"1/1h\"\n", |gateway| {
        let token = gateway.register("alice");
        gateway.run(&["user", "deactivate", "alice"]).done();
        gateway.until_told();
        for _ in 0..4 {
            let request = from(&address(1), Request::get("/app").token(&token));
            assert_eq!(gateway.send(&request).status, 401);
        }
    });
}
