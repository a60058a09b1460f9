//! A file that all is saved to: made beside its place, read once it is there.

use super::draft::{Draft, refuse_damaged};
use super::file::SCHEMA;
use super::trouble::Trouble;
use super::{deleted, events, file, items, limits, rows, tokens};
use crate::clock::Timestamp;
use crate::model::event::Event;
use crate::model::user::{User, UserId};
use crate::store::staging::OLDER;
use crate::store::whole::{Contents, Portion, Stop};
use crate::store::{EventBounds, Item, ItemKind, StoreError, Temporary};
use rusqlite::{Connection, params};
use std::path::Path;

/// What is saved of the items. The others are of no use later: who is signed in at the console, and who
/// may make the first operator.
pub(in crate::store) const KEPT: [ItemKind; 3] =
    [ItemKind::ApiKey, ItemKind::Network, ItemKind::Totp];

/// What is saved, to be written to or read.
pub(in crate::store) struct Archive {
    pub(super) db: Connection,
    /// While it is written.
    pub(super) draft: Option<Draft>,
    /// Where it was brought up to date, if the file is of an older version.
    pub(super) older: Option<Temporary>,
}

impl Archive {
    /// Opens a file to bring back what is in it. Refused if anything is wrong with it.
    pub(in crate::store) fn open_whole(path: &Path) -> Result<Self, StoreError> {
        let (mut db, version) = file::look(path)?;
        refuse_damaged(&db, path)?;
        let mut older = None;
        if version < SCHEMA {
            let draft = Temporary::new(OLDER).map_err(StoreError::unavailable)?;
            let place = draft.path().to_string_lossy();
            db.execute("VACUUM INTO ?1", [place])
                .map_err(|error| Trouble::Sqlite(error).reading(path))?;
            let updated = || {
                let mut db = file::connect(draft.path())?;
                file::install(&mut db)?;
                Ok(db)
            };
            db = updated().map_err(|trouble: Trouble| trouble.reading(path))?;
            older = Some(draft);
        }
        Ok(Self { db, draft: None, older })
    }

    /// Where SQLite finds it, for another connection to read from.
    pub(super) fn place(&self) -> Option<&str> {
        match &self.older {
            Some(older) => older.path().to_str(),
            None => self.db.path(),
        }
    }

    /// Has what is done with it broken off when it is told to stop.
    pub(in crate::store) fn stops_with(&self, stop: &Stop) -> Result<(), StoreError> {
        stop.holds_for(&self.db)
    }

    /// Adds users with everything of theirs.
    pub(in crate::store) fn add(&mut self, portions: &[Portion]) -> Result<(), StoreError> {
        let step = self.db.transaction()?;
        for portion in portions {
            add_one(&step, portion)?;
        }
        Ok(step.commit()?)
    }

    /// Adds numbers of users who were deleted.
    pub(in crate::store) fn add_deleted(&mut self, ids: &[UserId]) -> Result<(), StoreError> {
        let step = self.db.transaction()?;
        ids.iter().try_for_each(|id| deleted::note(&step, *id))?;
        deleted::forget_present(&step)?;
        Ok(step.commit()?)
    }

    /// At most so many numbers after this of users who were deleted.
    pub(in crate::store) fn deleted(
        &self,
        after: Option<UserId>,
        most: u32,
    ) -> Result<Vec<UserId>, StoreError> {
        deleted::list(&self.db, after, most)
    }

    /// Adds items.
    pub(in crate::store) fn add_items(&mut self, found: &[Item]) -> Result<(), StoreError> {
        let step = self.db.transaction()?;
        found.iter().try_for_each(|item| items::put(&step, item))?;
        Ok(step.commit()?)
    }

    /// Adds events.
    pub(in crate::store) fn add_events(&mut self, found: &[Event]) -> Result<(), StoreError> {
        let step = self.db.transaction()?;
        let all = EventBounds { most: u64::MAX, since: Timestamp::from_micros(i64::MIN) };
        events::keep(&step, found, all)?;
        Ok(step.commit()?)
    }

    /// Sees to it that no number up to this one is given to another user.
    pub(in crate::store) fn give_no_number_to(&self, last: u64) -> Result<(), StoreError> {
        note_last_number(&self.db, rows::integer(last))
    }

    /// Writes down when and of what it was made.
    pub(in crate::store) fn mark(&self, at: Timestamp, from: &str) -> Result<(), StoreError> {
        let value = serde_json::json!({ "at": at.micros(), "from": from }).to_string();
        let sql = "INSERT INTO items (kind, key, value) VALUES ('backup', 'made', ?1)";
        rows::execute(&self.db, sql, [value]).map(drop)
    }

    /// What is in it.
    pub(in crate::store) fn contents(&self) -> Result<Contents, StoreError> {
        let count = |what: &str| -> Result<u64, StoreError> {
            let sql = format!("SELECT count(*) FROM {what}");
            let number: i64 = self.db.query_row(&sql, [], |row| row.get(0))?;
            Ok(u64::try_from(number).unwrap_or(0))
        };
        let sql = "SELECT value FROM items WHERE kind = 'backup' AND key = 'made'";
        let mark: Option<String> = rows::first(&self.db, sql, [], |row| Ok(row.get(0)?))?;
        let mark = mark.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        Ok(Contents {
            at: mark.and_then(|mark| mark.get("at")?.as_i64()).map(Timestamp::from_micros),
            events: count("events")?,
            items: count("items WHERE kind IN ('api_key', 'network', 'totp')")?,
            tokens: count("tokens")?,
            users: count("users")?,
        })
    }

    /// The last number that was given to a user.
    pub(in crate::store) fn last_number(&self) -> Result<u64, StoreError> {
        last_number(&self.db).map(i64::cast_unsigned)
    }

    /// Some of the users with a number above this, with everything of theirs; of one whose record cannot
    /// be read, the number.
    pub(in crate::store) fn portions(
        &self,
        after: Option<UserId>,
        most: usize,
    ) -> Result<Vec<Result<Portion, UserId>>, StoreError> {
        let sql = "SELECT * FROM users WHERE id > ?1 ORDER BY id LIMIT ?2";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let columns = params![after.unwrap_or(UserId(0)), most];
        let users = rows::all(&self.db, sql, columns, rows::user_or_number)?;
        let portion = |user| match user {
            Ok(user) => self.portion(user).map(Ok),
            Err(id) => Ok(Err(id)),
        };
        users.into_iter().map(portion).collect()
    }

    pub(super) fn portion(&self, user: User) -> Result<Portion, StoreError> {
        let sql =
            "SELECT tokens.*, ?2 AS username FROM tokens WHERE user_id = ?1 AND user_epoch = ?3";
        let columns = params![user.id, user.username.as_str(), rows::integer(user.epoch)];
        let listed = rows::all(&self.db, sql, columns, rows::listed_token)?;
        let tokens = listed.into_iter().map(|one| (one.record, one.about)).collect();
        let sql = "SELECT network, forget FROM familiar WHERE user_id = ?1";
        let familiar = rows::all(&self.db, sql, [user.id], |row| {
            Ok((row.get(0)?, Timestamp::from_micros(row.get(1)?)))
        })?;
        let sql = "SELECT old_digests.* FROM tokens JOIN old_digests USING (digest)
                   WHERE user_id = ?1 AND user_epoch = ?2";
        let columns = params![user.id, rows::integer(user.epoch)];
        let old_digests = rows::all(&self.db, sql, columns, super::old_digests::read)?;
        Ok(Portion { familiar, old_digests, tokens, user })
    }

    /// The items that are saved. Refused if one cannot be read: one that was lost on the way would let in
    /// whoever it keeps out, and without a second factor a password alone would be enough.
    pub(in crate::store) fn kept_items(&self) -> Result<Vec<Item>, StoreError> {
        let mut all = Vec::new();
        for kind in KEPT {
            for item in items::list(&self.db, kind, Timestamp::from_micros(0))? {
                all.push(item.map_err(|key| StoreError::unreadable_item(kind, &key))?);
            }
        }
        Ok(all)
    }

    /// All events, in their order.
    pub(in crate::store) fn events(&self) -> Result<Vec<Event>, StoreError> {
        let found = events::all(&self.db)?;
        Ok(found)
    }

    /// Puts it in its place, whole and on the disk, and says how many bytes it has.
    pub(in crate::store) fn finish(self) -> Result<u64, StoreError> {
        let Self { db, draft, .. } = self;
        draft.map_or(Ok(0), |draft| draft.finish(db))
    }
}

/// A number is given to a later user only: one who has it already, or has the same name, was deleted
/// while this was made.
fn add_one(db: &Connection, portion: &Portion) -> Result<(), StoreError> {
    let Portion { familiar, old_digests, tokens: found, user } = portion;
    let sql = "DELETE FROM users WHERE username = ?1 OR id = ?2";
    rows::execute(db, sql, params![user.username.as_str(), user.id])?;
    put_user(db, user)?;
    for (record, about) in found {
        tokens::insert(db, record, about)?;
    }
    old_digests.iter().try_for_each(|old| super::old_digests::put(db, old))?;
    limits::put_familiar(db, user.id, familiar)
}

/// Adds a user who has a number, or has the one of that number be as this.
pub(super) fn put_user(db: &Connection, user: &User) -> Result<(), StoreError> {
    let sql = "INSERT INTO users (id, username, email, password, is_active, is_staff, joined,
                                  last_login, epoch, must_change, first_name, last_name,
                                  is_superuser, group_names)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
               ON CONFLICT (id) DO UPDATE SET
                   username = excluded.username, email = excluded.email,
                   password = excluded.password, is_active = excluded.is_active,
                   is_staff = excluded.is_staff, joined = excluded.joined,
                   last_login = excluded.last_login, epoch = excluded.epoch,
                   must_change = excluded.must_change, first_name = excluded.first_name,
                   last_name = excluded.last_name, is_superuser = excluded.is_superuser,
                   group_names = excluded.group_names";
    let columns = params![
        user.id,
        user.username.as_str(),
        user.email.as_str(),
        user.password.expose(),
        user.is_active,
        user.is_staff,
        user.joined,
        user.last_login,
        rows::integer(user.epoch),
        user.must_change,
        user.profile.first_name,
        user.profile.last_name,
        user.profile.is_superuser,
        rows::group_names(&user.profile),
    ];
    rows::execute(db, sql, columns).map(drop)
}

/// The last number that was given to a user.
pub(super) fn last_number(db: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'users'), 0),
                          ifnull((SELECT max(id) FROM users), 0)) AS last";
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}

/// Has numbers up to this one given to nobody any more.
pub(super) fn note_last_number(db: &Connection, last: i64) -> Result<(), StoreError> {
    let sql = "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'users'";
    if rows::execute(db, sql, [last])? == 0 {
        rows::execute(db, "INSERT INTO sqlite_sequence (name, seq) VALUES ('users', ?1)", [last])?;
    }
    Ok(())
}
