//! What operators see of limits, and clear.

use super::{BEHIND_A_PROXY, address, guess, on_each_store, sign_in};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::upstream::Upstream;

const STRICT: &str = "login_failures_per_account_and_network = \"2/1h\"\n";

#[test]
fn operators_see_who_is_refused_by_name() {
    on_each_store(STRICT, |gateway| {
        gateway.register("alice");
        (0..3).for_each(|_| drop(guess(gateway, "alice", &address(1))));
        guess(gateway, "hunter2", &address(2));
        let shown = gateway.run(&["limits", "show"]).done().stdout;
        assert!(
            shown.contains("login_failures_per_account_and_network  alice 198.18.0.1"),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
        let refused = gateway.run(&["limits", "show", "--refused", "--json"]).json();
        let refused = refused.as_array().unwrap();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0]["user"], "alice");
        assert!(refused[0]["refused_for"].as_u64().unwrap() > 1_000);
        let of_another = gateway.run(&["limits", "show", "--network", &address(3)]).done().stdout;
        assert_eq!(of_another, "Nothing counts against a limit.\n");
    });
}

#[test]
fn operators_let_an_account_in_again() {
    on_each_store(STRICT, |gateway| {
        gateway.register("alice");
        (0..3).for_each(|_| drop(guess(gateway, "alice", &address(1))));
        assert_eq!(sign_in(gateway, "alice", &address(1)).status, 429);
        let said = gateway.run(&["limits", "clear", "--user", "ALICE"]).done().stdout;
        assert!(said.contains("cleared"), "{said}");
        eventually("the login", || {
            (sign_in(gateway, "alice", &address(1)).status == 200).then_some(())
        });
    });
}

#[test]
fn one_limit_is_cleared_by_its_name() {
    on_each_store(STRICT, |gateway| {
        gateway.register("alice");
        (0..3).for_each(|_| drop(guess(gateway, "alice", &address(1))));
        let shown = || gateway.run(&["limits", "show", "--user", "alice", "--json"]).json();
        let before = shown();
        let before = before.as_array().unwrap();
        let [name, whose] = ["limit", "whose"].map(|key| before[0][key].as_str().unwrap());
        let nobody = ["limits", "clear", "--limit", name, "--of", "nobody"];
        assert!(gateway.run(&nobody).done().says("0 limits cleared"));
        let one = ["limits", "clear", "--limit", name, "--of", whose];
        assert!(gateway.run(&one).done().says("1 limit cleared"));
        let after = shown();
        assert!(!after.to_string().contains(&format!("{name}\"")), "{after}");
        // Others may have run out by themselves, but not one of an hour.
        assert_eq!(name, "login_failures_per_account");
        assert!(after.to_string().contains("login_failures_per_account_and_network"), "{after}");
    });
}

#[test]
fn what_is_to_be_cleared_must_be_said() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + BEHIND_A_PROXY));
    let refused = gateway.run(&["limits", "clear"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--all"), "{}", refused.stderr);
}
