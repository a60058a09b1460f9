//! Clients of HTTP/2 that take their time.

use super::World;
use crate::harness::gateway::ROUTES;
use crate::harness::h2_raw::{End, Frame, PREFACE, RawH2, block, flag, frame, request};
use crate::harness::listener::Listener;
use crate::harness::upstream::Upstream;

fn impatient() -> World {
    let (upstream, listener) = (Upstream::start(), Listener::h2c());
    let terms = "[server]\nhead_timeout = \"300ms\"\nkeep_alive = \"1s\"\n";
    let gateway = listener.gateway(&(upstream.settings() + ROUTES + terms));
    World { gateway, listener, upstream }
}

#[test]
fn a_preface_that_comes_too_slowly_ends_the_connection() {
    let world = impatient();
    let mut client = RawH2::silent(world.listener.address);
    client.write(&PREFACE[..10]);
    while client.frame().is_some() {}
}

#[test]
fn a_client_that_sends_no_request_is_not_kept() {
    let world = impatient();
    let mut client = world.connect();
    while client.frame().is_some() {}
}

#[test]
fn a_head_in_pieces_that_never_ends_is_not_kept() {
    let world = impatient();
    let mut client = world.connect();
    let head = block(&request("GET", "/public", &[]));
    client.send(&Frame::new(frame::HEADERS, flag::END_STREAM, 1, head));
    while client.frame().is_some() {}
    assert!(world.upstream.take().is_empty());
}

#[test]
fn a_client_that_is_done_is_not_kept_for_ever() {
    let world = impatient();
    let mut client = world.connect();
    client.get(1, "/public", &[]);
    assert_eq!(client.end_of(1), End::Answered(200));
    while client.frame().is_some() {}
}
