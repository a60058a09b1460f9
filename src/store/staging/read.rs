//! What is in a source, for reports and for taking it over.

use super::{Refusal, Says, Staging};
use crate::clock::Timestamp;
use crate::model::token::DigestScheme;
use crate::model::user::Profile;
use crate::store::StoreError;
use rusqlite::{Params, params};

/// A user of a source as they are to be taken.
#[derive(Clone)]
pub(in crate::store) struct ArrivingUser {
    /// Their address.
    pub email: String,
    /// Whether they may log in.
    pub is_active: bool,
    /// Whether they are staff.
    pub is_staff: bool,
    /// When they were created.
    pub joined: Option<Timestamp>,
    /// When they last logged in.
    pub last_login: Option<Timestamp>,
    /// Their number; `None` if they get a new one.
    pub id: Option<u64>,
    /// Their hashed password.
    pub password: String,
    /// Where in the source.
    pub place: u64,
    /// What else is known of them.
    pub profile: Profile,
    /// Their row in the staging.
    pub row: i64,
    /// Of what the source says anything.
    pub says: Says,
    /// Their name.
    pub username: String,
}

/// How many users have a kind of hash.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KindCount {
    /// The kind.
    pub kind: String,
    /// How many will never verify.
    pub troubled: u64,
    /// How many there are.
    pub users: u64,
}

/// How many tokens have digests of a scheme.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SchemeCount {
    /// The scheme.
    pub scheme: DigestScheme,
    /// How many there are.
    pub tokens: u64,
}

/// A user whose password will never verify.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TroubledUser {
    /// The kind of the hash.
    pub kind: String,
    /// Where in the source.
    pub place: u64,
    /// By which the list goes on.
    pub row: i64,
    /// Why it will not.
    pub trouble: String,
    /// Whose it is.
    pub username: String,
}

/// A user who is not taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefusedUser {
    /// Their number in the source, if it has one that can be kept.
    pub id: Option<u64>,
    /// Where in the source.
    pub place: u64,
    /// Why not.
    pub refusal: Refusal,
    /// By which the list goes on.
    pub row: i64,
    /// Their name.
    pub username: String,
}

/// A token that is not taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefusedToken {
    /// Where in the source.
    pub place: u64,
    /// Why not.
    pub refusal: Refusal,
    /// By which the list goes on.
    pub row: i64,
}

impl Staging {
    /// How many users there are, and how many tokens.
    pub fn counts(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM tokens)";
        Ok(self.db.query_row(sql, [], |row| Ok((count(row, 0)?, count(row, 1)?)))?)
    }

    /// How many tokens name an owner whom nobody is called, but whose address it is.
    pub fn owners_by_email(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM tokens WHERE refusal = ?1
                   AND owner_name IN (SELECT email FROM users WHERE email <> '')";
        Ok(self.db.query_row(sql, [Refusal::OwnerMissing.name()], |row| count(row, 0))?)
    }

    /// How many users are in groups of which the source has no more than the number.
    pub fn groups_not_known(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM users WHERE group_refs IS NOT NULL";
        Ok(self.db.query_row(sql, [], |row| count(row, 0))?)
    }

    /// The kinds of the users' hashes.
    pub fn kinds(&self) -> Result<Vec<KindCount>, StoreError> {
        let sql = "SELECT kind, count(*), count(trouble) FROM users GROUP BY kind ORDER BY kind";
        self.all(sql, [], |row| {
            Ok(KindCount { kind: row.get(0)?, troubled: count(row, 2)?, users: count(row, 1)? })
        })
    }

    /// The schemes of the tokens' digests.
    pub fn schemes(&self) -> Result<Vec<SchemeCount>, StoreError> {
        let sql = "SELECT scheme, count(*) FROM tokens GROUP BY scheme ORDER BY scheme";
        self.all(sql, [], |row| {
            let scheme: Option<String> = row.get(0)?;
            let scheme = scheme.and_then(|text| text.parse().ok()).unwrap_or_default();
            Ok(SchemeCount { scheme, tokens: count(row, 1)? })
        })
    }

    /// At most so many users after a row whose passwords will never verify.
    pub fn troubled(&self, after: Option<i64>, most: u32) -> Result<Vec<TroubledUser>, StoreError> {
        let sql = "SELECT row, place, username, kind, trouble FROM users
                   WHERE row > ?1 AND trouble IS NOT NULL ORDER BY row LIMIT ?2";
        self.all(sql, params![after.unwrap_or(i64::MIN), most], |row| {
            Ok(TroubledUser {
                kind: row.get(3)?,
                place: count(row, 1)?,
                row: row.get(0)?,
                trouble: row.get(4)?,
                username: row.get(2)?,
            })
        })
    }

    /// At most so many users after a row who are not taken: those of whom the source itself is to blame
    /// once it is settled, all of them after the landing.
    pub fn refused(&self, after: Option<i64>, most: u32) -> Result<Vec<RefusedUser>, StoreError> {
        let sql = "SELECT row, place, username, refusal FROM users
                   WHERE row > ?1 AND refusal IS NOT NULL ORDER BY row LIMIT ?2";
        self.all(sql, params![after.unwrap_or(i64::MIN), most], |row| {
            let number: i64 = row.get(0)?;
            Ok(RefusedUser {
                id: u64::try_from(number).ok(),
                place: count(row, 1)?,
                refusal: refusal(row, 3)?.unwrap_or(Refusal::NameUnsound),
                row: number,
                username: row.get(2)?,
            })
        })
    }

    /// The same of tokens.
    pub fn refused_tokens(
        &self,
        after: Option<i64>,
        most: u32,
    ) -> Result<Vec<RefusedToken>, StoreError> {
        let sql = "SELECT row, place, refusal FROM tokens
                   WHERE row > ?1 AND refusal IS NOT NULL ORDER BY row LIMIT ?2";
        self.all(sql, params![after.unwrap_or(i64::MIN), most], |row| {
            let refusal = refusal(row, 2)?.unwrap_or(Refusal::DigestUnsound);
            Ok(RefusedToken { place: count(row, 1)?, refusal, row: row.get(0)? })
        })
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.db.prepare_cached(sql)?.query_map(params, read)?.collect::<Result<_, _>>()?)
    }
}

pub(super) fn user(row: &rusqlite::Row<'_>, says: Says) -> rusqlite::Result<ArrivingUser> {
    let number: i64 = row.get("row")?;
    let groups: String = row.get("group_names")?;
    let has_all_groups = row.get::<_, Option<String>>("group_refs")?.is_none();
    Ok(ArrivingUser {
        email: row.get("email")?,
        id: u64::try_from(number).ok(),
        is_active: row.get("is_active")?,
        is_staff: row.get("is_staff")?,
        joined: moment(row, "joined")?,
        last_login: moment(row, "last_login")?,
        password: row.get("password")?,
        place: row.get::<_, i64>("place")?.cast_unsigned(),
        profile: Profile {
            first_name: row.get("first_name")?,
            // Written by this program a moment ago.
            groups: serde_json::from_str(&groups).unwrap_or_default(),
            is_superuser: row.get("is_superuser")?,
            last_name: row.get("last_name")?,
        },
        row: number,
        says: Says { groups: says.groups && has_all_groups, ..says },
        username: row.get("username")?,
    })
}

pub(super) fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

pub(super) fn moment(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_micros))
}

pub(super) fn refusal(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<Refusal>> {
    Ok(row.get::<_, Option<String>>(column)?.and_then(|name| Refusal::named(&name)))
}
