//! The keys of each section, their defaults and what they mean: in the order of `conf/authgate.toml`.

mod accounts;
mod admin;
mod cors;
mod gate;
mod limits;
mod listeners;
mod process;
mod proxy;
mod route_changes;
mod routes;
mod store;
mod upstreams;

use self::admin::Beside;
use self::proxy::Limits;
use super::Config;
use super::report::Report;
use super::section::Section;
use super::written::Table;
use std::sync::Arc;

/// Makes each part's settings of what is written.
pub(super) fn read(written: Table, report: &mut Report) -> Config {
    let mut root = Section::root(written, report);
    let (mut server, answers) = process::server(&mut root);
    let (store, cache) =
        root.section("store", |section| (store::store(section), store::cache(section)));
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
