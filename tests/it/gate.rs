//! The gate: who may pass, and what of a request reaches the app.

mod access;
mod credentials;
mod forwarding;
mod hosts;
mod identity_headers;
mod own_answers;
mod routes;
