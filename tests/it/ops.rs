//! What operators ask: is it alive, can it serve, what has it counted?

use std::net::SocketAddr;

use crate::harness::gateway::Gateway;
use crate::harness::http::{Answer, Connection, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::{eventually, free_address};

#[test]
fn readiness_follows_the_store_and_health_does_not() {
    let mut redis = RedisServer::start();
    let ops = free_address();
    let gateway = Gateway::start(&(listen(ops) + &format!("[store]\nurl = \"{}\"\n", redis.url())));
    let status = |path| ask(ops, path).status;
    assert_eq!((status("/healthz"), status("/readyz")), (200, 200));
    redis.kill();
    assert_eq!((status("/healthz"), status("/readyz")), (200, 503));
    gateway.run(&["health"]).done();
}

#[test]
fn answers_are_counted_by_status() {
    let ops = free_address();
    let gateway = Gateway::start(&listen(ops));
    for _ in 0..3 {
        gateway.send(&Request::get("/app"));
    }
    // A request is counted once it is over, which its client may know a moment sooner.
    eventually("the third", || {
        let text = ask(ops, "/metrics").text();
        text.contains("authgate_requests_total{status=\"401\"} 3\n").then_some(())
    });
}

#[test]
fn without_an_operations_listener_there_is_no_health_to_ask_for() {
    let gateway = Gateway::start("");
    let outcome = gateway.run(&["health"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.says("ops.listen"));
}

fn listen(address: SocketAddr) -> String {
    format!("[ops]\nlisten = \"{address}\"\n")
}

fn ask(address: SocketAddr, path: &str) -> Answer {
    Connection::open(address).send(Request::get(path).bytes()).answer()
}
