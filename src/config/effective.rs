//! What the settings are, where each comes from and what it means, for operators.
//!
//! The file that is shipped holds every default in the form in which it is written, and says what
//! each setting means; tests hold it to be true. So it is the one source of both.

use super::mistake::Place;
use super::written::{Item, Table, Value, read_file};
use crate::admin::Setting;
use std::collections::{BTreeMap, BTreeSet};

const HANDBOOK: &str = include_str!("../../conf/authgate.toml");

/// The settings that were asked for, as they are written.
#[derive(Default)]
pub(super) struct Effective {
    secrets: BTreeSet<String>,
    written: BTreeMap<String, Option<(Place, String)>>,
}

impl Effective {
    /// Notes a setting that was asked for. What a section holds is asked for key by key.
    pub(super) fn note(&mut self, name: String, item: Option<&Item>) {
        let written = item.and_then(|item| Some((item.place.clone(), show(&item.value)?)));
        if item.is_none() || written.is_some() {
            self.written.insert(name, written);
        }
    }

    /// Forgets a setting whose default does not hold here.
    pub(super) fn forget(&mut self, name: &str) {
        self.written.remove(name);
    }

    /// Notes that a setting may hold a secret.
    pub(super) fn mask(&mut self, name: String) {
        self.secrets.insert(name);
    }

    /// All settings that have a value, in the order of the handbook.
    pub(super) fn settings(self) -> Vec<Setting> {
        let defaults = read_file("", HANDBOOK).unwrap_or_default();
        let meanings = meanings();
        let is_in_file = |name: &str| {
            let file = self.written.get(&format!("{name}_file"));
            file.is_some_and(Option::is_some)
        };
        let setting = |(name, written): (&String, &Option<(Place, String)>)| {
            let (origin, value) = match written {
                Some((place, value)) => (Some(place.to_string()), value.clone()),
                None if is_in_file(name) => return None,
                None => (None, show(at(&defaults, name)?)?),
            };
            let value = if self.secrets.contains(name) { masked(&value) } else { value };
            let (place, meaning) = meaning_of(name, &meanings);
            Some((place, Setting { meaning, name: name.clone(), origin, value }))
        };
        let mut settings: Vec<_> = self.written.iter().filter_map(setting).collect();
        settings.sort_by_key(|(place, _)| *place);
        settings.into_iter().map(|(_, setting)| setting).collect()
    }
}

/// A value as it is written; nothing for a section, whose keys stand for themselves.
fn show(value: &Value) -> Option<String> {
    Some(match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::List(items) if items.iter().any(|item| matches!(item.value, Value::Table(_))) => {
            summary(items)
        }
        Value::List(items) => {
            let items: Vec<_> = items.iter().filter_map(|item| show(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Other(kind) => (*kind).to_owned(),
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Table(_) => return None,
        Value::Text(text) => text.clone(),
    })
}

/// A list of sections: how many there are, and what some of them are called.
fn summary(items: &[Item]) -> String {
    const MOST: usize = 6;
    let called = |item: &Item| {
        let Value::Table(table) = &item.value else { return None };
        let name = ["name", "path", "address"].iter().find_map(|key| table.get(*key))?;
        show(&name.value)
    };
    let names: Vec<_> = items.iter().take(MOST).filter_map(called).collect();
    let more = if items.len() > MOST { ", …" } else { "" };
    format!("{}: {}{more}", items.len(), names.join(", "))
}

/// What stands under a full name.
fn at<'t>(table: &'t Table, name: &str) -> Option<&'t Value> {
    match name.split_once('.') {
        None => table.get(name).map(|item| &item.value),
        Some((section, rest)) => match &table.get(section)?.value {
            Value::Table(table) => at(table, rest),
            _ => None,
        },
    }
}

/// An address without whoever it is opened by, and without what may be a password in its query.
fn masked(url: &str) -> String {
    let bare = url.trim_matches('"');
    let (address, query) = bare.split_once('?').map_or((bare, ""), |(address, _)| (address, "?…"));
    // The last one: a password may have an @, a host never.
    let hidden = match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}{query}"),
        _ => format!("{address}{query}"),
    };
    toml::Value::String(hidden).to_string()
}

/// What each setting means, in the order of the handbook.
fn meanings() -> Vec<(String, String)> {
    let mut section = "";
    let mut meanings = Vec::new();
    for line in HANDBOOK.lines() {
        let line = line.trim_start_matches("# ");
        if line.starts_with('[') && line.ends_with(']') {
            section = line.trim_matches(['[', ']']);
            meanings.push((section.to_owned(), String::new()));
        } else if let Some((key, rest)) = line.split_once(" = ") {
            let meaning = comment(rest).unwrap_or_default().to_owned();
            meanings.push((format!("{section}.{key}"), meaning));
        }
    }
    meanings
}

/// What is said behind a value.
fn comment(rest: &str) -> Option<&str> {
    let mut is_quoted = false;
    let start = rest.char_indices().find(|(_, char)| {
        is_quoted ^= *char == '"';
        *char == '#' && !is_quoted
    });
    Some(rest.get(start?.0 + 1..)?.trim())
}

/// The place of a setting in the handbook and what it says there, if need be of what it is part of.
fn meaning_of(name: &str, meanings: &[(String, String)]) -> (usize, String) {
    let found = meanings.iter().enumerate().find(|(_, (known, _))| known == name);
    match (found, name.rsplit_once('.')) {
        (Some((place, (_, meaning))), _) => (place, meaning.clone()),
        (None, Some((parent, _))) => meaning_of(parent, meanings),
        (None, None) => (usize::MAX, String::new()),
    }
}
