//! Floods of frames: the connection ends or is held back, memory stays, and others are served.

use super::World;
use crate::harness::h2_raw::{Frame, RawH2, block, flag, frame, request};
use crate::harness::http::Request;
use crate::harness::upstream::Script;

/// How much memory a flood may cost, in KiB.
const MOST: u64 = 64 * 1024;

#[test]
fn streams_that_are_reset_at_once_cost_nothing_that_lasts() {
    flood(10_000, |client, turn| {
        let stream = 2 * turn + 1;
        client.get(stream, "/public", &[])
            && client.send(&Frame::new(frame::RST_STREAM, flag::NONE, stream, [0, 0, 0, 8]))
    });
}

#[test]
fn streams_that_the_gateway_is_made_to_reset_cost_nothing_that_lasts() {
    flood(10_000, |client, turn| {
        let stream = 2 * turn + 1;
        client.get(stream, "/public", &[])
            && client.send(&Frame::new(frame::WINDOW_UPDATE, flag::NONE, stream, [0; 4]))
    });
}

#[test]
fn a_head_without_an_end_is_not_gathered() {
    flood(20_000, |client, turn| {
        if turn == 0 {
            let head = block(&request("GET", "/public", &[]));
            return client.send(&Frame::new(frame::HEADERS, flag::END_STREAM, 1, head));
        }
        let more = block(&[("x-more", &"a".repeat(4_000))]);
        client.send(&Frame::new(frame::CONTINUATION, flag::NONE, 1, more))
    });
}

#[test]
fn empty_pieces_of_a_head_do_not_go_on_for_ever() {
    let world = World::start();
    let mut client = world.connect();
    let head = block(&request("GET", "/public", &[]));
    client.send(&Frame::new(frame::HEADERS, flag::END_STREAM, 1, head));
    let empty = Frame::new(frame::CONTINUATION, flag::NONE, 1, []);
    while client.send(&empty) {}
    world.assert_still_serves();
}

#[test]
fn empty_frames_of_a_body_cost_nothing_that_lasts() {
    flood(200_000, |client, turn| {
        if turn == 0 {
            return client.send(&Frame::headers(flag::NONE, 1, &request("POST", "/public", &[])));
        }
        client.send(&Frame::new(frame::DATA, flag::NONE, 1, []))
    });
}

#[test]
fn a_flood_of_settings_costs_nothing_that_lasts() {
    flood(200_000, |client, _| client.send(&Frame::new(frame::SETTINGS, flag::NONE, 0, [])));
}

#[test]
fn a_flood_of_pings_costs_nothing_that_lasts() {
    flood(200_000, |client, _| client.send(&Frame::new(frame::PING, flag::NONE, 0, [0; 8])));
}

#[test]
fn a_flood_of_priorities_costs_nothing_that_lasts() {
    flood(200_000, |client, turn| {
        let stream = 2 * turn + 1;
        client.send(&Frame::new(frame::PRIORITY, flag::NONE, stream, [0, 0, 0, 0, 16]))
    });
}

#[test]
fn a_small_block_does_not_become_a_large_head() {
    flood(1_000, |client, turn| {
        // A header of 3 KiB goes to the table, and then is named 4,000 times by a byte.
        let mut bomb = block(&request("GET", "/public", &[]));
        bomb.extend([0x40, 1, b'x', 0x7f, 0x81, 0x17]);
        bomb.extend([b'a'; 3_072]);
        bomb.extend([0xbe; 4_000]);
        let flags = flag::END_HEADERS | flag::END_STREAM;
        client.send(&Frame::new(frame::HEADERS, flags, 2 * turn + 1, bomb))
    });
}

#[test]
fn a_table_is_no_larger_than_was_agreed() {
    let world = World::start();
    let mut client = world.connect();
    // To a size of 1 MiB.
    let mut head = vec![0x3f, 0xe1, 0xff, 0x3f];
    head.extend(block(&request("GET", "/public", &[])));
    let flags = flag::END_HEADERS | flag::END_STREAM;
    client.send(&Frame::new(frame::HEADERS, flags, 1, head));
    client.goaway();
    assert!(world.upstream.take().is_empty());
    world.assert_still_serves();
}

#[test]
fn streams_beyond_the_number_that_was_agreed_are_not_served() {
    let world = World::answering(Script::Silence);
    let before = world.gateway.memory_kib("VmRSS:");
    let mut client = world.connect();
    for turn in 0..10_000 {
        if !client.get(2 * turn + 1, "/public", &[]) {
            break;
        }
    }
    let after = world.gateway.memory_kib("VmRSS:");
    assert!(after.saturating_sub(before) < MOST, "from {before} to {after} KiB");
    client.is_alive();
    let reached = world.upstream.take().len();
    assert!(reached < 1_000, "{reached} at once");
    assert_eq!(world.gateway.send(&Request::get("/app")).status, 401);
}

/// Sends until the gateway takes no more, or so many times; others are served meanwhile.
fn flood(times: u32, mut send: impl FnMut(&mut RawH2, u32) -> bool) {
    let world = World::start();
    world.assert_still_serves();
    let before = world.gateway.memory_kib("VmRSS:");
    let mut client = world.connect();
    for turn in 0..times {
        if !send(&mut client, turn) {
            break;
        }
        if turn % (times / 4) == times / 8 {
            world.assert_still_serves();
        }
    }
    world.assert_still_serves();
    let most = world.gateway.memory_kib("VmHWM:");
    assert!(most.saturating_sub(before) < MOST, "from {before} to {most} KiB");
}
