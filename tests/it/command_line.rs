//! The command line: its verbs act on the store of a running gateway, which obeys them at once.

mod check;
mod events;
mod explain;
mod export;
mod import;
mod import_words;
mod left_by_an_import;
mod overview;
mod routes;
mod sessions;
mod store;
mod token;
mod usage;
mod user;
