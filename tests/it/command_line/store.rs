//! `authgate store …`: saving, bringing back, going through and measuring all there is.

mod backup;
mod copy;
mod follow;
mod half;
mod load;
mod no_room;
mod passed_over;
mod restore;
mod stopped;
mod unreachable;
mod verify;

use crate::harness::command::Outcome;
use crate::harness::gateway::Gateway;
use crate::harness::redis_server::RedisServer;
use rusqlite::Connection;
use std::path::PathBuf;

/// A gateway with routes, and where it may save its store.
fn gateway(settings: &str) -> (Gateway, PathBuf) {
    let routes = crate::harness::gateway::route("/app", "user");
    let gateway = Gateway::start(&format!("{settings}\n{routes}"));
    let backup = gateway.folder().join("backup.db");
    (gateway, backup)
}

/// Both kinds of store: the settings, and what has to live as long.
fn stores() -> [(String, Option<RedisServer>); 2] {
    let redis = RedisServer::start();
    [(String::new(), None), (redis.settings(), Some(redis))]
}

fn back_up(gateway: &Gateway, to: &std::path::Path) -> Outcome {
    gateway.run(&["store", "backup", to.to_str().unwrap()])
}

fn restore(gateway: &Gateway, file: &std::path::Path, flags: &[&str]) -> Outcome {
    gateway.run(&[&["store", "restore", file.to_str().unwrap()], flags].concat())
}

/// One number out of a file of SQLite.
fn number(file: &std::path::Path, sql: &str) -> i64 {
    Connection::open(file).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn tamper(file: &std::path::Path, sql: &str) {
    Connection::open(file).unwrap().execute_batch(sql).unwrap();
}
