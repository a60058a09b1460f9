//! What is wrong with an object of a dump, in words; never a value of it.

use crate::moving::value::Value;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

pub(super) const NO_UTF_8: &str =
    "it is not UTF-8; if it is Latin-1, `iconv -f LATIN1 -t UTF-8 FILE > NEW` makes it so";

/// Of one that is JSON, and no object of a dump.
pub(super) fn with_object(text: &[u8]) -> String {
    let Ok(Entries(entries)) = serde_json::from_slice(text) else {
        return "has a name that is no Unicode".to_owned();
    };
    let of_name = |name: &str| entries.iter().filter(|(one, _)| one == name).collect::<Vec<_>>();
    for name in ["model", "pk", "fields"] {
        match of_name(name).as_slice() {
            [] if name == "pk" => {}
            [] => return format!("has no `{name}`, as objects of a dump do"),
            [_] => {}
            [_, _, ..] => return format!("has `{name}` twice"),
        }
    }
    let is_text =
        |(_, value): &&(_, &RawValue)| matches!(value_of(value), None | Some(Value::Text(_)));
    if !of_name("model").iter().all(is_text) {
        return "its `model` is no text".to_owned();
    }
    of_values(&entries)
}

/// Of what the fields of an object cannot be.
pub(super) fn with_fields(fields: &RawValue) -> String {
    if !fields.get().starts_with('{') {
        return "is no object, such as {\"username\": \"ada\"}".to_owned();
    }
    let Ok(Entries(entries)) = serde_json::from_str(fields.get()) else {
        return "has a name that is no Unicode".to_owned();
    };
    let mut seen = HashSet::new();
    match entries.iter().find(|(name, _)| !seen.insert(name)) {
        Some((name, _)) => format!("has `{}` twice", short(name)),
        None => of_values(&entries),
    }
}

fn of_values(entries: &[(Cow<'_, str>, &RawValue)]) -> String {
    match entries.iter().find(|(_, value)| value_of(value).is_none()) {
        Some((name, value)) if is_deep(value.get()) => {
            format!("`{}` has lists in lists, more than any field has", short(name))
        }
        Some((name, _)) => format!("`{}` has a text that is no Unicode", short(name)),
        None => "cannot be read".to_owned(),
    }
}

/// A name as far as one reads; nothing bounds how long it is.
fn short(name: &str) -> Cow<'_, str> {
    const MOST: usize = 40;
    match name.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()).into(),
        None => name.into(),
    }
}

fn value_of(value: &RawValue) -> Option<Value<'_>> {
    serde_json::from_str(value.get()).ok()
}

/// Whether there is more in each other than is followed: it need not be reckoned to the last bracket.
fn is_deep(json: &str) -> bool {
    const DEEP: usize = 100;
    json.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > DEEP
}

/// The entries of an object, each as often as it is there.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Gather)
    }
}

struct Gather;

impl<'de> Visitor<'de> for Gather {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Entries<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            all.push(entry);
        }
        Ok(Entries(all))
    }
}
