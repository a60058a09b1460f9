//! The keys of each section, their defaults and what they mean: in the order of `conf/authgate.toml`.

mod accounts;
mod process;
mod proxy;
mod routes;

use super::Config;
use super::report::Report;
use super::section::Section;
use super::values;
use super::written::Table;
use crate::store;
use std::path::PathBuf;

/// Makes each part's settings of what is written.
pub(super) fn read(written: Table, report: &mut Report) -> Config {
    let mut root = Section::root(written, report);
    let (server, answers) = process::server(&mut root);
    let store = root.section("store", store);
    let (auth, scheme) = accounts::auth(&mut root);
    let gateway = proxy::gateway(&mut root, answers, scheme);
    let log = root.section("log", process::log);
    root.finish();
    Config { auth, gateway, log, server, store }
}

fn store(section: &mut Section<'_>) -> store::Settings {
    let default = store::Settings::Sqlite { path: PathBuf::from("authgate.db") };
    section.secret(["url", "url_file"], default, values::store_url)
}
