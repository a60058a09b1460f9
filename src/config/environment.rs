//! Settings from the environment: `AUTHGATE__TOKENS__LIFETIME` is `tokens.lifetime`.

use super::mistake::Place;
use super::report::Report;
use super::written::{Item, Table, Value, read_value};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// The variables of a process. May hold secrets, so it has no Debug.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// The variables of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The text of a variable that is none of ours, such as `PGPASSWORD`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(OsStr::new(name))?.to_str()
    }

    /// The settings in these variables.
    pub(super) fn written(&self, report: &mut Report) -> Table {
        let mut settings = Table::new();
        for (name, text) in &self.0 {
            let Some((name, keys)) = name.to_str().and_then(keys_of) else { continue };
            let place = Place::Variable(name.into());
            match read(&keys, text.to_str(), &place) {
                Ok(item) => put(&mut settings, &keys, item),
                Err(problem) => report.note(keys.join("."), place, problem),
            }
        }
        settings
    }
}

impl<N: Into<OsString>, T: Into<OsString>> FromIterator<(N, T)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, text)| (name.into(), text.into())).collect())
    }
}

/// A variable's name and the keys that it stands for; `None` if it is not one of ours.
fn keys_of(name: &str) -> Option<(&str, Vec<String>)> {
    let keys = name.strip_prefix("AUTHGATE__")?;
    Some((name, keys.split("__").map(str::to_ascii_lowercase).collect()))
}

fn read(keys: &[String], text: Option<&str>, place: &Place) -> Result<Item, String> {
    let text = text.ok_or("its value is not UTF-8")?;
    match keys {
        [list] if ["listeners", "routes", "upstreams"].contains(&&**list) => {
            let example = "write an array of tables in one line, such as [{ name = \"app\" }]";
            read_value(place, text).map_err(|problem| format!("{problem}; {example}"))
        }
        _ => Ok(Item::at(place.clone(), Value::Text(text.to_owned()))),
    }
}

fn put(table: &mut Table, keys: &[String], item: Item) {
    match keys {
        [] => {}
        [last] => {
            table.insert(last.clone(), item);
        }
        [first, rest @ ..] => {
            let empty = || Item::at(item.place.clone(), Value::Table(Table::new()));
            let section = table.entry(first.clone()).or_insert_with(empty);
            // Where a section has a value itself, that is reported when it is read.
            if let Value::Table(section) = &mut section.value {
                put(section, rest, item);
            }
        }
    }
}
