//! The gate: who may pass, and what of a request reaches the app.

mod access;
mod body_limit;
mod cors;
mod credentials;
mod edits;
mod forwarding;
mod hosts;
mod identity_headers;
mod own_answers;
mod rewriting;
mod routes;
