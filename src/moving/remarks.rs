//! What of a source is taken otherwise than it is written, and told.

use super::value::{Misfit, Moment, Value};
use super::zone::Zone;
use crate::clock::Timestamp;
use crate::model::email::Email;
use crate::store::staging::{GroupRef, StagedUser};
use std::fmt;

/// What is taken otherwise than it is written, and how often.
#[derive(Debug)]
pub(super) struct Remarks {
    /// Of the last row: which field, and what became of it.
    altered: Vec<String>,
    naive: u64,
    unknown: u64,
    /// In which time zone moments are that do not say it.
    zone: Zone,
}

impl Remarks {
    pub(super) fn in_zone(zone: &Zone) -> Self {
        Self { altered: Vec::new(), naive: 0, unknown: 0, zone: zone.clone() }
    }

    /// All of them, in words.
    pub(super) fn words(&self) -> [(&'static str, u64); 2] {
        let naive = match self.zone {
            Zone::Named(_) => "moments without a time zone, taken by --time-zone",
            Zone::Unknown => "moments without a time zone, taken as UTC",
        };
        [(naive, self.naive), ("moments that are none, taken as not known", self.unknown)]
    }

    /// What of a row was taken otherwise than it is written, or left out. It is told once.
    pub(super) fn altered(&mut self) -> Vec<String> {
        std::mem::take(&mut self.altered)
    }

    fn alter(&mut self, field: &str, words: impl fmt::Display) {
        self.altered.push(Misfit::new(field, words).0);
    }

    /// A text that is worth less than its user. `None` if it is left out: no column of PostgreSQL's has room
    /// for a zero byte.
    fn without_zero(&mut self, text: String, field: &str) -> Option<String> {
        let has_zero = text.contains('\0');
        if has_zero {
            self.alter(field, "has a zero byte, and is left out");
        }
        (!has_zero).then_some(text)
    }

    /// An address; of one that is too long no part is any use.
    pub(super) fn email(&mut self, value: Value<'_>) -> Result<String, Misfit> {
        const MOST: usize = Email::MAX_CHARS;
        let text = value.into_text("email", usize::MAX)?;
        let Some(text) = self.without_zero(text, "email") else { return Ok(String::new()) };
        if text.chars().nth(MOST).is_none() {
            return Ok(text);
        }
        self.alter("email", format_args!("is longer than {MOST} characters, and left out"));
        Ok(String::new())
    }

    /// A first or last name.
    pub(super) fn name(&mut self, value: Value<'_>, field: &str) -> Result<String, Misfit> {
        const MOST: usize = StagedUser::LONGEST_NAME;
        let text = value.into_text(field, usize::MAX)?;
        let mut text = self.without_zero(text, field).unwrap_or_default();
        if let Some((end, _)) = text.char_indices().nth(MOST) {
            text.truncate(end);
            self.alter(field, format_args!("is longer than {MOST} characters, and cut off there"));
        }
        Ok(text)
    }

    /// Groups, without names that no Django has.
    pub(super) fn groups(&mut self, value: &Value<'_>) -> Result<Vec<GroupRef>, Misfit> {
        let mut groups = groups(value)?;
        let all = groups.len();
        groups.retain(|group| !matches!(group, GroupRef::Name(name) if name.contains('\0')));
        if groups.len() < all {
            self.alter("groups", "has a name with a zero byte, which is left out");
        }
        Ok(groups)
    }

    /// A moment that decides something.
    pub(super) fn moment(
        &mut self,
        value: &Value<'_>,
        field: &str,
    ) -> Result<Option<Timestamp>, Misfit> {
        let moment = value.moment(field, &self.zone.to_jiff())?;
        self.naive += u64::from(moment.is_some_and(|moment| moment.is_naive));
        Ok(moment.map(|moment| moment.at))
    }

    /// A moment that decides nothing: it need not be one.
    pub(super) fn perhaps(&mut self, value: &Value<'_>) -> Option<Timestamp> {
        let moment = self.moment(value, "").unwrap_or_else(|_| {
            self.unknown += 1;
            None
        });
        moment.filter(|at| *at != Moment::FOREVER)
    }
}

/// Groups as a dump lists them, or as a database joins their numbers by commas.
fn groups(groups: &Value<'_>) -> Result<Vec<GroupRef>, Misfit> {
    let of_number = |group: &Value<'_>| {
        let number = group.number().and_then(|number| i64::try_from(number).ok());
        number.map(GroupRef::Number)
    };
    let of = |group: &Value<'_>| {
        let name =
            group.natural_key().filter(|name| name.chars().nth(StagedUser::LONGEST_NAME).is_none());
        let name = name.map(|name| GroupRef::Name(name.to_owned()));
        let words = "has something that is neither a number nor a name such as [\"editors\"]";
        name.or_else(|| of_number(group)).ok_or_else(|| Misfit::new("groups", words))
    };
    match groups {
        Value::Null => Ok(Vec::new()),
        Value::List(list) => list.iter().map(of).collect(),
        Value::Text(text) => text.split(',').map(|part| of(&Value::text(part))).collect(),
        Value::Number(_) => Ok(vec![of(groups)?]),
        Value::Flag(_) | Value::Other(_) => Err(Misfit::new("groups", "is no list")),
    }
}
