//! Hosts: whatever the spelling, the same rule.

use crate::harness::gateway::{Gateway, route};
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;

#[test]
fn every_spelling_of_a_host_is_that_host() {
    let upstream = Upstream::start();
    let rules = ["gate.test", "[::1]", "127.0.0.1", "xn--bcher-kva.test"]
        .map(|host| route("/", "staff") + &format!("host = \"{host}\"\n"));
    let gateway = Gateway::start(&(upstream.settings() + &rules.concat() + &route("/", "public")));
    for host in [
        "gate.test",
        "GATE.TEST",
        "gate.test.",
        "Gate.Test.:8000",
        "gate.test:1",
        "[::1]",
        "[::1]:8000",
        "127.0.0.1:8000",
        "xn--bcher-kva.test",
        "XN--BCHER-KVA.test:443",
    ] {
        assert_eq!(gateway.send(&Request::get("/").with("Host", host)).status, 401, "{host}");
    }
    // What is no host is nobody's, and not that of every other host.
    for host in ["b\u{fc}cher.test", "gate%2Etest", "gate.test..", "gate.test:x", "[::1", "::1"] {
        assert_eq!(gateway.send(&Request::get("/").with("Host", host)).status, 400, "{host}");
    }
    assert!(upstream.take().is_empty());
    assert_eq!(gateway.send(&Request::get("/").with("Host", "other.test")).status, 200);
}

#[test]
fn among_two_hundred_hosts_each_has_its_own_rule() {
    let upstream = Upstream::start();
    let rule = |number: usize| {
        let access = ["public", "user", "staff", "optional"][number % 4];
        route("/", access) + &format!("host = \"h{number}.test\"\n")
    };
    let rules: String = (0..200).map(rule).collect();
    let gateway = Gateway::start(&(upstream.settings() + &rules));
    let mut client = gateway.connect();
    for number in 0..200 {
        let request = Request::get("/").with("Host", &format!("H{number}.test:80"));
        let wanted = [200, 401, 401, 200][number % 4];
        assert_eq!(client.send(request.bytes()).answer().status, wanted, "{number}");
    }
    let other = Request::get("/").with("Host", "h200.test");
    assert_eq!(client.send(other.bytes()).answer().status, 404);
}
