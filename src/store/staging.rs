//! Where a source of users and tokens is kept while it is moved in: read once, in any order, before
//! anything is decided of it.
//!
//! It is a file of SQLite without a name, so that memory stays as it is however much there is. Nothing is
//! lost with it: whoever is stopped reads the source again.

mod arrivals;
mod landing;
mod look_alike;
mod read;
mod refusal;
pub(super) mod room;
mod says;
mod settle;
mod staged;
mod verdict;

pub(super) use self::arrivals::{Arrival, ArrivingToken, Round};
pub use self::landing::{BringBack, Landed, Landing, OnConflict};
pub use self::look_alike::LookAlike;
pub(super) use self::read::ArrivingUser;
pub use self::read::{KindCount, RefusedToken, RefusedUser, SchemeCount, TroubledUser};
pub use self::refusal::Refusal;
pub use self::says::Says;
pub use self::staged::{GroupRef, OwnerRef, StagedToken, StagedUser};
pub(super) use self::verdict::{Verdict, ends_tokens, verdict};

use self::staged::cut;
use super::{StoreError, Temporary, temporary};
use crate::model::token::{KnoxKey, TokenDigest};
use rusqlite::{Connection, params};
use std::cell::Cell;
use tempfile::env;

/// The row after which those of users come who have no number: far below zero, in the order in which they
/// are added.
pub(super) const NUMBERLESS: i64 = -(1 << 53);
/// What the names of folders begin with in which is what was read of sources.
const PREFIX: &str = "authgate-staging-";
/// The same of those in which a dry run tries what would be.
pub(super) const REHEARSAL: &str = "authgate-rehearsal-";
/// The same of those in which an older backup is brought up to date.
pub(super) const OLDER: &str = "authgate-restore-";

/// Users and tokens of a source.
pub struct Staging {
    pub(super) db: Connection,
    /// Whether it was taken over before, or might have been.
    has_landed: Cell<bool>,
    /// The last row of a user who has no number.
    numberless: Cell<i64>,
    file: Temporary,
    /// Of what the source says anything.
    says: Cell<Says>,
}

impl Staging {
    /// An empty one.
    pub fn new() -> Result<Self, StoreError> {
        let file = Temporary::new(PREFIX)
            .map_err(|error| room::cannot_make("what is read of the source", &error))?;
        let db = made(&file).map_err(|error| room::told(error.into(), 0, None))?;
        let (has_landed, numberless) = (Cell::new(false), Cell::new(NUMBERLESS));
        Ok(Self { db, has_landed, numberless, file, says: Cell::new(Says::ALL) })
    }

    /// Removes what commands of this user have left where temporary files are that were killed: imports, restores
    /// and copies. Says how many there were.
    pub fn remove_dead() -> usize {
        temporary::remove_dead(&env::temp_dir(), &[PREFIX, REHEARSAL, OLDER, temporary::PART])
    }

    /// Notes of what the source says anything; of all, if that is not noted.
    pub fn note_says(&self, says: Says) {
        self.says.set(says);
    }

    /// Where another connection finds it.
    pub(super) fn place(&self) -> Option<&str> {
        self.file.path().to_str()
    }

    /// Adds groups: their numbers and names.
    pub fn add_groups(&self, groups: &[(i64, String)]) -> Result<(), StoreError> {
        self.in_one_step(|| {
            let mut add =
                self.db.prepare_cached("INSERT OR REPLACE INTO groups VALUES (?1, ?2)")?;
            groups
                .iter()
                .try_for_each(|(number, name)| add.execute(params![number, name]).map(drop))
        })
    }

    /// Adds users.
    pub fn add_users(&self, users: &[StagedUser]) -> Result<(), StoreError> {
        self.in_one_step(|| users.iter().try_for_each(|user| self.add_user(user)))
    }

    /// Of a number that is there twice the first has it, and the second is refused.
    fn add_user(&self, user: &StagedUser) -> rusqlite::Result<()> {
        let (number, refusal) = match user.number() {
            Ok(Some(number)) => (number, None),
            Ok(None) => (self.next_numberless(), None),
            Err(refusal) => (self.next_numberless(), Some(refusal)),
        };
        if let (Some(id), Some(_)) = (user.id, &refusal) {
            // By that their tokens find out that they are not taken.
            self.insert_key(&key_of_unsound(id), number)?;
        }
        let is_twice = match &user.key {
            None => false,
            Some(key) => self.insert_key(key, number)? == 0,
        };
        let refusal = refusal.or(is_twice.then_some(Refusal::NumberTwice));
        if self.insert_user(number, user, refusal)? == 0 {
            self.insert_user(self.next_numberless(), user, Some(Refusal::NumberTwice))?;
        }
        Ok(())
    }

    fn insert_user(
        &self,
        row: i64,
        user: &StagedUser,
        refusal: Option<Refusal>,
    ) -> rusqlite::Result<usize> {
        let refusal = refusal.or_else(|| user.refusal());
        let sql = "INSERT OR IGNORE INTO users VALUES
                   (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
        let (group_names, group_refs) = user.group_columns();
        self.db.prepare_cached(sql)?.execute(params![
            row,
            user.place.cast_signed(),
            user.username,
            user.kept_email(),
            user.password,
            user.kind,
            user.trouble,
            user.is_active,
            user.is_staff,
            user.is_superuser,
            cut(&user.first_name, StagedUser::LONGEST_NAME),
            cut(&user.last_name, StagedUser::LONGEST_NAME),
            group_names,
            group_refs,
            user.joined,
            user.last_login,
            refusal.map(Refusal::name),
        ])
    }

    fn insert_key(&self, key: &str, row: i64) -> rusqlite::Result<usize> {
        let sql = "INSERT OR IGNORE INTO keys VALUES (?1, ?2)";
        self.db.prepare_cached(sql)?.execute(params![key, row])
    }

    fn next_numberless(&self) -> i64 {
        self.numberless.set(self.numberless.get() + 1);
        self.numberless.get()
    }

    /// The highest number of a user; 0 if none has one.
    pub(super) fn highest_number(&self) -> Result<u64, StoreError> {
        let sql = "SELECT max(0, ifnull(max(row), 0)) FROM users";
        let highest: i64 = self.db.query_row(sql, [], |row| row.get(0))?;
        Ok(highest.cast_unsigned())
    }

    /// Adds tokens.
    pub fn add_tokens(&self, tokens: &[StagedToken]) -> Result<(), StoreError> {
        self.in_one_step(|| tokens.iter().try_for_each(|token| self.add_token(token)))
    }

    fn add_token(&self, token: &StagedToken) -> rusqlite::Result<()> {
        let sql = "INSERT INTO tokens (place, owner, owner_name, owner_key, digest, scheme, salt,
                                       knox_key, created, expires, refusal)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        let unsound;
        let (number, name, key) = match &token.owner {
            OwnerRef::Key(key) => (None, None, Some(key)),
            OwnerRef::Number(number) if StagedUser::is_sound_number(*number) => {
                (Some(number.cast_signed()), None, None)
            }
            OwnerRef::Number(number) => {
                unsound = key_of_unsound(*number);
                (None, None, Some(&unsound))
            }
            OwnerRef::Name(name) => (None, Some(name), None),
        };
        let is_foreign = !token.scheme.is_native();
        self.db.prepare_cached(sql)?.execute(params![
            token.place.cast_signed(),
            number,
            name,
            key,
            TokenDigest::padded(&token.digest),
            is_foreign.then(|| token.scheme.to_string()),
            is_foreign.then_some(&token.salt),
            KnoxKey::parse(&token.knox_key).as_ref().map(KnoxKey::as_str),
            token.created,
            token.expires,
            token.refusal().map(Refusal::name),
        ])?;
        Ok(())
    }

    /// Has no step under way once it is over. Of one that fails anything may be left: there is no journal,
    /// and whoever hears of it begins anew.
    fn in_one_step(&self, work: impl FnOnce() -> rusqlite::Result<()>) -> Result<(), StoreError> {
        self.db.execute_batch("BEGIN")?;
        let done = work().and_then(|()| self.db.execute_batch("COMMIT"));
        if done.is_err() && !self.db.is_autocommit() {
            // What went wrong is told, and not that this does, too.
            drop(self.db.execute_batch("ROLLBACK"));
        }
        Ok(done?)
    }
}

/// What stands for a number that nobody can have, where it is looked for: no source has a zero byte there.
fn key_of_unsound(number: u64) -> String {
    format!("\0{number}")
}

fn made(file: &Temporary) -> rusqlite::Result<Connection> {
    let db = Connection::open(file.path())?;
    // It is of no use to anybody after a crash.
    db.execute_batch(
        "PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA cache_size = -16000;",
    )?;
    db.execute_batch(include_str!("staging/schema.sql"))?;
    Ok(db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_wrong_leaves_no_step_under_way_and_is_told_each_time() {
        let staging = Staging::new().unwrap();
        staging.db.execute_batch("PRAGMA max_page_count = 8").unwrap();
        let users: Vec<_> = (1..2_000)
            .map(|id| StagedUser {
                id: Some(id),
                username: format!("user{id}"),
                ..StagedUser::default()
            })
            .collect();
        for _ in 0..2 {
            let error = staging.add_users(&users).unwrap_err();
            assert_eq!(error.kind(), "write_refused", "{error:?}");
            assert!(staging.db.is_autocommit());
        }
    }
}
