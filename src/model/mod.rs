//! The things the gateway speaks of: data and its parsing, no I/O.

pub mod email;
pub mod event;
pub mod identity;
pub mod limit;
mod look_alike;
pub mod network;
pub mod password;
pub mod token;
pub mod user;
