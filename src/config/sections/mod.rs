//! The keys of each section, their defaults and what they mean: in the order of `conf/authgate.toml`.

mod accounts;
mod admin;
mod cors;
mod limits;
mod listeners;
mod process;
mod proxy;
mod route_changes;
mod routes;
mod upstreams;

use self::admin::Beside;
use self::proxy::Limits;
use super::Config;
use super::report::Report;
use super::section::Section;
use super::values;
use super::written::Table;
use crate::auth::CacheSettings;
use crate::store;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Makes each part's settings of what is written.
pub(super) fn read(written: Table, report: &mut Report) -> Config {
    let mut root = Section::root(written, report);
    let (mut server, answers) = process::server(&mut root);
    let (store, cache) = root.section("store", |section| (store(section), cache(section)));
    let (limits, classes) = root.section("limits", limits::limits);
    let exceptions = Arc::clone(&limits.exceptions);
    let (auth, shown) = accounts::auth(&mut root, cache, limits);
    let beside = Beside { endpoints: shown.endpoints, is_proxied: answers.is_proxied() };
    let console = admin::read(&mut root, &mut server, &beside);
    let mount = console.as_ref().map(|(_, mount)| mount.clone());
    let admin = console.map(|(settings, _)| settings);
    let gateway = proxy::gateway(&mut root, answers, shown, Limits { classes, exceptions }, mount);
    let log = root.section("log", process::log);
    root.finish();
    let (effective, warnings) = (Vec::new(), Vec::new());
    Config { admin, auth, effective, gateway, log, server, store, warnings }
}

fn store(section: &mut Section<'_>) -> store::Settings {
    let default = store::Settings::Sqlite { path: PathBuf::from("authgate.db") };
    let mut store = section.secret(["url", "url_file"], default, values::store_url);
    let wanted = section.read("replicas", 0, values::number(0..=16));
    match &mut store {
        store::Settings::Redis { replicas, .. } => *replicas = wanted,
        store::Settings::Sqlite { .. } if wanted > 0 => {
            section.reject("replicas", "is for Redis: a file has no replicas");
        }
        store::Settings::Sqlite { .. } => {}
    }
    store
}

fn cache(section: &mut Section<'_>) -> CacheSettings {
    /// Four proofs must fit in it, and one takes a round trip.
    const SHORTEST: Duration = Duration::from_millis(100);
    let size = section.read("cache_size", 64 << 20, values::size);
    let feed_timeout = section.read("feed_timeout", Duration::from_secs(1), values::duration);
    if feed_timeout < SHORTEST {
        section.reject("feed_timeout", "is too short to be kept; write \"100ms\" or more");
    }
    CacheSettings { feed_timeout, size }
}
