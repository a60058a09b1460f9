//! A system that has no more files to give.

use std::process::Command;

use super::is_kept;
use crate::harness::command::AUTHGATE;
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::{Connection, Request};
use crate::harness::upstream::Upstream;

#[test]
fn a_gateway_that_runs_out_of_files_pauses_and_recovers() {
    let upstream = Upstream::start();
    let mut program = Command::new("sh");
    program.args(["-c", "ulimit -n 256; exec \"$0\" \"$@\"", AUTHGATE]);
    let gateway = Gateway::start_by(program, &(upstream.settings() + ROUTES), &[]);
    let mut clients: Vec<Connection> = (0..300).map(|_| gateway.connect()).collect();
    let pauses = || gateway.log().matches("no connection can be accepted for now").count();
    let begun = std::time::Instant::now();
    eventually("a pause", || (pauses() > 0).then_some(()));
    // Some were accepted, and are served by us without another file.
    assert_eq!(clients[0].send(Request::get("/app").bytes()).answer().status, 401);
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let logged = u64::try_from(pauses()).unwrap();
    assert!(logged <= begun.elapsed().as_secs() + 2, "{logged} lines in {:?}", begun.elapsed());
    clients.clear();
    eventually("the recovery", || is_kept(&mut gateway.connect()).then_some(()));
}
