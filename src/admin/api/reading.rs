//! Query, path and body → what an operation wants, or which field will not do.

mod mistake;

pub(super) use self::mistake::field_error;

use self::mistake::Mistake;
use crate::api::{BodyError, Problem};
use bytes::Bytes;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;
use serde_json::error::Category;
use std::fmt;

/// Reads names and values as a query has them. Each name may come once.
pub(super) fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    let fields = pairs.map(|(name, value)| (name.into_owned(), Text(value.into_owned())));
    Ok(read_fields(fields.collect())?)
}

/// Reads the variable parts of a path.
pub(super) fn read_path<T: DeserializeOwned>(parts: &[(&str, &str)]) -> Result<T, Mistake> {
    let fields = parts.iter().map(|(name, value)| ((*name).to_owned(), Text((*value).to_owned())));
    read_fields(fields.collect())
}

/// Reads a body. One that is empty has no fields.
pub(super) fn read_body<T: DeserializeOwned>(
    content_type: &str,
    body: &Result<Bytes, BodyError>,
) -> Result<T, Problem> {
    let body = body.as_ref().map_err(|error| Problem::from(*error))?;
    if body.is_empty() {
        return Ok(read_fields::<T, Given>(Vec::new())?);
    }
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Problem::UnsupportedMediaType(content_type.chars().take(100).collect()));
    }
    let object: Object = serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Mistake::of("Invalid data. Expected a JSON object.").into(),
        Category::Eof | Category::Io | Category::Syntax => {
            Problem::Malformed(format!("JSON parse error - {error}"))
        }
    })?;
    Ok(read_fields(object.0)?)
}

fn read_fields<'de, T, V>(fields: Vec<(String, V)>) -> Result<T, Mistake>
where
    T: DeserializeOwned,
    V: Deserializer<'de, Error = Mistake>,
{
    T::deserialize(Fields { left: fields.into_iter(), value: None })
}

/// A value of a query or a path: text, whatever it stands for.
struct Text(String);

/// A value of a body.
struct Given(Value);

/// The fields of a JSON object, in order, and as often as they are written.
struct Object(Vec<(String, Given)>);

impl<'de> de::Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    fields.push((name, Given(value)));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// Names and values on their way into a type, each mistake with the name that it is found under.
struct Fields<V> {
    left: std::vec::IntoIter<(String, V)>,
    value: Option<(String, V)>,
}

impl<'de, V: Deserializer<'de, Error = Mistake>> MapAccess<'de> for Fields<V> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some((name, value)) = self.left.next() else { return Ok(None) };
        let key: StrDeserializer<'_, Mistake> = name.as_str().into_deserializer();
        let key = seed.deserialize(key)?;
        self.value = Some((name, value));
        Ok(Some(key))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Mistake> {
        let (name, value) = self.value.take().ok_or_else(|| Mistake::of("There is no value."))?;
        let read = seed.deserialize(value);
        read.map_err(|mistake| Mistake { field: Some(name), ..mistake })
    }
}

impl<'de, P: Deserializer<'de, Error = Mistake>> Deserializer<'de> for Fields<P> {
    type Error = Mistake;

    fn deserialize_any<W: Visitor<'de>>(self, visitor: W) -> Result<W::Value, Mistake> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> Deserializer<'de> for Text {
    type Error = Mistake;

    fn deserialize_any<W: Visitor<'de>>(self, visitor: W) -> Result<W::Value, Mistake> {
        visitor.visit_string(self.0)
    }

    fn deserialize_bool<W: Visitor<'de>>(self, visitor: W) -> Result<W::Value, Mistake> {
        let value = self.0.parse();
        visitor.visit_bool(value.map_err(|_| Mistake::of("Must be true or false."))?)
    }

    fn deserialize_u64<W: Visitor<'de>>(self, visitor: W) -> Result<W::Value, Mistake> {
        let is_plain = self.0.bytes().all(|byte| byte.is_ascii_digit());
        let value = self.0.parse().ok().filter(|_| is_plain);
        visitor.visit_u64(value.ok_or_else(|| Mistake::of("A valid number is required."))?)
    }

    fn deserialize_option<W: Visitor<'de>>(self, visitor: W) -> Result<W::Value, Mistake> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<W: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: W,
    ) -> Result<W::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<W: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: W,
    ) -> Result<W::Value, Mistake> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> Deserializer<'de> for Given {
    type Error = Mistake;

    fn deserialize_any<W: Visitor<'de>>(self, visitor: W) -> Result<W::Value, Mistake> {
        Ok(self.0.deserialize_any(visitor)?)
    }

    fn deserialize_option<W: Visitor<'de>>(self, visitor: W) -> Result<W::Value, Mistake> {
        Ok(self.0.deserialize_option(visitor)?)
    }

    fn deserialize_newtype_struct<W: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: W,
    ) -> Result<W::Value, Mistake> {
        Ok(self.0.deserialize_newtype_struct(name, visitor)?)
    }

    fn deserialize_enum<W: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: W,
    ) -> Result<W::Value, Mistake> {
        Ok(self.0.deserialize_enum(name, variants, visitor)?)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        name: String,
        is_staff: Option<bool>,
        age: Option<u64>,
    }

    fn body(text: &str) -> Result<Wanted, String> {
        let body = Ok(Bytes::copy_from_slice(text.as_bytes()));
        said(read_body("application/json; charset=utf-8", &body))
    }

    fn said<T>(read: Result<T, Problem>) -> Result<T, String> {
        read.map_err(|problem| String::from_utf8(problem.response("Bearer").into_body()).unwrap())
    }

    #[test]
    fn a_body_becomes_what_is_wanted() {
        let wanted = Wanted { name: "ada".to_owned(), is_staff: Some(true), age: None };
        assert_eq!(body(r#"{"name":"ada","is_staff":true,"age":null}"#), Ok(wanted));
    }

    #[test]
    fn each_mistake_is_told_under_its_field() {
        for (text, words) in [
            ("{}", r#"{"name":["This field is required."]}"#),
            (r#"{"name":"a","x":1}"#, r#"{"x":["There is no such field."]}"#),
            (r#"{"name":"a","name":"b"}"#, r#"{"name":["This field is here twice."]}"#),
            (r#"{"name":"a","age":-1}"#, r#"{"age":["A valid number is required."]}"#),
            ("[]", r#"{"non_field_errors":["Invalid data. Expected a JSON object."]}"#),
        ] {
            assert_eq!(body(text), Err(words.to_owned()), "{text}");
        }
        assert!(body("{").unwrap_err().contains("JSON parse error"));
    }

    #[test]
    fn what_was_sent_in_the_wrong_place_is_not_said_again() {
        let words = body(r#"{"name":"a","age":"hunter2"}"#).unwrap_err();
        assert!(!words.contains("hunter2"), "{words}");
    }

    #[test]
    fn a_query_is_as_strict() {
        let read = |query| said(read_query::<Wanted>(query));
        let wanted = Wanted { name: "a b".to_owned(), is_staff: Some(false), age: Some(7) };
        assert_eq!(read("name=a+b&is_staff=false&age=7"), Ok(wanted));
        for (query, field) in [
            ("name=a&is_staff=yes", "is_staff"),
            ("name=a&age=-7", "age"),
            ("name=a&age=%2B7", "age"),
            ("name=a&password=b", "password"),
            ("name=a&name=b", "name"),
        ] {
            assert!(read(query).unwrap_err().starts_with(&format!("{{\"{field}\"")), "{query}");
        }
    }

    #[test]
    fn only_json_is_read() {
        let body = Ok(Bytes::from_static(b"name=a"));
        for kind in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
            let read = read_body::<Wanted>(kind, &body);
            assert!(matches!(read, Err(Problem::UnsupportedMediaType(_))), "{kind}");
        }
    }
}
