//! Heads that are too large.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use http::HeaderName;
use serde_json::json;

use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::h2;
use crate::harness::http::Request;
use crate::harness::listener::Listener;
use crate::harness::upstream::Upstream;

const SMALL: &str = "[server]\nmax_head = \"4KiB\"\n";

#[test]
fn a_head_that_is_too_large_is_431() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + SMALL));
    let with = |size| Request::get("/public").with("X-Large", &"a".repeat(size));
    let answer = gateway.send(&with(4 << 10));
    assert_eq!(answer.status, 431);
    assert_eq!(answer.header("Content-Type").as_deref(), Some("application/json"));
    assert!(answer.json()["detail"].is_string(), "{answer:?}");
    assert!(upstream.take().is_empty());
    assert_eq!(gateway.send(&with(3 << 10)).status, 200);
}

#[test]
fn a_head_that_is_too_large_reaches_no_app_over_http_2() {
    let (upstream, listener) = (Upstream::start(), Listener::h2c());
    let _gateway = listener.gateway(&(upstream.settings() + ROUTES + SMALL));
    let ask = |size| {
        h2::run(async {
            let client = h2::connect(listener.address).await;
            let large = "a".repeat(size);
            let request = h2::request("GET", "/public", &[("x-large", &large)]);
            h2::ask(&client, request, None).await.map(|heard| heard.status).ok()
        })
    };
    let refused = ask(5 << 10);
    assert!(refused.is_none_or(|status| status == 431), "{refused:?}");
    assert!(upstream.take().is_empty());
    assert_eq!(ask(3 << 10), Some(200));
}

#[test]
fn headers_whose_names_collide_all_arrive() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let names = colliding_names(200);
    let with = |request: Request, name: &String| request.with(name, "here");
    let request = names.iter().fold(Request::get("/public"), with);
    assert_eq!(gateway.send(&request).status, 200);
    let received = upstream.only_request();
    let missing = names.iter().filter(|name| received.header(name).as_deref() != Some("here"));
    assert_eq!(missing.count(), 0);
}

#[test]
fn a_thousand_headers_whose_names_collide_reach_nobody() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let with = |request: Request, name: &String| request.with(name, "here");
    let request = colliding_names(1000).iter().fold(Request::get("/public"), with);
    let before = gateway.processor_time();
    for _ in 0..10 {
        let status = gateway.send(&request).status;
        assert!((400..500).contains(&status), "{status}");
    }
    let used = gateway.processor_time() - before;
    assert!(used < 200, "{used} hundredths of a second");
    assert!(upstream.take().is_empty());
}

#[test]
fn a_cookie_arrives_whole_or_not_at_all() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let cookie = |size: usize| format!("a={}", "b".repeat(size - 2));
    for size in [16 << 10, 30 << 10, 33 << 10, 64 << 10] {
        let answer = gateway.send(&Request::get("/public").with("Cookie", &cookie(size)));
        let came: Vec<_> = upstream.take().iter().map(|it| it.header("Cookie").unwrap()).collect();
        if size < 32 << 10 {
            assert_eq!((answer.status, came), (200, vec![cookie(size)]));
        } else {
            assert_eq!((answer.status, came.len()), (431, 0));
        }
    }
}

#[test]
fn ten_thousand_parameters_arrive_whole_or_not_at_all() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let target = |parameter: &str| format!("/public?{}", parameter.repeat(10_000));
    assert_eq!(gateway.send(&Request::get(&target("a&"))).status, 200);
    assert_eq!(upstream.only_request().target(), target("a&"));
    assert_eq!(gateway.send(&Request::get(&target("a=1&"))).status, 431);
    assert!(upstream.take().is_empty());
}

#[test]
fn ranges_that_an_endpoint_is_asked_for_are_ignored() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    let login = json!({ "username": "alice", "password": PASSWORD });
    let ask = |ranges: usize| {
        let ranges = format!("bytes={}0-0", "0-0,".repeat(ranges));
        gateway.send(&Request::post("/api/login/").with("Range", &ranges).json(&login))
    };
    let answer = ask(7_000);
    assert_eq!((answer.status, answer.header("Content-Range")), (200, None));
    assert!(answer.json()["token"].is_string());
    assert_eq!(ask(10_000).status, 431);
}

/// Names of headers that all want one place in a map of up to 2,048, as the crate `http` hashes
/// them: by FNV, while it sees no attack.
fn colliding_names(count: usize) -> Vec<String> {
    let mut places: HashMap<u64, Vec<String>> = HashMap::new();
    for number in 0_u64.. {
        let name = format!("x-{number:x}");
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
        HeaderName::from_bytes(name.as_bytes()).unwrap().hash(&mut hasher);
        let names = places.entry(hasher.finish() % 2048).or_default();
        names.push(name);
        if names.len() == count {
            return std::mem::take(names);
        }
    }
    unreachable!()
}

struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
