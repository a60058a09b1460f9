//! A plain listener that leads to HTTPS.

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::{Answer, Connection, Request};
use crate::harness::listener::Listener;
use crate::harness::upstream::Upstream;

struct World {
    _gateway: Gateway,
    listener: Listener,
    upstream: Upstream,
}

impl World {
    fn start(terms: &str) -> Self {
        let (upstream, listener) = (Upstream::start(), Listener::on(terms));
        let gateway = listener.gateway(&(upstream.settings() + ROUTES));
        Self { _gateway: gateway, listener, upstream }
    }

    fn send(&self, request: &Request) -> Answer {
        Connection::open(self.listener.address).send(request.bytes()).answer()
    }
}

#[test]
fn each_request_is_sent_to_its_own_host_and_target_and_served_nothing() {
    let world = World::start("redirect_to_https = true\n");
    for (request, location) in [
        (Request::get("/public/a?b=c&d=%20"), "https://gate.test/public/a?b=c&d=%20"),
        (Request::get("/").with("Host", "shop.test:8080"), "https://shop.test/"),
        (Request::post("/api/login/").body("{}"), "https://gate.test/api/login/"),
        (Request::get("/public").with("Host", "[::1]:80"), "https://[::1]/public"),
    ] {
        let answer = world.send(&request);
        assert_eq!(answer.status, 308, "{request:?}");
        assert_eq!(answer.header("Location").as_deref(), Some(location));
    }
    assert!(world.upstream.take().is_empty());
}

#[test]
fn another_port_of_https_is_named() {
    let world = World::start("redirect_to_https = 8443\n");
    let answer = world.send(&Request::get("/a").with("Host", "gate.test:80"));
    assert_eq!(answer.header("Location").as_deref(), Some("https://gate.test:8443/a"));
}

#[test]
fn a_host_that_is_none_is_sent_nowhere() {
    let world = World::start("redirect_to_https = true\n");
    for host in ["", "a/b", "gate.test:80:80", "0x7f.1", "user@gate.test", "ev\u{e9}l.test"] {
        let request = Request::get("/").with("Host", host);
        let mut client = Connection::open(world.listener.address);
        // What Pingora takes for no host ends without a word.
        if let Ok(answer) = client.send(request.bytes()).try_answer() {
            assert_eq!((answer.status, answer.header("Location")), (400, None), "{host:?}");
        }
    }
    let mut client = Connection::open(world.listener.address);
    assert_eq!(client.send("GET / HTTP/1.0\r\n\r\n").answer().status, 400);
}

#[test]
fn a_token_that_was_sent_in_the_clear_is_not_sent_back() {
    let world = World::start("redirect_to_https = true\n");
    let token = "0123456789abcdef";
    let answer = world.send(&Request::get("/public").token(token));
    assert!(!format!("{answer:?}").contains(token), "{answer:?}");
    assert_eq!(answer.status, 308);
}
