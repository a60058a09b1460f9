//! What a store had when it was looked at last, in a file beside it.

use super::archive::Archive;
use super::{file, rows};
use crate::model::token::TokenKey;
use crate::model::user::UserId;
use crate::store::StoreError;
use crate::store::whole::Portion;
use rusqlite::{Row, params};
use std::collections::BTreeSet;
use std::path::Path;

/// Who is otherwise in `source` than here. Tokens of an epoch that is over are nobody's.
/// Whoever is just being taken over is not whole yet.
const CHANGED: &str = "
    SELECT id FROM (
    SELECT id FROM source.users AS s LEFT JOIN main.users AS m USING (id)
    WHERE m.id IS NULL
       OR (s.username, s.email, s.password, s.is_active, s.is_staff, s.last_login, s.epoch,
           s.must_change, s.first_name, s.last_name, s.is_superuser, s.group_names)
          IS NOT (m.username, m.email, m.password, m.is_active, m.is_staff, m.last_login, m.epoch,
                  m.must_change, m.first_name, m.last_name, m.is_superuser, m.group_names)
    UNION
    SELECT id FROM main.users AS m WHERE id NOT IN (SELECT id FROM source.users)
    UNION
    SELECT s.user_id FROM source.tokens AS s
        JOIN source.users AS u ON u.id = s.user_id AND u.epoch = s.user_epoch
        LEFT JOIN main.tokens AS m USING (digest)
    WHERE m.digest IS NULL
       OR (s.user_id, s.created, s.expires, s.user_epoch, s.name)
          IS NOT (m.user_id, m.created, m.expires, m.user_epoch, m.name)
    UNION
    SELECT m.user_id FROM main.tokens AS m LEFT JOIN source.tokens AS s USING (digest)
    WHERE s.digest IS NULL
    ) WHERE id NOT IN (SELECT id FROM source.landing_users)";

impl Archive {
    /// Opens what was saved of a store, to be kept as that store becomes.
    pub(in crate::store) fn open_mirror(path: &Path) -> Result<Self, StoreError> {
        let db = file::open(path)?;
        // It is of no use to anybody later.
        db.pragma_update(None, "synchronous", "off")?;
        Ok(Self { db, draft: None, older: None })
    }

    /// Opens a store that others write to, and brings it up to date if it is of an older version.
    pub(in crate::store) fn reading(path: &Path) -> Result<Self, StoreError> {
        let (_, version) = file::look(path)?;
        if version < file::SCHEMA {
            drop(file::open(path)?);
        }
        Ok(Self { db: file::connect_reader(path)?, draft: None, older: None })
    }

    /// What changes whenever somebody else writes to the file.
    pub(in crate::store) fn version(&self) -> Result<i64, StoreError> {
        file::version(&self.db)
    }

    /// Has the store at hand that this is the mirror of.
    pub(in crate::store) fn compare_with(&self, path: &Path) -> Result<(), StoreError> {
        let place = path.to_str().ok_or_else(|| {
            StoreError::Unsuitable(format!("{} is not a path in UTF-8", path.display()))
        })?;
        self.db.execute("ATTACH ?1 AS source", [place])?;
        Ok(())
    }

    /// Who is otherwise in the store than here.
    pub(in crate::store) fn changed(&self) -> Result<BTreeSet<UserId>, StoreError> {
        let found = rows::all(&self.db, CHANGED, [], number)?;
        Ok(found.into_iter().collect())
    }

    /// A user with everything of theirs, as they are at one moment.
    pub(in crate::store) fn portion_of(&self, id: UserId) -> Result<Option<Portion>, StoreError> {
        let _moment = self.db.unchecked_transaction()?;
        let sql = "SELECT * FROM main.users WHERE id = ?1";
        let found = rows::first(&self.db, sql, [id], rows::user)?;
        found.map(|user| self.portion(user)).transpose()
    }

    /// Lets go of a user.
    pub(in crate::store) fn forget(&self, id: UserId) -> Result<(), StoreError> {
        rows::execute(&self.db, "DELETE FROM main.users WHERE id = ?1", [id]).map(drop)
    }

    /// Whose a token is, or was when it was looked at last.
    pub(in crate::store) fn owner_of(&self, key: &TokenKey) -> Result<Option<UserId>, StoreError> {
        let sql = "SELECT user_id FROM main.tokens WHERE digest BETWEEN ?1 AND ?2";
        let (first, last) = (key.digest([0; 32]), key.digest([u8::MAX; 32]));
        rows::first(&self.db, sql, params![first, last], number)
    }

    /// Everyone who is here.
    pub(in crate::store) fn everyone(&self) -> Result<Vec<UserId>, StoreError> {
        rows::all(&self.db, "SELECT id FROM main.users", [], number)
    }
}

fn number(row: &Row<'_>) -> Result<UserId, StoreError> {
    Ok(UserId(row.get::<_, i64>(0)?.cast_unsigned()))
}
