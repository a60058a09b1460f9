//! How many connections there may be, how long they may take, and how large a head may be.

mod bodies;
mod connections;
mod files;
mod floods;
mod heads;
mod times;

use crate::harness::http::{Connection, Request};

/// Asks once more over a connection that is kept.
fn is_kept(client: &mut Connection) -> bool {
    client.send(Request::get("/public").bytes());
    client.try_answer().is_ok_and(|answer| answer.status == 200)
}
