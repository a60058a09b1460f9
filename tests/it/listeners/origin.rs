//! What the app is told of a connection, and requests that came by the wrong one.

use super::World;
use crate::harness::h2::{self, ask};
use crate::harness::http::{HOST, Request};
use http::Version;

const TRUSTING: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";

fn h2_request(host: &str) -> http::Request<()> {
    let uri = format!("https://{host}/public");
    http::Request::builder().version(Version::HTTP_2).uri(uri).body(()).unwrap()
}

/// The status of a request to this host over HTTP/2 that has called [`HOST`].
fn h2_status(world: &World, host: &str) -> u16 {
    let client = world.client();
    h2::run(async {
        let connection = client.connect_h2(world.listener.address, HOST).await;
        ask(&connection, h2_request(host), None).await.unwrap().status
    })
}

#[test]
fn the_app_is_told_of_the_protocol_and_the_host() {
    let world = World::new("");
    assert_eq!(world.gateway.send(&Request::get("/public")).status, 200);
    assert_eq!(world.status(&world.client()), 200);
    assert_eq!(h2_status(&world, HOST), 200);
    let told = world.upstream.take();
    let protocols: Vec<_> = told.iter().map(|one| one.header("X-Forwarded-Proto")).collect();
    assert_eq!(protocols, ["http", "https", "https"].map(|one| Some(one.to_owned())));
    for one in told {
        assert_eq!(one.header("X-Forwarded-Host").as_deref(), Some(HOST), "{one:?}");
        assert_eq!(one.header("Host").as_deref(), Some(HOST), "{one:?}");
        assert_eq!(one.header("X-Forwarded-For").as_deref(), Some("127.0.0.1"), "{one:?}");
    }
}

#[test]
fn a_host_that_was_not_called_is_misdirected() {
    let world = World::new("");
    let mut client = world.client().connect(world.listener.address, HOST);
    let ask = |host| Request::get("/public").with("Host", host).bytes();
    let answer = client.send(ask("other.test")).answer();
    assert_eq!(answer.status, 421);
    assert!(answer.json()["detail"].is_string(), "{answer:?}");
    let mut client = world.client().connect(world.listener.address, HOST);
    for same in [HOST, "GATE.test", "gate.test:8443"] {
        assert_eq!(client.send(ask(same)).answer().status, 200, "{same}");
    }
    assert_eq!(world.upstream.take().len(), 3);
}

#[test]
fn a_host_that_was_not_called_is_misdirected_over_http_2_too() {
    let world = World::new("");
    assert_eq!(h2_status(&world, "other.test"), 421);
    assert!(world.upstream.take().is_empty());
}

#[test]
fn who_has_called_no_name_may_ask_any_host() {
    let world = World::new("");
    let mut client = world.client().nameless().connect(world.listener.address, HOST);
    let request = Request::get("/public").with("Host", "other.test");
    assert_eq!(client.send(request.bytes()).answer().status, 200);
}

#[test]
fn a_trusted_proxy_may_ask_any_host() {
    let world = World::under("", TRUSTING);
    let mut client = world.client().connect(world.listener.address, HOST);
    let request = Request::get("/public").with("Host", "other.test");
    assert_eq!(client.send(request.bytes()).answer().status, 200);
    assert_eq!(h2_status(&world, "other.test"), 200);
}
