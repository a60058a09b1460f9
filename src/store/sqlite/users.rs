//! What is read and written of users.

use super::{deleted, ended, limits, rows};
use crate::model::user::{NewUser, User, UserChange, UserId, Username};
use crate::store::{Change, Inserted, PasswordChange, Spared, StoreError};
use rusqlite::{Connection, params};

pub(super) fn insert(db: &Connection, new: &NewUser) -> Result<Inserted, StoreError> {
    let sql = "INSERT INTO users (username, email, password, is_active, is_staff, joined, epoch, must_change,
                                  first_name, last_name, is_superuser, group_names)
               VALUES (?1, ?2, ?3, TRUE, ?4, ?5, 0, ?6, ?7, ?8, ?9, ?10)
               ON CONFLICT (username) DO NOTHING
               RETURNING *";
    let columns = params![
        new.username.as_str(),
        new.email.as_str(),
        new.password.expose(),
        new.is_staff,
        new.joined,
        new.must_change,
        new.profile.first_name,
        new.profile.last_name,
        new.profile.is_superuser,
        rows::group_names(&new.profile),
    ];
    let added = rows::first(db, sql, columns, rows::user)?;
    Ok(added.map_or(Inserted::NameTaken, Inserted::Done))
}

pub(super) fn find(db: &Connection, id: UserId) -> Result<Option<User>, StoreError> {
    rows::first(db, "SELECT * FROM users WHERE id = ?1", [id], rows::user)
}

pub(super) fn find_by_name(db: &Connection, name: &Username) -> Result<Option<User>, StoreError> {
    rows::first(db, "SELECT * FROM users WHERE username = ?1", [name.as_str()], rows::user)
}

pub(super) fn list(
    db: &Connection,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<User>, StoreError> {
    // There is no number 0.
    let after = after.unwrap_or(UserId(0));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = "SELECT * FROM users WHERE id > ?1 ORDER BY id LIMIT ?2";
    rows::all(db, sql, params![after, limit], rows::user)
}

pub(super) fn has_operator(db: &Connection, beside: Option<UserId>) -> Result<bool, StoreError> {
    // There is no number 0.
    let beside = beside.unwrap_or(UserId(0));
    let sql = "SELECT * FROM users WHERE is_staff AND is_active AND id <> ?1";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([beside])?;
    let mut may_be_one = false;
    while let Some(row) = rows.next()? {
        match rows::user(row) {
            Ok(user) if user.username.is_sound() => return Ok(true),
            // A name that no user can have, or a record that cannot be read, lets nobody in.
            Ok(_) | Err(StoreError::Corrupt { .. }) => may_be_one = true,
            Err(error) => return Err(error),
        }
    }
    if may_be_one {
        let problem = "nobody can tell whether it is an operator's".to_owned();
        return Err(StoreError::Corrupt { what: "user", problem });
    }
    Ok(false)
}

pub(super) fn change(
    db: &Connection,
    id: UserId,
    change: &UserChange,
) -> Result<Option<User>, StoreError> {
    let Some(mut user) = find(db, id)? else {
        return Ok(None);
    };
    change.apply(&mut user);
    if matches!(change, UserChange::Active(false)) {
        // No import lets them in once it has come to its end.
        rows::execute(db, "DELETE FROM landing_users WHERE id = ?1", [id])?;
    }
    if matches!(change, UserChange::Active(_)) {
        ended::forget(db, id)?;
    }
    let sql = "UPDATE users SET password = ?2, is_active = ?3, is_staff = ?4, epoch = ?5,
                                email = ?6, must_change = ?7, last_login = ?8
               WHERE id = ?1";
    let epoch = rows::integer(user.epoch);
    let columns = params![
        id,
        user.password.expose(),
        user.is_active,
        user.is_staff,
        epoch,
        user.email.as_str(),
        user.must_change,
        user.last_login,
    ];
    rows::execute(db, sql, columns)?;
    Ok(Some(user))
}

/// Does something to a user who is no operator.
pub(super) fn sparing<T>(
    db: &Connection,
    id: UserId,
    act: impl FnOnce() -> Result<Option<T>, StoreError>,
) -> Result<Spared<T>, StoreError> {
    let sql = "SELECT 1 FROM users WHERE id = ?1 AND is_staff AND is_active";
    if rows::first(db, sql, [id], |_| Ok(()))?.is_some() {
        return Ok(Spared::Operator);
    }
    Ok(act()?.map_or(Spared::Gone, Spared::Done))
}

/// The token is told before its user: of a later epoch than theirs, it is looked up.
pub(super) fn replace_password(
    db: &Connection,
    change: &PasswordChange,
    changes: &mut Vec<Change>,
) -> Result<Option<u64>, StoreError> {
    let PasswordChange { from, keep, to, user } = change;
    changes.extend(keep.iter().map(|digest| Change::Token(digest.key())));
    changes.push(Change::User(*user));
    let sql = "UPDATE users SET password = ?3, epoch = epoch + 1, must_change = FALSE
               WHERE id = ?1 AND password = ?2 AND is_active
               RETURNING epoch";
    let columns = params![user, from.expose(), to.expose()];
    let epoch = rows::first(db, sql, columns, |row| Ok(row.get::<_, i64>("epoch")?))?;
    let Some(epoch) = epoch else { return Ok(None) };
    let sql = "UPDATE tokens SET user_epoch = ?3
               WHERE digest = ?1 AND user_id = ?2 AND user_epoch = ?3 - 1";
    for digest in keep {
        rows::execute(db, sql, params![digest, user, epoch])?;
    }
    let sql = "DELETE FROM tokens WHERE user_id = ?1 AND user_epoch < ?2";
    rows::execute(db, sql, params![user, epoch])?;
    Ok(Some(epoch.cast_unsigned()))
}

/// Deletes a user; their tokens go with them by the schema. That they were is noted.
pub(super) fn delete(db: &Connection, id: UserId) -> Result<bool, StoreError> {
    rows::execute(db, "DELETE FROM items WHERE owner = ?1", [id])?;
    limits::forget_familiar(db, id)?;
    let is_deleted = rows::execute(db, "DELETE FROM users WHERE id = ?1", [id])? > 0;
    if is_deleted {
        deleted::note(db, id)?;
    }
    Ok(is_deleted)
}
