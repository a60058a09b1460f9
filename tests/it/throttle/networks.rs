//! Networks that are treated in a way of their own.

use super::{address, count, from, guess, login, on_each_store};
use crate::harness::http::Request;

#[test]
fn no_limit_holds_for_a_network_that_is_allowed() {
    let limits = "login_failures_per_network = \"1/1h\"\nallow = [\"198.18.1.0/24\"]\n";
    on_each_store(limits, |gateway| {
        assert_eq!(count(400, (0..4).map(|_| guess(gateway, "alice", "198.18.1.9"))), 4);
        assert_eq!(count(400, (0..4).map(|_| guess(gateway, "alice", "198.18.2.9"))), 1);
    });
}

#[test]
fn a_network_that_is_denied_gets_nothing() {
    let limits = "deny = [\"198.18.0.0/16\"]\nallow = [\"198.18.0.7\"]\n";
    on_each_store(limits, |gateway| {
        let token = gateway.register("alice");
        for request in
            [Request::get("/app").token(&token), Request::get("/public"), login("alice", "x")]
        {
            let denied = gateway.send(&from(&address(1), request.clone()));
            assert_eq!(denied.status, 403);
            let words = "You do not have permission to perform this action.";
            assert_eq!(denied.json()["detail"], words);
            // The smallest network that holds an address counts.
            assert_ne!(gateway.send(&from(&address(7), request)).status, 403);
        }
    });
}
