//! What a field of a row may be, wherever the row comes from.

use crate::clock::Timestamp;
use jiff::tz::TimeZone;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A field as the source has it: in JSON, or in a cell of a database, which may be text alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Value<'a> {
    /// Nothing, or not there.
    #[default]
    Null,
    Flag(bool),
    Number(i64),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    /// What no field of interest can be, in a word.
    Other(&'static str),
}

/// A moment of a source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    /// Whether the source does not say in which time zone.
    pub(super) is_naive: bool,
}

impl Moment {
    /// So late that it is never.
    pub(super) const FOREVER: Timestamp = Timestamp::from_micros(i64::MAX);
}

/// Why a row cannot be taken: which field, what it is, what would be right. Never its value, which may
/// be a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Misfit(pub(super) String);

impl Misfit {
    pub(super) fn new(field: &str, problem: impl fmt::Display) -> Self {
        Self(format!("{field}: {problem}"))
    }
}

impl<'a> Value<'a> {
    pub(super) fn text(value: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(value.into())
    }

    /// A text that a database has kept, whatever its bytes are.
    pub(super) fn of_bytes(text: &'a [u8]) -> Self {
        std::str::from_utf8(text).map_or(Self::Other("no Unicode"), Self::text)
    }

    /// What it is, in a word.
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "missing",
            Self::Flag(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
        }
    }

    fn misfit(&self, field: &str, right: &str) -> Misfit {
        Misfit::new(field, format_args!("is {}; {right}", self.kind()))
    }

    /// A text of at most so many characters, which is what Django's column has room for; empty if it is
    /// not there.
    pub(super) fn into_text(self, field: &str, most: usize) -> Result<String, Misfit> {
        match self {
            Self::Text(text) if text.chars().nth(most).is_none() => Ok(text.into_owned()),
            Self::Text(_) => {
                Err(Misfit::new(field, format_args!("is longer than {most} characters")))
            }
            Self::Null => Ok(String::new()),
            _ => Err(self.misfit(field, "a text is right")),
        }
    }

    /// Yes or no; `default` if it is not there.
    pub(super) fn flag(&self, field: &str, default: bool) -> Result<bool, Misfit> {
        match self {
            Self::Null => Ok(default),
            Self::Flag(flag) => Ok(*flag),
            Self::Number(0) => Ok(false),
            Self::Number(1) => Ok(true),
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "1" | "t" | "true" | "y" | "yes" => Ok(true),
                "" | "0" | "f" | "false" | "n" | "no" => Ok(false),
                _ => {
                    let words = "is a text that says neither: true, t, yes, y or 1 is yes, and false, f, no, \
                                 n or 0 is no";
                    Err(Misfit::new(field, words))
                }
            },
            _ => Err(self.misfit(field, "true or false is right")),
        }
    }

    /// A number of a row, if that is what it is.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => u64::try_from(*number).ok(),
            // A UUID may happen to have no letter.
            Self::Text(text) if text.len() <= 20 => text.parse().ok(),
            _ => None,
        }
    }

    /// What may be in place of a number of a row: a text, such as a UUID, which is written in two ways.
    pub(super) fn key(&self) -> Option<String> {
        /// More than anyone has in place of a number.
        const LONGEST: usize = 255;
        let Self::Text(text) = self else { return None };
        let bare = text.replace('-', "");
        if bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some(bare.to_ascii_lowercase());
        }
        Some(text.to_string()).filter(|text| (1..=LONGEST).contains(&text.len()))
    }

    /// A moment; one that does not say its time zone is in this one.
    pub(super) fn moment(&self, field: &str, zone: &TimeZone) -> Result<Option<Moment>, Misfit> {
        let text = match self {
            Self::Null => return Ok(None),
            Self::Text(text) if text.is_empty() => return Ok(None),
            Self::Text(text) => text,
            _ => return Err(self.misfit(field, "a moment such as 2026-11-24T06:13:53Z is right")),
        };
        if let Ok(at) = text.parse() {
            return Ok(Some(Moment { at, is_naive: false }));
        }
        // The last days that Python knows are none that can be reckoned with.
        if text.starts_with("9999-12-3") {
            return Ok(Some(Moment { at: Moment::FOREVER, is_naive: false }));
        }
        let moment = text.parse::<jiff::civil::DateTime>();
        let moment = moment.and_then(|moment| zone.to_timestamp(moment));
        let at = moment.map(|moment| Timestamp::from_micros(moment.as_microsecond()));
        let words = "is not a moment such as 2026-11-24T06:13:53Z";
        Ok(Some(Moment { at: at.map_err(|_| Misfit::new(field, words))?, is_naive: true }))
    }

    /// Whom a natural key names: `["ada"]`.
    pub(super) fn natural_key(&self) -> Option<&str> {
        match self {
            Self::List(parts) => match parts.as_slice() {
                [Self::Text(name)] => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value<'de>, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(number).map_or(Value::Other("a number that is too large"), Value::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Other("a broken number"))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value<'de>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other("an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_flag_is_read_from_json_and_from_each_database() {
        for text in ["true", "1", "\"t\"", "\"1\"", "\"true\""] {
            assert_eq!(value(text).flag("is_staff", false), Ok(true), "{text}");
        }
        for text in ["false", "0", "\"f\"", "\"0\""] {
            assert_eq!(value(text).flag("is_staff", true), Ok(false), "{text}");
        }
        assert_eq!(value("null").flag("is_staff", true), Ok(true));
    }

    #[test]
    fn a_misfit_names_the_field_and_what_is_right_but_not_the_value() {
        let misfit = value("\"pass-Word-123\"").flag("is_staff", false).unwrap_err();
        assert!(
            misfit.0.starts_with("is_staff: is a text that says neither: true, t, "),
            "{}",
            misfit.0
        );
        let misfit = value("{\"a\": 1}").into_text("username", 150).unwrap_err();
        assert_eq!(misfit.0, "username: is an object; a text is right");
        let misfit = value("\"pass-Word-123\"").moment("expiry", &TimeZone::UTC).unwrap_err();
        assert_eq!(misfit.0, "expiry: is not a moment such as 2026-11-24T06:13:53Z");
    }

    #[test]
    fn a_moment_is_read_as_each_source_writes_it() {
        for text in [
            "2026-11-24T06:13:53.524Z",
            "2026-11-24T07:13:53.524+01:00",
            "2026-11-24T06:13:53.524",
            "2026-11-24 06:13:53.524000",
            "2026-11-24 06:13:53.524+00",
        ] {
            let moment = Value::text(text).moment("created", &TimeZone::UTC).unwrap().unwrap();
            assert_eq!(moment.at.to_string(), "2026-11-24T06:13:53.524000Z", "{text}");
            assert_eq!(moment.is_naive, !text.ends_with('Z') && !text.contains('+'), "{text}");
        }
        assert_eq!(Value::Null.moment("expiry", &TimeZone::UTC), Ok(None));
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let moment = Value::text("2026-11-24 07:13:53").moment("created", &zone).unwrap().unwrap();
        assert_eq!(moment.at.to_string(), "2026-11-24T06:13:53Z");
    }

    #[test]
    fn a_text_is_as_long_as_djangos_column_at_most() {
        assert!(Value::text("é".repeat(150)).into_text("username", 150).is_ok());
        let misfit = Value::text("é".repeat(151)).into_text("username", 150).unwrap_err();
        assert_eq!(misfit.0, "username: is longer than 150 characters");
    }

    #[test]
    fn a_natural_key_is_a_list_of_one_name() {
        assert_eq!(value("[\"ada\"]").natural_key(), Some("ada"));
        for other in ["[]", "[\"a\",\"b\"]", "[1]", "\"ada\"", "1"] {
            assert_eq!(value(other).natural_key(), None, "{other}");
        }
    }
}
