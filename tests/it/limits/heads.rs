//! Heads that are too large.

use crate::harness::gateway::{Gateway, ROUTES};
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
