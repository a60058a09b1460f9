//! Settings as they were written, each with its place, before anyone knows what they mean.

use super::mistake::{Mistake, Place};
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

/// Names and what is written under them. May hold secrets, so nothing here has Debug.
pub(super) type Table = BTreeMap<String, Item>;

/// A value, and where it is written.
#[derive(Clone)]
pub(super) struct Item {
    /// Where its name stands.
    pub(super) name: Place,
    /// Where it stands itself; of a section, where its heading does.
    pub(super) place: Place,
    pub(super) value: Value,
}

impl Item {
    /// A value that stands at one place with its name.
    pub(super) fn at(place: Place, value: Value) -> Self {
        Self { name: place.clone(), place, value }
    }
}

/// What is written.
#[derive(Clone)]
pub(super) enum Value {
    Boolean(bool),
    Integer(i64),
    List(Vec<Item>),
    /// Something that no setting takes, by its kind.
    Other(&'static str),
    String(String),
    Table(Table),
    /// Text without quotes, from the environment: any kind that its reader takes it for.
    Text(String),
}

impl Value {
    /// What kind of thing it is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
            Self::String(_) | Self::Text(_) => "text",
            Self::Table(_) => "a section",
        }
    }
}

/// Lays the settings of one source over those of another.
///
/// `KEY` and `KEY_file` are two ways to write one setting, so that each hides the other.
pub(super) fn lay_over(lower: &mut Table, higher: Table) {
    for key in higher.keys() {
        match key.strip_suffix("_file") {
            Some(direct) => lower.remove(direct),
            None => lower.remove(&format!("{key}_file")),
        };
    }
    for (key, item) in higher {
        let old = lower.get_mut(&key).map(|old| &mut old.value);
        match (old, item) {
            (Some(Value::Table(old)), Item { value: Value::Table(new), .. }) => lay_over(old, new),
            (_, item) => {
                lower.insert(key, item);
            }
        }
    }
}

/// Reads a TOML file. Fails with the first mistake of its syntax.
pub(super) fn read_file(name: &str, text: &str) -> Result<Table, Mistake> {
    let origin = Origin::File { name: name.into(), lines: line_starts(text), text };
    match DeTable::parse(text) {
        Ok(table) => Ok(origin.table(table.get_ref())),
        Err(error) => {
            let place = origin.place(error.span().unwrap_or_default().start);
            Err(Mistake { key: String::new(), place, problem: error.message().to_owned() })
        }
    }
}

/// Reads a TOML value that stands at one place as a whole. Fails with what is wrong with it.
pub(super) fn read_value(place: &Place, text: &str) -> Result<Item, String> {
    let value = DeValue::parse(text).map_err(|error| error.message().to_owned())?;
    Ok(Origin::Elsewhere(place).item(&value))
}

fn line_starts(text: &str) -> Vec<usize> {
    let ends = text.match_indices('\n').map(|(end, _)| end + 1);
    std::iter::once(0).chain(ends).collect()
}

/// Where TOML comes from, to tell the places of its values.
enum Origin<'a> {
    Elsewhere(&'a Place),
    /// `lines` is where each begins, for a file may have many values.
    File {
        name: Arc<str>,
        lines: Vec<usize>,
        text: &'a str,
    },
}

impl Origin<'_> {
    fn place(&self, offset: usize) -> Place {
        match self {
            Self::Elsewhere(place) => (*place).clone(),
            Self::File { name, lines, text } => {
                let line = lines.partition_point(|start| *start <= offset);
                let start = lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
                let column = text.get(start..offset).unwrap_or_default().chars().count() + 1;
                Place::Line { file: name.clone(), line, column }
            }
        }
    }

    fn table(&self, table: &DeTable<'_>) -> Table {
        let entries = table.iter().map(|(key, value)| {
            let name = self.place(key.span().start);
            (key.get_ref().to_string(), Item { name, ..self.item(value) })
        });
        entries.collect()
    }

    fn item(&self, value: &Spanned<DeValue<'_>>) -> Item {
        let place = self.place(value.span().start);
        let value = match value.get_ref() {
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.item(item)).collect())
            }
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Datetime(_) => Value::Other("a date"),
            DeValue::Float(_) => Value::Other("a fraction"),
            DeValue::Integer(value) => integer(value),
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Table(table) => Value::Table(self.table(table)),
        };
        Item::at(place, value)
    }
}

fn integer(digits: &DeInteger<'_>) -> Value {
    i64::from_str_radix(digits.as_str(), digits.radix())
        .map_or(Value::Other("an integer out of all bounds"), Value::Integer)
}
