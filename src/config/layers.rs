//! Where settings come from, and which beats which.

use super::environment::Environment;
use super::mistake::Place;
use super::report::Report;
use super::written::{Item, Table, Value, lay_over, read_file};
use std::path::{Path, PathBuf};

/// Where to read the settings. May hold secrets, so it has no Debug.
#[derive(Clone, Default)]
pub struct Source {
    /// What the environment says; it beats the file.
    pub environment: Environment,
    /// The file, if one was named. It must be there then.
    pub file: Option<PathBuf>,
    /// What the command line says; it beats all else.
    pub flags: Flags,
}

/// The settings that the command line can give. May hold a password, so it has no Debug.
#[derive(Clone, Default)]
pub struct Flags {
    /// `--listen`: takes the place of `server.listen`, unless it is empty.
    pub listen: Vec<String>,
    /// `--store`: takes the place of `store.url`.
    pub store: Option<String>,
    /// `--upstream`: takes the place of the servers of the only upstream. Where there are several,
    /// it is a mistake, for it could mean any of them.
    pub upstream: Option<String>,
}

/// All that is written, the stronger over the weaker.
pub(super) fn gather(source: &Source, report: &mut Report) -> Table {
    let mut written = source.file.as_deref().map_or_else(Table::new, |file| open(file, report));
    lay_over(&mut written, source.environment.written(report));
    lay_over(&mut written, source.flags.written());
    if let Some(server) = &source.flags.upstream {
        point_only_upstream(&mut written, server, report);
    }
    written
}

fn open(file: &Path, report: &mut Report) -> Table {
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            let place = Place::File(name.into());
            report.note(String::new(), place, format!("cannot be read: {error}"));
            return Table::new();
        }
    };
    read_file(&name, &text).unwrap_or_else(|mistake| {
        report.note(mistake.key, mistake.place, mistake.problem);
        Table::new()
    })
}

impl Flags {
    fn written(&self) -> Table {
        let mut settings = Table::new();
        if !self.listen.is_empty() {
            let place = Place::Flag("--listen");
            let addresses = self.listen.iter().map(|address| text(&place, address)).collect();
            let addresses = Item::at(place.clone(), Value::List(addresses));
            settings.insert("server".to_owned(), section(&place, [("listen", addresses)]));
        }
        if let Some(url) = &self.store {
            let place = Place::Flag("--store");
            settings.insert("store".to_owned(), section(&place, [("url", text(&place, url))]));
        }
        settings
    }
}

fn point_only_upstream(written: &mut Table, server: &str, report: &mut Report) {
    let place = Place::Flag("--upstream");
    let servers = Item::at(place.clone(), Value::List(vec![text(&place, server)]));
    let only = section(&place, [("name", text(&place, "app")), ("servers", servers.clone())]);
    let upstreams = written
        .entry("upstreams".to_owned())
        .or_insert_with(|| Item::at(place.clone(), Value::List(vec![only])));
    match &mut upstreams.value {
        Value::List(upstreams) if upstreams.len() > 1 => {
            let problem = "there are several; set `servers` of the one that is meant";
            report.note("upstreams".to_owned(), place, problem.to_owned());
        }
        Value::List(upstreams) => {
            if let Some(Value::Table(only)) = upstreams.first_mut().map(|item| &mut item.value) {
                only.insert("servers".to_owned(), servers);
            }
        }
        // What is no list is reported when it is read.
        _ => {}
    }
}

fn section<const N: usize>(place: &Place, items: [(&str, Item); N]) -> Item {
    let items = items.map(|(key, item)| (key.to_owned(), item));
    Item::at(place.clone(), Value::Table(Table::from(items)))
}

fn text(place: &Place, text: &str) -> Item {
    Item::at(place.clone(), Value::String(text.to_owned()))
}
