//! SIGTERM while many requests are in flight.

use std::net::TcpStream;

use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Request;
use crate::harness::upstream::{Script, Upstream};

#[test]
fn two_hundred_requests_in_flight_are_finished_and_no_new_one_is_taken() {
    const MANY: usize = 200;
    let upstream = Upstream::answering(Script::Held);
    let mut gateway = Gateway::before(&upstream);
    let mut clients: Vec<_> = (0..MANY).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send(Request::get("/public").bytes());
    }
    let mut reached = 0;
    eventually("every request at the app", || {
        reached += upstream.take().len();
        (reached == MANY).then_some(())
    });
    gateway.terminate();
    eventually("a closed door", || TcpStream::connect(gateway.address).is_err().then_some(()));
    for _ in 0..MANY {
        upstream.say("");
    }
    for mut client in clients {
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn a_connection_that_is_idle_is_closed_and_one_that_waits_is_served() {
    let upstream = Upstream::start();
    let terms = "[server]\ngrace = \"10m\"\n";
    let mut gateway = Gateway::start(&(upstream.settings() + ROUTES + terms));
    let mut idle = gateway.connect();
    assert_eq!(idle.send(Request::get("/public").bytes()).answer().status, 200);
    // While it does not run, connections wait in its queue.
    gateway.freeze();
    let mut waiting: Vec<_> = (0..20).map(|_| gateway.connect()).collect();
    for client in &mut waiting {
        client.send(Request::get("/public").bytes());
    }
    gateway.terminate();
    gateway.thaw();
    for client in &mut waiting {
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(idle.rest().unwrap(), b"");
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn an_answer_after_the_word_to_stop_says_that_it_is_the_last_one() {
    let upstream = Upstream::answering(Script::Held);
    let mut gateway = Gateway::before(&upstream);
    let mut client = gateway.connect();
    client.send(Request::get("/public").bytes());
    upstream.next_request();
    gateway.terminate();
    eventually("a closed door", || TcpStream::connect(gateway.address).is_err().then_some(()));
    // From here on it is known that it stops.
    std::thread::sleep(std::time::Duration::from_millis(500));
    upstream.say("");
    let answer = client.answer();
    assert_eq!(answer.header("Connection").as_deref(), Some("close"));
    assert_eq!(client.rest().unwrap(), b"");
    assert_eq!(gateway.exit_code(), Some(0));
}

#[test]
fn who_tells_it_twice_is_in_a_hurry() {
    let upstream = Upstream::answering(Script::Silence);
    let terms = "[server]\ngrace = \"10m\"\n";
    let mut gateway = Gateway::start(&(upstream.settings() + ROUTES + terms));
    let mut client = gateway.connect();
    client.send(Request::get("/public").bytes());
    upstream.next_request();
    gateway.terminate();
    eventually("a closed door", || TcpStream::connect(gateway.address).is_err().then_some(()));
    gateway.terminate();
    assert_eq!(gateway.exit_code(), Some(0));
}
