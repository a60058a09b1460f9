//! A dump: what `manage.py dumpdata` writes.

use super::Reading;
use super::elements::Elements;
use crate::moving::ReadError;
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

/// Reads a dump, whatever the order of its objects.
pub(super) fn read(from: impl Read, reading: &mut Reading<'_>) -> Result<(), ReadError> {
    let mut elements = Elements::of(from);
    let mut others = Others::default();
    while let Some(text) = elements.next()? {
        reading.place += 1;
        if let Ok(object) = serde_json::from_slice(text) {
            take(object, reading, &mut others)?;
        } else if let Err(error) = serde_json::from_slice::<IgnoredAny>(text) {
            return Err(elements.broken_within(error).into());
        } else {
            let words = "has no model and fields, as objects of a dump do";
            reading.unreadable("an object", Misfit(words.to_owned()))?;
        }
    }
    others.finish(reading)
}

fn take(
    object: Object<'_>,
    reading: &mut Reading<'_>,
    others: &mut Others,
) -> Result<(), ReadError> {
    let Object { model, pk, fields } = object;
    let own = reading.terms.user_model.as_ref();
    let is_user = own.map_or("auth.user", |model| model.label()) == model;
    match model.as_ref() {
        _ if is_user => {
            others.has_users = true;
            match fields_of(fields) {
                Ok(row) => reading.user(&model, UserRow { pk, ..row }),
                Err(misfit) => reading.unreadable(&model, misfit),
            }
        }
        "auth.group" => match fields_of(fields) {
            Ok(row) => reading.group(GroupRow { pk, ..row }),
            Err(misfit) => reading.unreadable(&model, misfit),
        },
        "knox.authtoken" => match fields_of(fields) {
            Ok(row) => reading.token(&model, TokenRow { digest: pk, ..row }),
            Err(misfit) => reading.unreadable(&model, misfit),
        },
        "authtoken.token" => match fields_of(fields) {
            Ok(row) => reading.key(&model, KeyRow { key: pk, ..row }),
            Err(misfit) => reading.unreadable(&model, misfit),
        },
        _ => {
            others.count(&model, fields);
            Ok(())
        }
    }?;
    Ok(())
}

fn fields_of<'a, T: Deserialize<'a>>(fields: &'a RawValue) -> Result<T, Misfit> {
    let words = "has a field twice, or a text that is no Unicode";
    serde_json::from_str(fields.get()).map_err(|_| Misfit::new("fields", words))
}

/// Objects that are neither users nor tokens.
#[derive(Default)]
struct Others {
    has_users: bool,
    /// How many of each model.
    models: BTreeMap<String, u64>,
    /// A model that has what users have.
    users: Option<String>,
}

impl Others {
    /// The most models that are told apart.
    const MOST: usize = 1_000;

    fn count(&mut self, model: &str, fields: &RawValue) {
        if let Some(count) = self.models.get_mut(model) {
            *count += 1;
            return;
        }
        if self.models.len() >= Self::MOST {
            return;
        }
        self.models.insert(model.to_owned(), 1);
        let looks = |row: UserRow<'_>| row.password != Value::Null && row.email != Value::Null;
        if self.users.is_none() && fields_of(fields).is_ok_and(looks) {
            self.users = Some(model.to_owned());
        }
    }

    fn finish(self, reading: &mut Reading<'_>) -> Result<(), ReadError> {
        if let Some(model) = self.users.filter(|_| !self.has_users) {
            return Err(ReadError::OtherUsers(model));
        }
        Ok(reading.rows.add(|batch| batch.others.extend(self.models))?)
    }
}
