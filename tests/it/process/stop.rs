//! SIGTERM while many requests are in flight.

use std::net::TcpStream;

use crate::harness::eventually;
use crate::harness::gateway::Gateway;
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
