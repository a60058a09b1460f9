//! A dump: what `manage.py dumpdata` writes.

use super::Reading;
use super::elements::{Element, Elements};
use crate::moving::ReadError;
use crate::moving::batch::Closed;
use crate::moving::row::{GroupRow, KeyRow, TokenRow, UserRow};
use crate::moving::value::{Misfit, Value};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

/// An object of a dump.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow, default)]
    pk: Value<'a>,
    #[serde(borrow)]
    fields: &'a RawValue,
}

/// What a model is of.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Group,
    Key,
    Other,
    Token,
    User,
}

/// Reads a dump, whatever the order of its objects.
pub(super) fn read(from: impl Read, reading: &mut Reading<'_>) -> Result<(), ReadError> {
    let mut elements = Elements::of(from);
    let mut models = Models::of(reading);
    while let Some(element) = elements.next()? {
        reading.place += 1;
        match element {
            Element::TooLong(head) => models.pass_over(head, reading)?,
            Element::Whole(text) => {
                if let Ok(object) = serde_json::from_slice(text) {
                    models.take(object, reading)?;
                } else if let Err(error) = serde_json::from_slice::<IgnoredAny>(text) {
                    return Err(elements.broken_within(error).into());
                } else {
                    let words = "has no model and fields, as objects of a dump do";
                    reading.unreadable("an object", Misfit(words.to_owned()))?;
                }
            }
        }
    }
    match models.users {
        Some(model) if !reading.rows.users => Err(ReadError::OtherUsers(model)),
        _ => Ok(()),
    }
}

/// What the models of a dump are of.
struct Models {
    known: BTreeMap<String, Kind>,
    /// A model that has what users have, and is not known to be theirs.
    users: Option<String>,
}

impl Models {
    /// The most models that are told apart.
    const MOST: usize = 1_000;

    fn of(reading: &Reading<'_>) -> Self {
        let own = reading.terms.user_model.as_ref().map_or("auth.user", |model| model.label());
        let known = [
            (own, Kind::User),
            ("auth.group", Kind::Group),
            ("authtoken.token", Kind::Key),
            ("knox.authtoken", Kind::Token),
        ];
        let known = known.map(|(model, kind)| (model.to_owned(), kind)).into();
        Self { known, users: None }
    }

    fn take(&mut self, object: Object<'_>, reading: &mut Reading<'_>) -> Result<(), Closed> {
        let kind = self.kind_of(&object);
        let Object { model, pk, fields } = object;
        let taken = match kind {
            Kind::Other => {
                count(&model, reading);
                return Ok(());
            }
            Kind::Group => fields_of(fields).map(|row| reading.group(GroupRow { pk, ..row })),
            Kind::Key => {
                fields_of(fields).map(|row| reading.key(&model, KeyRow { key: pk, ..row }))
            }
            Kind::Token => {
                fields_of(fields).map(|row| reading.token(&model, TokenRow { digest: pk, ..row }))
            }
            Kind::User => user_of(fields, reading).map(|row| {
                reading.says |= row.says();
                reading.user(&model, UserRow { pk, ..row })
            }),
        };
        reading.says.tokens |= matches!(kind, Kind::Key | Kind::Token);
        taken.unwrap_or_else(|misfit| reading.unreadable(&model, misfit))
    }

    /// Of a model that is not known the first object tells.
    fn kind_of(&mut self, object: &Object<'_>) -> Kind {
        let Object { model, pk, fields } = object;
        if let Some(kind) = self.known.get(model.as_ref()) {
            return *kind;
        }
        let is_token = |row: TokenRow<'_>| TokenRow { digest: pk.clone(), ..row }.is_likely();
        let is_user = |row: UserRow<'_>| row.password != Value::Null && row.email != Value::Null;
        let kind = if fields_of(fields).is_ok_and(is_token) { Kind::Token } else { Kind::Other };
        if self.users.is_none() && fields_of(fields).is_ok_and(is_user) {
            self.users = Some(model.to_string());
        }
        if self.known.len() < Self::MOST {
            self.known.insert(model.to_string(), kind);
        }
        kind
    }

    /// Passes over an object of which this is the beginning: it is too long for a user or a token.
    fn pass_over(&self, head: &[u8], reading: &mut Reading<'_>) -> Result<(), Closed> {
        let head = String::from_utf8_lossy(head);
        let model = head.split_once("\"model\"").map_or("", |(_, rest)| rest);
        let model = model.split('"').nth(1).unwrap_or("an object");
        match self.known.get(model) {
            Some(Kind::Group | Kind::Key | Kind::Token | Kind::User) => {
                reading.unreadable(model, Misfit("is longer than any such object is".to_owned()))
            }
            Some(Kind::Other) | None => {
                count(model, reading);
                Ok(())
            }
        }
    }
}

fn count(model: &str, reading: &mut Reading<'_>) {
    if let Some(count) = reading.others.get_mut(model) {
        *count += 1;
    } else if reading.others.len() < Models::MOST {
        reading.others.insert(model.to_owned(), 1);
    }
}

fn fields_of<'a, T: Deserialize<'a>>(fields: &'a RawValue) -> Result<T, Misfit> {
    let words = "has a field twice, or a text that is no Unicode";
    serde_json::from_str(fields.get()).map_err(|_| Misfit::new("fields", words))
}

/// A user, whose name may be in a field of another name.
fn user_of<'a>(fields: &'a RawValue, reading: &Reading<'_>) -> Result<UserRow<'a>, Misfit> {
    let row: UserRow<'a> = fields_of(fields)?;
    let Some(name) = &reading.terms.username_field else { return Ok(row) };
    let mut all: BTreeMap<Cow<'a, str>, Value<'a>> = fields_of(fields)?;
    let username = all.remove(name.as_str()).unwrap_or_default();
    if username == Value::Null {
        return Err(Misfit::new(name, "is missing; nobody could sign in without it"));
    }
    Ok(UserRow { username, ..row })
}
