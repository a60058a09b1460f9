//! A dump: what `manage.py dumpdata` writes.

mod wrong;

use super::elements::{Element, Elements};
use super::{Model, Reading, Terms, with_number};
use crate::moving::ReadError;
use crate::moving::batch::{Closed, Of};
use crate::moving::row::{GroupRow, KeyRow, TokenRow, UserRow};
use crate::moving::value::{Misfit, Value};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Tokens of a model that was named: of knox or REST framework, as its fields say.
    Named,
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
                    let problem = format!("the next is not as JSON has it: {error}");
                    return Err(elements.broken_within(0, problem).into());
                } else if let Err(error) = std::str::from_utf8(text) {
                    return Err(elements
                        .broken_within(error.valid_up_to(), wrong::NO_UTF_8)
                        .into());
                } else {
                    let why = wrong::with_object(text);
                    reading.unreadable("an object", Of::User(None), Misfit(why))?;
                }
            }
        }
    }
    for model in &reading.terms.token_models {
        if !models.seen.contains(model.label()) {
            let words = format!("The dump has no {}, which --token-model names.", model.label());
            reading.rows.warn(words);
        }
    }
    if reading.rows.users { Ok(()) } else { models.without_users(reading.terms) }
}

/// What the models of a dump are of.
struct Models {
    known: BTreeMap<String, Kind>,
    /// Whether there was a user without the field that was named as the one of their name.
    lacks_name: bool,
    /// Models of tokens that were named, and are there.
    seen: BTreeSet<String>,
    /// A model that has what users have, and is not known to be theirs.
    users: Option<String>,
}

impl Models {
    /// The most models that are told apart.
    const MOST: usize = 1_000;

    fn of(reading: &Reading<'_>) -> Self {
        let Terms { token_models, .. } = reading.terms;
        let own = own_users(reading.terms);
        let mut known = vec![(own, Kind::User), ("auth.group", Kind::Group)];
        if token_models.is_empty() {
            known.extend([("authtoken.token", Kind::Key), ("knox.authtoken", Kind::Token)]);
        }
        known.extend(token_models.iter().map(|model| (model.label(), Kind::Named)));
        let known = known.into_iter().map(|(model, kind)| (model.to_owned(), kind)).collect();
        Self { known, lacks_name: false, seen: BTreeSet::new(), users: None }
    }

    /// Why nobody could be read, if that is known.
    fn without_users(self, terms: &Terms) -> Result<(), ReadError> {
        let wanted = own_users(terms).to_owned();
        match (self.users, &terms.username_field) {
            (_, Some(name)) if self.lacks_name => Err(ReadError::Unusable(format!(
                "users of {wanted} have no field {name}: --username-field names the one by which they sign in"
            ))),
            (Some(found), _) => Err(ReadError::OtherUsers { found, wanted }),
            (None, _) => Ok(()),
        }
    }

    fn take(&mut self, object: Object<'_>, reading: &mut Reading<'_>) -> Result<(), Closed> {
        let kind = self.kind_of(&object, reading);
        let Object { model, pk, fields } = object;
        let kind = if kind == Kind::Named { self.kind_of_named(&model, fields) } else { kind };
        // What is wrong with the fields takes nothing from the number.
        let number = pk.number().filter(|_| kind == Kind::User);
        let of = if kind == Kind::User { Of::User(number) } else { Of::Another };
        let taken = match kind {
            Kind::Named | Kind::Other => {
                count(&model, reading);
                return Ok(());
            }
            Kind::Group => fields_of(fields).map(|row| reading.group(GroupRow { pk, ..row })),
            Kind::Key => key_of(fields, pk).map(|row| reading.key(&model, row)),
            Kind::Token => token_of(fields, pk).map(|row| reading.token(&model, row)),
            Kind::User => self.user_of(fields, reading.terms).map(|row| {
                reading.says |= row.says();
                reading.user(&model, UserRow { pk, ..row })
            }),
        };
        reading.says.tokens |= matches!(kind, Kind::Key | Kind::Token);
        taken.unwrap_or_else(|misfit| reading.unreadable(&with_number(&model, number), of, misfit))
    }

    /// Of a model that is not known the first object tells.
    fn kind_of(&mut self, object: &Object<'_>, reading: &Reading<'_>) -> Kind {
        let Object { model, pk, fields } = object;
        if let Some(kind) = self.known.get(model.as_ref()) {
            return *kind;
        }
        let is_user = |row: UserRow<'_>| row.password != Value::Null && row.email != Value::Null;
        let is_open = reading.terms.token_models.is_empty();
        let is_token = || token_of(fields, pk.clone()).is_ok_and(|row| row.is_likely());
        let kind = if is_open && is_token() { Kind::Token } else { Kind::Other };
        if self.users.is_none() && fields_of(fields).is_ok_and(is_user) {
            self.users = Some(model.to_string());
        }
        if self.known.len() < Self::MOST {
            self.known.insert(model.to_string(), kind);
        }
        kind
    }

    /// What a token of a model that was named is: knox keeps the beginning of each beside its digest.
    fn kind_of_named(&mut self, model: &str, fields: &RawValue) -> Kind {
        if !self.seen.contains(model) {
            self.seen.insert(model.to_owned());
        }
        let is_knox = |row: TokenRow<'_>| row.token_key != Value::Null;
        if fields_of(fields).is_ok_and(is_knox) { Kind::Token } else { Kind::Key }
    }

    /// A user, whose name may be in a field of another name.
    fn user_of<'a>(&mut self, fields: &'a RawValue, terms: &Terms) -> Result<UserRow<'a>, Misfit> {
        let row: UserRow<'a> = fields_of(fields)?;
        let Some(name) = &terms.username_field else { return Ok(row) };
        let mut all: BTreeMap<Cow<'a, str>, Value<'a>> = fields_of(fields)?;
        let username = all.remove(name.as_str());
        self.lacks_name |= username.is_none();
        match username.unwrap_or_default() {
            Value::Null => Err(Misfit::new(name, "is missing; nobody could sign in without it")),
            username => Ok(UserRow { username, ..row }),
        }
    }

    /// Passes over an object of which this is the beginning: it is too long for a user or a token.
    fn pass_over(&self, head: &[u8], reading: &mut Reading<'_>) -> Result<(), Closed> {
        let head = String::from_utf8_lossy(head);
        let model = head.split_once("\"model\"").map_or("", |(_, rest)| rest);
        let model = model.split('"').nth(1).unwrap_or("an object");
        match self.known.get(model) {
            Some(kind @ (Kind::Group | Kind::Key | Kind::Named | Kind::Token | Kind::User)) => {
                let of = if *kind == Kind::User { Of::User(None) } else { Of::Another };
                let words = "is longer than any such object is";
                reading.unreadable(model, of, Misfit(words.to_owned()))
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
    serde_json::from_str(fields.get())
        .map_err(|_| Misfit::new("fields", wrong::with_fields(fields)))
}

/// A token of knox, whose digest is the primary key unless there is another.
fn token_of<'a>(fields: &'a RawValue, pk: Value<'a>) -> Result<TokenRow<'a>, Misfit> {
    let row: TokenRow<'a> = fields_of(fields)?;
    let digest = if row.digest == Value::Null { pk } else { row.digest };
    Ok(TokenRow { digest, ..row })
}

/// A token of REST framework's own, likewise.
fn key_of<'a>(fields: &'a RawValue, pk: Value<'a>) -> Result<KeyRow<'a>, Misfit> {
    let row: KeyRow<'a> = fields_of(fields)?;
    let key = if row.key == Value::Null { pk } else { row.key };
    Ok(KeyRow { key, ..row })
}

/// The model of users.
fn own_users(terms: &Terms) -> &str {
    terms.user_model.as_ref().map_or("auth.user", Model::label)
}
