//! Reads a section key by key, notes every mistake and goes on.

use super::mistake::Place;
use super::report::{Report, Unknown};
use super::values;
use super::written::{Item, Table, Value, read_value};
use std::collections::BTreeMap;

/// A part of what is written, with readers for what may stand in it.
pub(super) struct Section<'r> {
    asked: BTreeMap<&'static str, Place>,
    /// Its name as in the names of known settings: without the number in a list.
    kind: String,
    name: String,
    place: Place,
    report: &'r mut Report,
    table: Table,
}

impl<'r> Section<'r> {
    /// The section that holds all others.
    pub(super) fn root(table: Table, report: &'r mut Report) -> Self {
        let (kind, name) = (String::new(), String::new());
        Self { asked: BTreeMap::new(), kind, name, place: Place::Default, report, table }
    }

    /// The value of a key. Where it is missing or wrong, the default.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> T {
        let Some(item) = self.take(key) else { return default };
        parse(&item.value).unwrap_or_else(|problem| {
            self.note(key, item.place, problem);
            default
        })
    }

    /// A number of threads; 0 is one for each core, and the default.
    pub(super) fn threads(&mut self) -> usize {
        match self.read("threads", 0, values::number(0..=1024)) {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// The value of a key that has no default.
    pub(super) fn require<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.read(key, None, |value| parse(value).map(Some));
        if !self.has(key) {
            self.reject(key, "is missing");
        }
        value
    }

    /// The values of a list, each with its place. Where it is missing, nothing.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<Vec<(Place, T)>> {
        let items = self.items(key)?;
        Some(self.parse_all(key, items, parse))
    }

    /// The values of a list that must not be empty, each with its place. Where it is missing, nothing.
    pub(super) fn filled_list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<Vec<(Place, T)>> {
        let items = self.items(key)?;
        if items.is_empty() {
            self.reject(key, "must name at least one");
        }
        Some(self.parse_all(key, items, parse))
    }

    /// The value of a key that may also stand in a file of its own, which `KEY_file` names.
    pub(super) fn secret<T>(
        &mut self,
        [key, file_key]: [&'static str; 2],
        default: T,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> T {
        let name = join(&self.name, key);
        self.report.effective().mask(name);
        let Some(file) = self.take(file_key) else { return self.read(key, default, parse) };
        if let Some(direct) = self.take(key) {
            let problem = format!("is given twice; {} has it too", direct.place);
            self.note(file_key, file.place, problem);
            return default;
        }
        read_secret(&file.value).and_then(|secret| parse(&secret)).unwrap_or_else(|problem| {
            self.note(file_key, file.place, problem);
            default
        })
    }

    /// What `read` makes of the section of that name, which is empty where it is not written.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let written = self.take(key).and_then(|item| self.table(key, item));
        let (place, table) = written.unwrap_or((Place::Default, Table::new()));
        self.descend([key, key], place, table, read)
    }

    /// What `read` makes of each section in a list. Where there is no such list, nothing.
    pub(super) fn sections<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_>) -> T,
    ) -> Option<Vec<T>> {
        let items = self.items(key)?.into_iter().enumerate();
        let sections = items.filter_map(|(number, item)| {
            let name = format!("{key}[{number}]");
            let (place, table) = self.table(&name, item)?;
            Some(self.descend([key, &name], place, table, &mut read))
        });
        Some(sections.collect())
    }

    /// What is written under names of the operator's own choice, each with its place. Where it is
    /// missing or no section, nothing.
    pub(super) fn named<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str, &Value) -> Result<T, String>,
    ) -> Vec<(Place, T)> {
        let table = self.take(key).and_then(|item| self.table(key, item));
        let (_, table) = table.unwrap_or((Place::Default, Table::new()));
        let mut named = Vec::new();
        for (name, item) in table {
            match parse(&name, &item.value) {
                Ok(value) => named.push((item.name, value)),
                Err(problem) => self.note(key, item.name, problem),
            }
        }
        named
    }

    /// What `read` makes of the section of that name; nothing where it is not written.
    pub(super) fn section_if_written<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        let value = self.section(key, read);
        self.has(key).then_some(value)
    }

    /// Whether a key that was asked for is written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.place_of(key) != Place::Default
    }

    /// Where the value of a key that was asked for is written.
    pub(super) fn place_of(&self, key: &str) -> Place {
        self.asked.get(key).cloned().unwrap_or(Place::Default)
    }

    /// Where this section is written.
    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    /// Notes what is wrong with the value of a key that was asked for.
    pub(super) fn reject(&mut self, key: &str, problem: &str) {
        let place = if self.has(key) { self.place_of(key) } else { self.place() };
        self.note(key, place, problem.to_owned());
    }

    /// Notes what is wrong with a key.
    pub(super) fn note(&mut self, key: &str, place: Place, problem: String) {
        self.report.note(join(&self.name, key), place, problem);
    }

    /// Notes that what is written under a key that was asked for has no effect, and why.
    pub(super) fn warn(&mut self, key: &str, problem: &str) {
        self.report.warn(join(&self.name, key), self.place_of(key), problem.to_owned());
    }

    /// Notes that the default of a key, which is not written, does not hold here.
    pub(super) fn has_no_default(&mut self, key: &str) {
        let name = join(&self.name, key);
        self.report.effective().forget(&name);
    }

    /// Notes the keys that nobody asked for.
    pub(super) fn finish(self) {
        for key in self.asked.keys() {
            self.report.know(join(&self.kind, key));
        }
        for (key, item) in self.table {
            let (name, section) = (join(&self.name, &key), self.kind.clone());
            for (suffix, place) in places(&item) {
                let unknown = Unknown {
                    key: key.clone(),
                    name: format!("{name}{suffix}"),
                    place,
                    section: section.clone(),
                };
                self.report.note_unknown(unknown);
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Item> {
        let item = self.table.remove(key);
        let place = item.as_ref().map_or(Place::Default, |item| item.place.clone());
        self.asked.insert(key, place);
        // What a list of sections holds is summed up with the list.
        if self.kind == self.name {
            self.report.effective().note(join(&self.name, key), item.as_ref());
        }
        item
    }

    fn table(&mut self, name: &str, item: Item) -> Option<(Place, Table)> {
        match item.value {
            Value::Table(table) => Some((item.place, table)),
            other => {
                self.note(name, item.place, format!("expected a section, not {}", other.kind()));
                None
            }
        }
    }

    fn descend<T>(
        &mut self,
        [kind, name]: [&str; 2],
        place: Place,
        table: Table,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let (kind, name) = (join(&self.kind, kind), join(&self.name, name));
        let root = Section::root(table, self.report);
        let mut section = Section { kind, name, place, ..root };
        let value = read(&mut section);
        section.finish();
        value
    }

    fn parse_all<T>(
        &mut self,
        key: &str,
        items: Vec<Item>,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> Vec<(Place, T)> {
        let parse = |item: Item| match parse(&item.value) {
            Ok(value) => Some((item.place, value)),
            Err(problem) => {
                self.note(key, item.place, problem);
                None
            }
        };
        items.into_iter().filter_map(parse).collect()
    }

    fn items(&mut self, key: &'static str) -> Option<Vec<Item>> {
        let item = self.take(key)?;
        items(item).map_err(|(place, problem)| self.note(key, place, problem)).ok()
    }
}

/// The items of a list; text is one in TOML or with commas.
fn items(item: Item) -> Result<Vec<Item>, (Place, String)> {
    match item.value {
        Value::List(items) => Ok(items),
        Value::Text(text) if text.starts_with('[') => match read_value(&item.place, &text) {
            Ok(list) => items(list),
            Err(problem) => Err((item.place, problem)),
        },
        Value::Text(text) => {
            let values = text.split(',').map(str::trim).filter(|text| !text.is_empty());
            let values = values.map(|text| Value::Text(text.to_owned()));
            Ok(values.map(|value| Item::at(item.place.clone(), value)).collect())
        }
        other => Err((item.place, format!("expected a list, not {}", other.kind()))),
    }
}

/// The content of the file that a value names. What is wrong does not repeat the name, for someone
/// may have written the secret itself.
fn read_secret(file: &Value) -> Result<Value, String> {
    let (Value::String(file) | Value::Text(file)) = file else {
        return Err(format!("expected the name of a file in quotes, not {}", file.kind()));
    };
    let content = std::fs::read_to_string(file);
    let content = content.map_err(|error| format!("cannot be read: {error}"))?;
    let line = content.strip_suffix('\n').unwrap_or(&content);
    Ok(Value::Text(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

/// Where an unknown setting is written: in a section of the environment's, where each variable is.
fn places(item: &Item) -> Vec<(String, Place)> {
    match (&item.name, &item.value) {
        (Place::Variable(_), Value::Table(table)) => {
            let below = |(key, item)| {
                places(item).into_iter().map(move |(rest, place)| (format!(".{key}{rest}"), place))
            };
            table.iter().flat_map(below).collect()
        }
        _ => vec![(String::new(), item.name.clone())],
    }
}

fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}
