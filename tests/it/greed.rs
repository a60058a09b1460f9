//! What one client may hold, and that others are served all the same.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use crate::harness::command::authgate;
use crate::harness::gateway::{Gateway, route};
use crate::harness::h2_raw::{End, RawH2};
use crate::harness::http::Connection;
use crate::harness::scripted::{Scripted, answer, public};
use crate::harness::upstream::{Script, Upstream};
use crate::harness::{eventually, folder, free_address};

/// A gateway that tells what it counts, and where it listens for HTTP/2 without TLS.
fn start(app: &str, server: &str) -> (Gateway, SocketAddr) {
    let h2c = free_address();
    let gateway = Gateway::metered(&format!(
        "[server]\n{server}\n{app}{}[[listeners]]\naddress = \"{h2c}\"\nh2c = true\n",
        route("/public", "public")
    ));
    eventually("the other listener", || TcpStream::connect(h2c).ok());
    (gateway, h2c)
}

#[test]
fn over_http_1_a_listener_of_http_2_gives_an_answer_as_long_as_any_other() {
    let app = Scripted::start(|visit| {
        visit.request();
        sleep(Duration::from_millis(2_500));
        visit.client.send(answer("late"));
    });
    let (_gateway, h2c) = start(&app.settings(), "head_timeout = \"1s\"");
    let late = Connection::open(h2c).send(public().bytes()).answer();
    assert_eq!((late.status, late.text().as_str()), (200, "late"));
}

#[test]
fn a_client_that_accepts_nothing_is_cut_off_and_the_app_is_free() {
    let app = Scripted::start(|visit| {
        visit.request();
        visit.client.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        let piece = vec![b'x'; 1 << 20];
        // As much as is taken.
        while visit.client.try_send(&piece).is_ok() {}
    });
    let (gateway, h2c) = start(&app.settings(), "write_timeout = \"1s\"");
    let mut silent = Connection::open(gateway.address);
    silent.send(public().bytes());
    let mut silent_too = RawH2::open(h2c);
    silent_too.get(1, "/public", &[]);
    eventually("both to be served", || (gateway.meter("requests_in_flight") >= 2.0).then_some(()));
    eventually("their end", || (gateway.meter("requests_in_flight") < 1.0).then_some(()));
}

#[test]
fn an_address_may_have_as_many_requests_over_http_2_as_connections() {
    let app = Upstream::answering(Script::Held);
    let (gateway, h2c) = start(&app.settings(), "max_connections_per_address = 3");
    let mut client = RawH2::open(h2c);
    for stream in [1, 3, 5] {
        client.get(stream, "/public", &[]);
    }
    eventually("three requests", || (gateway.meter("requests_in_flight") >= 3.0).then_some(()));
    client.get(7, "/public", &[]);
    assert_eq!(client.end_of(7), End::Answered(503));
}

#[test]
fn a_head_that_is_far_too_large_is_not_gathered() {
    let app = Upstream::start();
    let (gateway, _) = start(&app.settings(), "");
    let mut client = Connection::open(gateway.address);
    client.send("GET /public HTTP/1.1\r\nHost: gate.test\r\n");
    let line = format!("X-More: {}\r\n", "a".repeat(4_000));
    let mut stream = client.into_stream();
    // A quarter of what Pingora would gather.
    for _ in 0..64 {
        let _ = stream.write_all(line.as_bytes());
    }
    // An answer, the end or a reset: anything but patience.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(app.take().is_empty());
    assert_eq!(gateway.send(&public()).status, 200);
}

#[test]
fn a_connection_of_http_2_that_is_idle_makes_room() {
    let app = Upstream::start();
    let (gateway, h2c) = start(&app.settings(), "max_connections = 3");
    let mut idle: Vec<_> = (0..3).map(|_| RawH2::open(h2c)).collect();
    for client in &mut idle {
        client.get(1, "/public", &[]);
        assert_eq!(client.end_of(1), End::Answered(200));
    }
    assert_eq!(gateway.send(&public()).status, 200);
    assert!(gateway.meter("connections_made_room_total") >= 1.0);
}

#[test]
fn commands_never_take_the_place_of_a_file() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (settings, precious) = (path("authgate.toml"), path("precious"));
    fs::write(&precious, "accounts").unwrap();
    let listen = free_address();
    let store = path("authgate.db");
    let text = format!(
        "[server]\nlisten = [\"{listen}\"]\ncontrol = \"{precious}\"\n[store]\nurl = \"sqlite:{store}\"\n"
    );
    fs::write(&settings, text).unwrap();
    let outcome = authgate(&["serve", "--config", &settings], "");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("which is no socket"), "{outcome:?}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "accounts");
}
