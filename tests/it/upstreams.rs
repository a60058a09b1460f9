//! What is behind the gateway: which server gets a request, and what is done with its answers.

mod answers;
mod balance;
mod grpc;
mod h2;
mod limits;
mod names;
mod retries;
mod tls;

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::scripted::Scripted;

/// A gateway of one thread: whatever connection it has kept is used by the next request.
fn before_one(app: &Scripted) -> Gateway {
    Gateway::start(&(app.settings() + "[server]\nthreads = 1\n" + ROUTES))
}
