//! The console in a real browser, on each store: chromium goes through the steps of
//! `tests/browser/flows`, a script for each test and of the same name.
//!
//! `tests/setup test` installs what drives it; a test fails where that is missing. Of a flow that
//! fails, `target/browser-failures` keeps what was on the screen.

mod crowd;
mod hostile;
mod looked_for;
mod pictures;

use std::process::Command;

use authgate::clock::{Clock, SystemClock, Timestamp};
use authgate::store::Store;
use authgate::store::redis::RedisStore;
use authgate::store::sqlite::SqliteStore;
use serde_json::json;

use crate::harness::command::{AUTHGATE, run};
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::is_long;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

/// Where clients say from where they come, so that a flow can have several.
const PROXIES: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";

/// A test on each store for each flow, and for some of them what is in the store before.
macro_rules! flows {
    ($($name:ident $(after $fill:path)?;)*) => {
        /// What the flows are called.
        const FLOWS: &[&str] = &[$(stringify!($name)),*];

        mod sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let place = Place::on_sqlite();
                $($fill(place.store().as_ref()).await;)?
                place.go(stringify!($name));
            })*
        }

        mod redis {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let place = Place::on_redis();
                $($fill(place.store().as_ref()).await;)?
                place.go(stringify!($name));
            })*
        }
    };
}

flows! {
    a_hostile_name_is_only_text after hostile::plant;
    a_program_calls_with_a_key;
    an_app_keeps_no_hold_of_the_console;
    an_operator_signs_in_and_out;
    an_operator_signs_in_with_an_app;
    events_are_watched;
    every_notice_is_for_everyone;
    every_refusal_is_for_everyone;
    limits_are_seen_and_lifted;
    no_page_shuts_anyone_out;
    operators_help_each_other;
    pages_work_without_scripts;
    routes_and_settings_are_read;
    someone_is_found_in_a_crowd after crowd::gather;
    the_first_operator_comes_by_the_link;
    the_keyboard_is_enough;
    tokens_are_made_and_revoked;
    users_are_changed;
    users_are_found;
}

/// Where a flow takes place: a gateway with a store, and an app behind it.
struct Place {
    // Dropped in this order: first who uses another.
    gateway: Gateway,
    _upstream: Upstream,
    redis: Option<RedisServer>,
}

impl Place {
    fn on_sqlite() -> Self {
        Self::with(None)
    }

    fn on_redis() -> Self {
        Self::with(Some(RedisServer::start()))
    }

    fn with(redis: Option<RedisServer>) -> Self {
        let upstream = Upstream::start();
        let store = redis.as_ref().map(RedisServer::settings).unwrap_or_default();
        let gateway = Gateway::start(&(store + PROXIES + &upstream.settings() + ROUTES));
        Self { gateway, _upstream: upstream, redis }
    }

    /// The gateway's store, opened beside it.
    fn store(&self) -> Box<dyn Store> {
        if let Some(server) = &self.redis {
            return Box::new(RedisStore::open(&server.url()).unwrap());
        }
        Box::new(SqliteStore::open(&self.gateway.folder().join("authgate.db")).unwrap())
    }

    /// Has the browser go through the steps of a flow.
    fn go(&self, flow: &str) {
        self.run(&format!("flows/{flow}.mjs"), flow);
    }

    /// Runs a script of `tests/browser` here; `name` is what it is called.
    fn run(&self, script: &str, name: &str) {
        let file = |name: &str| self.gateway.folder().join(name);
        let place = json!({
            "address": self.gateway.address,
            "config": file("authgate.toml"),
            "flow": name,
            "isLong": is_long(),
            "pictures": in_package("target/browser-failures"),
            "program": AUTHGATE,
            "process": self.gateway.process_id(),
            "redis": self.redis.as_ref().map(|redis| json!({"process": redis.id(), "url": redis.url()})),
            "stderr": file("stderr"),
            "stdout": file("stdout"),
            "store": if self.redis.is_some() { "redis" } else { "sqlite" },
        });
        let script = in_package(&format!("tests/browser/{script}"));
        let outcome = run(Command::new("node").args([script, place.to_string()]), "");
        assert_eq!(outcome.code, Some(0), "\n{}{}", outcome.stdout, outcome.stderr);
        println!("{}", outcome.stdout);
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn in_package(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}
