//! h2load, of nghttp2: many streams at once.

use std::process::Command;

use super::run_to_end;
use crate::harness::gateway::ROUTES;
use crate::harness::http::HOST;
use crate::harness::listener::Listener;
use crate::harness::upstream::Upstream;

#[test]
fn h2load_gets_every_answer_over_http_2_without_tls() {
    assert_every_answer_comes(&Listener::h2c(), "http");
}

#[test]
fn h2load_gets_every_answer_over_tls() {
    assert_every_answer_comes(&Listener::tls(), "https");
}

fn assert_every_answer_comes(listener: &Listener, scheme: &str) {
    let upstream = Upstream::start();
    let gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let token = gateway.register("alice");
    let outcome = run_to_end(
        Command::new("h2load")
            .args(["--requests", "1000", "--clients", "4", "--max-concurrent-streams", "25"])
            .args(["--connection-active-timeout", "30s"])
            .args(["--header", &format!("Authorization: Token {token}")])
            .arg(format!("--connect-to={}", listener.address))
            .arg(format!("{scheme}://{HOST}:{}/app", listener.address.port())),
    );
    for said in ["1000 succeeded, 0 failed, 0 errored", "1000 2xx, 0 3xx, 0 4xx, 0 5xx"] {
        assert!(outcome.says(said), "{outcome:?}");
    }
    assert_eq!(upstream.take().len(), 1000);
}
