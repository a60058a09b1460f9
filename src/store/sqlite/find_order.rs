//! The orders of users, and places in them.

use super::rows;
use crate::model::user::UserId;
use crate::store::{Cursor, StoreError, UserColumn, UserQuery};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Row, Statement, named_params};

/// A place in an order: the value of its column, and the user's number.
pub(super) struct Place(pub Value, pub i64);

/// As `schema_3.sql` indexes it.
pub(super) fn column(by: UserColumn) -> &'static str {
    match by {
        UserColumn::Active => "is_active",
        UserColumn::Email => "lower(email)",
        UserColumn::Joined => "id",
        UserColumn::LastLogin => "ifnull(last_login, -1)",
        UserColumn::Staff => "is_staff",
        UserColumn::Tokens => "tokens",
        UserColumn::Username => "lower(username)",
    }
}

pub(super) fn direction(query: &UserQuery) -> &'static str {
    if query.order.is_descending { "DESC" } else { "ASC" }
}

pub(super) fn follows(query: &UserQuery) -> &'static str {
    if query.order.is_descending { "<" } else { ">" }
}

/// The place before all that is wanted.
pub(super) fn beginning(query: &UserQuery) -> Place {
    let is_descending = query.order.is_descending;
    let number = if is_descending { i64::MAX } else { i64::MIN };
    let flag = match query.order.by {
        UserColumn::Active => query.is_active,
        UserColumn::Staff => query.is_staff,
        _ => None,
    };
    let value = match query.order.by {
        _ if let Some(flag) = flag => Value::Integer(flag.into()),
        // A blob comes after all texts.
        UserColumn::Email | UserColumn::Username if is_descending => Value::Blob(Vec::new()),
        UserColumn::Email | UserColumn::Username => Value::Text(String::new()),
        _ => Value::Integer(number),
    };
    Place(value, number)
}

pub(super) fn read(cursor: &Cursor, by: UserColumn) -> Option<Place> {
    let (id, value) = cursor.read()?;
    let value = match by {
        UserColumn::Email | UserColumn::Username => Value::Text(value.to_owned()),
        _ => Value::Integer(value.parse().ok()?),
    };
    Some(Place(value, id.parse().ok()?))
}

pub(super) fn place(row: &Row<'_>) -> Result<Cursor, StoreError> {
    let id = UserId(rows::count(row, "id")?);
    Ok(match row.get_ref("place")? {
        ValueRef::Text(text) => Cursor::at(id, String::from_utf8_lossy(text)),
        ValueRef::Integer(number) => Cursor::at(id, number),
        _ => Cursor::at(id, ""),
    })
}

/// The text by which a row has its place, which need not be one.
pub(super) fn text_at<'r>(row: &'r Row<'_>) -> Result<&'r [u8], StoreError> {
    Ok(row.get_ref("place")?.as_bytes().unwrap_or_default())
}

impl Place {
    pub(super) fn bind(&self, statement: &mut Statement<'_>) -> Result<(), StoreError> {
        rows::bind(statement, named_params! { ":id": self.1, ":value": self.0 })
    }
}
