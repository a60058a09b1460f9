//! Drives the real binary over real sockets. Every test starts its own gateway, store and app.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on stops"
)]

mod harness;

mod accounts;
mod at_rest;
mod browser;
mod clients;
mod command_line;
mod connections;
mod console;
mod contract;
mod control;
mod events;
mod gate;
mod greed;
mod guessing;
mod handshakes;
mod hardening;
mod history;
mod http2;
mod lifecycle;
mod limits;
mod listeners;
mod malformed;
mod memory;
mod moving;
mod ops;
mod outage;
mod panics;
mod paths;
mod policy;
mod process;
mod shadow;
mod store;
mod streaming;
mod sweeping;
mod systemd;
mod throttle;
mod upstreams;
