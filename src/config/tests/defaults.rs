use super::super::layers::gather;
use super::super::report::Report;
use super::super::sections;
use super::*;
use crate::server::listener::ListenerSettings;
use crate::store;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

fn shipped() -> Source {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/authgate.toml");
    Source { file: Some(file), ..Source::default() }
}

fn debug(config: &Config) -> String {
    let Config { admin, auth, effective: _, gateway, log, server, store, warnings } = config;
    assert!(warnings.is_empty(), "{warnings:?}");
    let store::Settings::Sqlite { path } = store else { panic!("not the default store") };
    format!("{admin:#?}\n{auth:#?}\n{gateway:#?}\n{log:#?}\n{server:#?}\n{path:?}")
}

#[test]
fn the_file_that_is_shipped_holds_the_defaults() {
    let written = Config::load(&shipped()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let built_in = Config::load(&Source::default()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(debug(&written), debug(&built_in));
}

#[test]
fn the_file_that_is_shipped_names_every_setting() {
    let mut report = Report::default();
    let written = gather(&shipped(), &mut report);
    sections::read(written, &mut report);
    let text = std::fs::read_to_string(shipped().file.unwrap()).unwrap();
    assert_eq!(report.known() - &named(&text), BTreeSet::new());
}

#[test]
fn the_file_that_is_shipped_names_every_setting_of_a_listener() {
    let listener = "[[listeners]]\naddress = \"127.0.0.1:1\"\ncertificates = [{}]\n";
    let mut report = Report::default();
    let written = gather(&Written::file(listener).source, &mut report);
    sections::read(written, &mut report);
    assert!(report.known().contains("listeners.certificates.key"));
    let text = std::fs::read_to_string(shipped().file.unwrap()).unwrap();
    assert_eq!(report.known() - &named(&text), BTreeSet::new());
}

/// All settings that a file names, also behind `#`.
fn named(text: &str) -> BTreeSet<String> {
    let mut section = "";
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let heading = line.trim_start_matches("# ");
        if heading.starts_with('[') && heading.ends_with(']') {
            section = heading.trim_matches(['[', ']']);
            names.insert(section.to_owned());
        } else if let Some((key, value)) = line.trim_start_matches("# ").split_once(" = ") {
            names.insert(format!("{section}.{key}"));
            let inner = value
                .trim_start_matches('[')
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'));
            let pairs = inner.into_iter().flat_map(|(pairs, _)| pairs.split(','));
            names.extend(pairs.filter_map(|pair| {
                pair.split_once(" = ").map(|(inner, _)| format!("{section}.{key}.{}", inner.trim()))
            }));
        }
    }
    names
}

#[test]
fn without_a_file_the_defaults_are_those_of_the_handbook() {
    let config = Config::load(&Source::default()).ok().unwrap();
    let listener = ListenerSettings::plain("127.0.0.1:8000".parse().unwrap());
    assert_eq!(config.server.listeners, [listener]);
    assert!(config.server.threads > 0);
    assert_eq!(config.server.ops_listen, None);
    assert_eq!(config.auth.tokens.lifetime, Some(Duration::from_hours(10)));
    assert_eq!(config.auth.hashing.memory_kib, 19 * 1024);
    assert_eq!(config.gateway.max_body, 1_048_576);
    assert_eq!(config.gateway.upstreams[0].servers[0].address, "127.0.0.1:9000");
    assert_eq!(config.gateway.upstreams[0].upgrade_timeout, Duration::from_hours(1));
}
