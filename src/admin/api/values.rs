//! Values of bounded kinds: what their schemas say holds when they are read.

use crate::clock::Timestamp;
use crate::model::network::read_network;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A whole number within bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Whole<const LEAST: u64, const MOST: u64>(pub u64);

/// The largest number that every reader of JSON can tell from its neighbours.
const MOST_EXACT: u64 = (1 << 53) - 1;

/// A user's number.
pub(super) type UserNumber = Whole<1, MOST_EXACT>;

/// How many things a page has.
pub(super) type PageSize = Whole<1, 200>;

/// How many things a page has if nobody says.
const USUAL_PAGE: u64 = 50;

/// How many things a page is to have.
pub(super) fn page_size(limit: Option<PageSize>) -> usize {
    usize::try_from(limit.map_or(USUAL_PAGE, |limit| limit.0)).unwrap_or(1)
}

/// A text of so many characters, none of them a NUL.
#[derive(Clone, Debug)]
pub(super) struct Line<const LEAST: usize, const MOST: usize>(pub String);

/// What is written as text, such as an address.
#[derive(Clone, Debug)]
pub(super) struct Parsed<T>(pub T);

/// A moment, as it is answered.
#[derive(Clone, Copy)]
pub(super) struct Moment(pub Timestamp);

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Whole<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if (LEAST..=MOST).contains(&number) {
            return Ok(Self(number));
        }
        Err(D::Error::custom(format_args!("Must be a number from {LEAST} to {MOST}.")))
    }
}

impl<const LEAST: u64, const MOST: u64> JsonSchema for Whole<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Whole_{LEAST}_{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }
}

impl<'de, const LEAST: usize, const MOST: usize> Deserialize<'de> for Line<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains('\0') {
            return Err(D::Error::custom("Null characters are not allowed."));
        }
        if (LEAST..=MOST).contains(&text.chars().count()) {
            return Ok(Self(text));
        }
        Err(D::Error::custom(match LEAST {
            0 => format!("Ensure this field has no more than {MOST} characters."),
            _ => format!("Ensure this field has {LEAST} to {MOST} characters."),
        }))
    }
}

impl<const LEAST: usize, const MOST: usize> JsonSchema for Line<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Line_{LEAST}_{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": LEAST, "maxLength": MOST })
    }
}

impl<'de, T: FromStr + Named> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parsed = String::deserialize(deserializer)?.parse().ok().filter(T::is_sane);
        parsed.map(Self).ok_or_else(|| D::Error::custom(format_args!("Must be {}.", T::WORDS)))
    }
}

impl<T: Named> JsonSchema for Parsed<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::WORDS.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

/// What is written as text of a kind that has a name.
pub(super) trait Named {
    /// The kind: `an IP address`.
    const WORDS: &str;

    /// What it looks like.
    fn schema() -> Schema;

    /// Whether there can be such a thing.
    fn is_sane(&self) -> bool {
        true
    }
}

impl Named for std::net::IpAddr {
    const WORDS: &str = "an IP address";

    fn schema() -> Schema {
        json_schema!({
            "anyOf": [{ "type": "string", "format": "ipv4" }, { "type": "string", "format": "ipv6" }]
        })
    }
}

impl Named for crate::model::token::TokenId {
    const WORDS: &str = "a token's id, such as 42-9f86d081884c7d65";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{1,15}-[0-9a-f]{16}$" })
    }

    fn is_sane(&self) -> bool {
        self.user.0 <= MOST_EXACT
    }
}

impl Named for crate::model::event::EventName {
    const WORDS: &str = "an event's name";

    fn schema() -> Schema {
        let names: Vec<_> = Self::ALL.iter().map(|name| name.as_str()).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

/// A network, or the one that holds an address alone.
pub(super) struct Reach(pub ipnet::IpNet);

impl FromStr for Reach {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read_network(text).map(Self).ok_or(Self::WORDS)
    }
}

impl Named for Reach {
    const WORDS: &str = "an address, or a network such as 192.0.2.0/24 or 2001:db8::/32";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?$" })
    }
}

impl Named for Timestamp {
    const WORDS: &str = "a moment as RFC 3339 writes it, such as 2026-11-24T07:01:34Z";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Timestamp::schema()
    }
}

/// Tells null from nothing: what is there and null is `Some(None)`.
#[expect(clippy::option_option, reason = "null and nothing differ")]
pub(super) fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// From one to so many things, each of them once.
#[derive(Clone, Debug)]
pub(super) struct Many<T, const MOST: usize>(pub Vec<T>);

impl<'de, T: Deserialize<'de> + PartialEq, const MOST: usize> Deserialize<'de> for Many<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Vec::<T>::deserialize(deserializer)?;
        if !(1..=MOST).contains(&all.len()) {
            return Err(D::Error::custom(format_args!("Must be a list of 1 to {MOST}.")));
        }
        let is_double = |(place, one): (usize, &T)| all.iter().skip(place + 1).any(|x| x == one);
        if all.iter().enumerate().any(is_double) {
            return Err(D::Error::custom("Each may be here once."));
        }
        Ok(Self(all))
    }
}

impl<T: JsonSchema, const MOST: usize> JsonSchema for Many<T, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Many_{}_{MOST}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        json_schema!({
            "type": "array", "items": items, "minItems": 1, "maxItems": MOST, "uniqueItems": true,
        })
    }
}
