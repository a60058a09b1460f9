//! The main sections of RFC 9113 on frames and streams: what breaks them ends the stream or the
//! connection, and never becomes a request.

use super::World;
use crate::harness::h2_raw::{End, Frame, RawH2, block, flag, frame, request};
use crate::harness::http::{Connection, Request};

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const ENHANCE_YOUR_CALM: u32 = 11;

#[test]
fn an_invalid_preface_is_no_http_2() {
    let world = World::start();
    for preface in
        [&b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\n\r\n\r\n\r\n\r\n"]
    {
        let mut client = RawH2::silent(world.listener.address);
        client.write(preface);
        client.get(1, "/public", &[]);
        assert!(world.upstream.take().is_empty());
    }
    world.assert_still_serves();
}

/// Frames that end the connection, and the error codes that may be told. What reads HTTP/2 for us
/// says `PROTOCOL_ERROR` of some sizes and blocks for which there are closer words; it ends the
/// connection all the same.
#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn frames_that_break_the_rules_end_the_connection() {
    let [none, data, headers] = [flag::NONE, frame::DATA, frame::HEADERS];
    let sound = || Frame::headers(flag::END_STREAM, 1, &request("GET", "/public", &[]));
    let open = || Frame::headers(none, 1, &request("POST", "/public", &[]));
    let cases: Vec<(&str, Vec<Frame>, &[u32])> = vec![
        // 4.2: sizes
        (
            "a frame above the size that was agreed",
            vec![open(), Frame::new(data, none, 1, vec![0; 16_385])],
            &[FRAME_SIZE_ERROR, PROTOCOL_ERROR],
        ),
        // 4.3: blocks
        (
            "a header block that is none",
            vec![Frame::new(headers, flag::END_HEADERS | flag::END_STREAM, 1, [0x80])],
            &[PROTOCOL_ERROR],
        ),
        (
            "a block that another frame breaks into",
            vec![
                Frame::new(headers, none, 1, block(&request("GET", "/public", &[]))),
                Frame::new(frame::PING, none, 0, [0; 8]),
            ],
            &[PROTOCOL_ERROR],
        ),
        (
            "a block that goes on in another stream",
            vec![
                Frame::new(headers, none, 1, block(&request("GET", "/public", &[]))),
                Frame::new(frame::CONTINUATION, flag::END_HEADERS, 3, block(&[("a", "b")])),
            ],
            &[PROTOCOL_ERROR],
        ),
        // 5.1: states
        (
            "data of a stream that is idle",
            vec![Frame::new(data, flag::END_STREAM, 1, *b"a")],
            &[PROTOCOL_ERROR],
        ),
        (
            "the reset of a stream that is idle",
            vec![Frame::new(frame::RST_STREAM, none, 1, [0, 0, 0, 8])],
            &[PROTOCOL_ERROR],
        ),
        (
            "a window of a stream that is idle",
            vec![Frame::new(frame::WINDOW_UPDATE, none, 1, [0, 0, 0, 8])],
            &[PROTOCOL_ERROR],
        ),
        (
            "continuation without headers",
            vec![
                sound(),
                Frame::new(frame::CONTINUATION, flag::END_HEADERS, 1, block(&[("a", "b")])),
            ],
            &[PROTOCOL_ERROR],
        ),
        // 5.1.1: numbers
        (
            "a stream of an even number",
            vec![Frame::headers(flag::END_STREAM, 2, &request("GET", "/public", &[]))],
            &[PROTOCOL_ERROR],
        ),
        (
            "a stream of a lower number",
            vec![
                Frame::headers(flag::END_STREAM, 5, &request("GET", "/public", &[])),
                Frame::headers(flag::END_STREAM, 3, &request("GET", "/public", &[])),
            ],
            &[PROTOCOL_ERROR, STREAM_CLOSED],
        ),
        // 6: kinds
        ("data of no stream", vec![Frame::new(data, none, 0, *b"a")], &[PROTOCOL_ERROR]),
        (
            "padding that is longer than the frame",
            vec![open(), Frame::new(data, flag::PADDED, 1, [9, 0])],
            &[PROTOCOL_ERROR],
        ),
        (
            "headers of no stream",
            vec![Frame::headers(flag::END_STREAM, 0, &request("GET", "/public", &[]))],
            &[PROTOCOL_ERROR],
        ),
        (
            "padding that is longer than the headers",
            vec![Frame::new(headers, flag::PADDED | flag::END_HEADERS, 1, [9, 0])],
            &[PROTOCOL_ERROR],
        ),
        (
            "a reset of no stream",
            vec![Frame::new(frame::RST_STREAM, none, 0, [0, 0, 0, 8])],
            &[PROTOCOL_ERROR],
        ),
        (
            "a reset of another size",
            vec![open(), Frame::new(frame::RST_STREAM, none, 1, [0, 0, 8])],
            &[FRAME_SIZE_ERROR, PROTOCOL_ERROR],
        ),
        ("settings of a stream", vec![Frame::new(frame::SETTINGS, none, 1, [])], &[PROTOCOL_ERROR]),
        (
            "an acknowledgement with settings",
            vec![Frame::new(frame::SETTINGS, flag::ACK, 0, [0; 6])],
            &[FRAME_SIZE_ERROR, PROTOCOL_ERROR],
        ),
        (
            "settings of another size",
            vec![Frame::new(frame::SETTINGS, none, 0, [0; 5])],
            &[FRAME_SIZE_ERROR, PROTOCOL_ERROR],
        ),
        (
            "a window beyond its bounds as a setting",
            vec![Frame::new(frame::SETTINGS, none, 0, [0, 4, 0x80, 0, 0, 0])],
            &[FLOW_CONTROL_ERROR, PROTOCOL_ERROR],
        ),
        (
            "a frame size below the least",
            vec![Frame::new(frame::SETTINGS, none, 0, [0, 5, 0, 0, 0, 1])],
            &[PROTOCOL_ERROR],
        ),
        (
            "a push by a client",
            vec![open(), Frame::new(frame::PUSH_PROMISE, flag::END_HEADERS, 1, [0, 0, 0, 2])],
            &[PROTOCOL_ERROR],
        ),
        ("a ping of a stream", vec![Frame::new(frame::PING, none, 1, [0; 8])], &[PROTOCOL_ERROR]),
        (
            "a ping of another size",
            vec![Frame::new(frame::PING, none, 0, [0; 7])],
            &[FRAME_SIZE_ERROR, PROTOCOL_ERROR],
        ),
        (
            "a goaway of a stream",
            vec![Frame::new(frame::GOAWAY, none, 1, [0; 8])],
            &[PROTOCOL_ERROR],
        ),
        (
            "a window that grows by nothing",
            vec![Frame::new(frame::WINDOW_UPDATE, none, 0, [0; 4])],
            &[PROTOCOL_ERROR],
        ),
        (
            "a window of another size",
            vec![Frame::new(frame::WINDOW_UPDATE, none, 0, [0, 0, 1])],
            &[FRAME_SIZE_ERROR, PROTOCOL_ERROR],
        ),
        (
            "a window beyond its bounds",
            vec![
                Frame::new(frame::WINDOW_UPDATE, none, 0, [0x7f, 0xff, 0xff, 0xff]),
                Frame::new(frame::WINDOW_UPDATE, none, 0, [0x7f, 0xff, 0xff, 0xff]),
            ],
            &[FLOW_CONTROL_ERROR],
        ),
    ];
    let world = World::start();
    let mut wrong = vec![];
    for (name, frames, codes) in cases {
        let mut client = world.connect();
        for frame in frames {
            client.send(&frame);
        }
        match client.goaway() {
            Some(code) if codes.contains(&code) || code == ENHANCE_YOUR_CALM => {}
            // Closing at once may take the word of it along.
            None => {}
            other => wrong.push(format!("{name}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.assert_still_serves();
}

#[test]
fn frames_that_may_be_unknown_are_ignored() {
    let world = World::start();
    let mut client = world.connect();
    for frame in [
        Frame::new(0x42, 0xff, 0, *b"unknown"),
        Frame::new(frame::PRIORITY, flag::NONE, 3, [0, 0, 0, 0, 16]),
        Frame::new(frame::SETTINGS, flag::NONE, 0, [0xff, 0xff, 0, 0, 0, 1]),
        Frame::new(frame::WINDOW_UPDATE, flag::NONE, 0, [0x80, 0, 0, 1]),
    ] {
        client.send(&frame);
    }
    assert!(client.is_alive());
    client.get(1, "/public", &[]);
    assert_eq!(client.end_of(1), End::Answered(200));
}

#[test]
fn an_upgrade_to_http_2_is_not_taken() {
    let world = World::start();
    let request = Request::get("/public")
        .with("Connection", "Upgrade, HTTP2-Settings")
        .with("Upgrade", "h2c")
        .with("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA");
    let mut client = Connection::open(world.listener.address);
    assert_eq!(client.send(request.bytes()).answer().status, 200);
    let received = world.upstream.only_request();
    for name in ["Upgrade", "HTTP2-Settings"] {
        assert_eq!(received.header(name), None, "{name}");
    }
}
