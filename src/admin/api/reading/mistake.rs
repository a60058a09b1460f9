//! What will not do of what was sent, in words for whoever sent it.

use crate::api::Problem;
use serde::de;
use serde_json::json;
use std::fmt;

/// What will not do, and in which field.
#[derive(Debug)]
pub(in super::super) struct Mistake {
    pub(super) field: Option<String>,
    pub(super) words: String,
}

impl Mistake {
    pub(super) fn of(words: &str) -> Self {
        Self { field: None, words: words.to_owned() }
    }

    fn in_field(field: impl Into<String>, words: &str) -> Self {
        Self { field: Some(field.into()), words: words.to_owned() }
    }
}

/// What is expected, and never what was sent instead: that may be a secret in the wrong place.
impl From<serde_json::Error> for Mistake {
    fn from(error: serde_json::Error) -> Self {
        let words = error.to_string();
        let expected = words.split_once(", expected ").map(|(_, expected)| expected);
        let is_ours = words.ends_with('.');
        let words = match expected {
            Some("u64") => "A valid number is required.".to_owned(),
            Some(expected) if !is_ours => format!("Not valid: expected {expected}."),
            _ if is_ours => words,
            _ => "Not valid.".to_owned(),
        };
        Self { field: None, words }
    }
}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Self { field: None, words: words.to_string() }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::in_field(field, "This field is required.")
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::in_field(field, "There is no such field.")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::in_field(field, "This field is here twice.")
    }

    fn unknown_variant(_: &str, variants: &'static [&'static str]) -> Self {
        Self::custom(format_args!("Not a valid choice: it is one of {}.", variants.join(", ")))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Mistake {}

impl From<Mistake> for Problem {
    fn from(mistake: Mistake) -> Self {
        let field = mistake.field.unwrap_or_else(|| "non_field_errors".to_owned());
        field_error(&field, [mistake.words])
    }
}

/// What is wrong with a field.
pub(in super::super) fn field_error(
    field: &str,
    messages: impl IntoIterator<Item = impl ToString>,
) -> Problem {
    let messages: Vec<_> = messages.into_iter().map(|message| message.to_string()).collect();
    let field = field.chars().take(100).collect();
    Problem::Fields(serde_json::Map::from_iter([(field, json!(messages))]))
}
