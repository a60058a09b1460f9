//! Statements, each compiled once a connection, and the reading of rows.

use crate::clock::Timestamp;
use crate::model::email::Email;
use crate::model::password::PasswordHash;
use crate::model::token::{KnoxKey, OldDigest, TokenAbout, TokenDigest, TokenRecord};
use crate::model::user::{Profile, User, UserId, Username};
use crate::store::{ItemKind, ListedToken, StoreError};
use rusqlite::types::{ToSql, ToSqlOutput};
use rusqlite::{Connection, Params, Row, Statement};
use std::net::IpAddr;

/// Reads the first row.
pub(super) fn first<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// Reads all rows.
pub(super) fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    db.prepare_cached(sql)?.query_and_then(params, read)?.collect()
}

/// Binds those of the parameters that a statement has.
pub(super) fn bind(
    statement: &mut Statement<'_>,
    parameters: &[(&str, &dyn ToSql)],
) -> Result<(), StoreError> {
    for (name, value) in parameters {
        if let Some(index) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(index, value)?;
        }
    }
    Ok(())
}

/// Changes rows and says how many.
pub(super) fn execute(
    db: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<usize, StoreError> {
    Ok(db.prepare_cached(sql)?.execute(params)?)
}

/// Reads a user from the columns of `users`.
pub(super) fn user(row: &Row<'_>) -> Result<User, StoreError> {
    let id = UserId(count(row, "id")?);
    user_of(id, row).map_err(|error| error.of("user", id.to_string()))
}

fn user_of(id: UserId, row: &Row<'_>) -> Result<User, StoreError> {
    Ok(User {
        email: Email::stored(row.get("email")?),
        epoch: count(row, "epoch")?,
        id,
        is_active: row.get("is_active")?,
        is_staff: row.get("is_staff")?,
        joined: Timestamp::from_micros(row.get("joined")?),
        last_login: row.get::<_, Option<i64>>("last_login")?.map(Timestamp::from_micros),
        must_change: row.get("must_change")?,
        password: PasswordHash::new(row.get("password")?),
        profile: profile(row)?,
        username: username(row)?,
    })
}

fn profile(row: &Row<'_>) -> Result<Profile, StoreError> {
    let groups: String = row.get("group_names")?;
    let groups = serde_json::from_str(&groups).map_err(|_| StoreError::Corrupt {
        what: "user",
        problem: "the groups are no array of names".to_owned(),
    })?;
    Ok(Profile {
        first_name: row.get("first_name")?,
        groups,
        is_superuser: row.get("is_superuser")?,
        last_name: row.get("last_name")?,
    })
}

/// The groups of a user as they are kept.
pub(super) fn group_names(profile: &Profile) -> String {
    serde_json::Value::from(profile.groups.as_slice()).to_string()
}

/// Reads a user for a list; of one whose record cannot be read there is the number.
pub(super) fn user_or_number(row: &Row<'_>) -> Result<Result<User, UserId>, StoreError> {
    match user(row) {
        Err(StoreError::Corrupt { .. }) => Ok(Err(UserId(count(row, "id")?))),
        user => Ok(Ok(user?)),
    }
}

/// Reads a token from the columns of `tokens`.
pub(super) fn token(row: &Row<'_>) -> Result<TokenRecord, StoreError> {
    let digest = TokenDigest::new(row.get("digest")?);
    token_of(digest, row).map_err(|error| error.of("token", digest.as_bytes()))
}

fn token_of(digest: TokenDigest, row: &Row<'_>) -> Result<TokenRecord, StoreError> {
    Ok(TokenRecord {
        created: Timestamp::from_micros(row.get("created")?),
        digest,
        epoch: count(row, "user_epoch")?,
        expires: row.get::<_, Option<i64>>("expires")?.map(Timestamp::from_micros),
        former: former(row)?.map(Box::new),
        knox_key: knox_key(row)?,
        user: UserId(count(row, "user_id")?),
    })
}

fn knox_key(row: &Row<'_>) -> Result<Option<KnoxKey>, StoreError> {
    Ok(row.get::<_, Option<String>>("knox_key")?.and_then(|text| KnoxKey::parse(&text)))
}

/// What a token was found by before. It decides nothing: what cannot be read is not known.
pub(super) fn former(row: &Row<'_>) -> Result<Option<OldDigest>, StoreError> {
    let bytes: Option<Vec<u8>> = row.get("former")?;
    let key = knox_key(row)?;
    Ok(bytes.and_then(|bytes| OldDigest::read_former(&bytes, key.as_ref())))
}

/// Reads a token and what operators want to know of it from the columns of `tokens` and the name of
/// its user.
pub(super) fn listed_token(row: &Row<'_>) -> Result<ListedToken, StoreError> {
    let address = |column| {
        let text: Option<String> = row.get(column)?;
        Ok::<_, StoreError>(text.and_then(|text| text.parse::<IpAddr>().ok()))
    };
    let used = row.get::<_, Option<i64>>("used")?.map(Timestamp::from_micros);
    Ok(ListedToken {
        about: TokenAbout {
            address: address("address")?,
            issued_by: row.get("issued_by")?,
            last_used: used.zip(address("used_from")?),
            name: row.get("name")?,
            user_agent: row.get("user_agent")?,
        },
        record: token(row)?,
        username: username(row)?,
    })
}

pub(super) fn username(row: &Row<'_>) -> Result<Username, StoreError> {
    Ok(Username::stored(row.get("username")?))
}

/// Reads a number that is not negative.
pub(super) fn count(row: &Row<'_>, column: &'static str) -> Result<u64, StoreError> {
    let number: i64 = row.get(column)?;
    u64::try_from(number)
        .map_err(|_| StoreError::Corrupt { what: column, problem: format!("{number} is negative") })
}

/// A number as SQLite keeps it. What is too large for it is not there, nor is the largest.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl ToSql for UserId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(integer(self.0).into())
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.micros().into())
    }
}

impl ToSql for ItemKind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl ToSql for TokenDigest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.as_bytes().to_sql()
    }
}
