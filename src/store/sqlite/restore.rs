//! Bringing back what was saved, in one step: gateways that use the file at the same time see what was
//! before, or all that is after, and their memory is emptied.

use super::archive::{Archive, note_last_number};
use super::{deleted, file, make, rows};
use crate::store::whole::{Contents, Restore, Restored};
use crate::store::{OutageKind, StoreError};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;
use std::time::Duration;

/// How long to wait for those who write to the file.
const PATIENCE: Duration = Duration::from_secs(10);

/// Brings back what was saved.
pub(in crate::store) fn restore(
    path: &Path,
    source: &Archive,
    order: &Restore,
) -> Result<Restored, StoreError> {
    bring_back(path, source, order).map_err(|error| unless_full(error, path))
}

fn bring_back(path: &Path, source: &Archive, order: &Restore) -> Result<Restored, StoreError> {
    let mut db = file::open(path)?;
    db.busy_timeout(PATIENCE)?;
    let place = source.place().ok_or_else(|| {
        StoreError::Unsuitable(format!("{} is not a path in UTF-8", order.from.display()))
    })?;
    if make::same_file(path, &order.from) {
        return Err(StoreError::Unsuitable(
            "a store cannot be brought back from itself".to_owned(),
        ));
    }
    db.execute("ATTACH ?1 AS saved", [place])?;
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !order.replaces && holds_something(&step)? {
        return Err(StoreError::Unsuitable(format!(
            "{} holds users already; --replace puts what was saved in their place",
            path.display()
        )));
    }
    let restored = replace(&step, order.keeps_tokens)?;
    step.commit()?;
    // It is done. The log has the whole of it, and would stay as large.
    if let Err(error) = db.execute_batch("DETACH saved; PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "the store is brought back, and its log could not be emptied");
    }
    Ok(Restored {
        contents: Contents { at: source.contents()?.at, ..restored.contents },
        ..restored
    })
}

/// A disk that is full has kept nothing of it.
fn unless_full(error: StoreError, path: &Path) -> StoreError {
    match &error {
        StoreError::Unavailable(outage) if outage.kind == OutageKind::Unwritable("disk") => {
            StoreError::Unsuitable(format!(
                "cannot bring back to {}: the disk is full ({outage}). What is there is as it was: make \
                 room for as much again as is saved, and try again",
                path.display()
            ))
        }
        _ => error,
    }
}

fn holds_something(db: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users)
                   OR EXISTS (SELECT 1 FROM items WHERE kind IN ('api_key', 'network', 'totp'))";
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}

/// Tokens that end now have the epoch of before, whichever store they are of.
fn replace(db: &Connection, keeps_tokens: bool) -> Result<Restored, StoreError> {
    let now = "CREATE TEMP TABLE before AS SELECT id, epoch, is_active FROM main.users";
    db.execute_batch(now)?;
    let last: i64 = db.query_row(
        "SELECT ifnull((SELECT max(seq) FROM (
             SELECT seq FROM main.sqlite_sequence WHERE name = 'users'
             UNION ALL SELECT seq FROM saved.sqlite_sequence WHERE name = 'users')), 0)",
        [],
        |row| row.get(0),
    )?;
    put_users(db, keeps_tokens)?;
    // What has been deleted since is not there either, unless it comes back by this.
    db.execute_batch(
        "INSERT OR IGNORE INTO main.deleted_users SELECT id FROM saved.deleted_users",
    )?;
    deleted::forget_present(db)?;
    if keeps_tokens {
        put_tokens(db)?;
    }
    put_items(db, keeps_tokens)?;
    put_events(db)?;
    note_last_number(db, last)?;
    let restored = Restored {
        contents: Contents {
            at: None,
            events: count(db, "main.events")?,
            items: count(db, "main.items WHERE kind IN ('api_key', 'network', 'totp')")?,
            tokens: count(db, "main.tokens")?,
            users: count(db, "main.users")?,
        },
        added: count(db, "main.users WHERE id NOT IN (SELECT id FROM before)")?,
        let_in: count(
            db,
            "main.users WHERE is_active AND id IN (SELECT id FROM before WHERE NOT is_active)",
        )?,
    };
    db.execute_batch("DROP TABLE before")?;
    Ok(restored)
}

/// Whoever has ended all their tokens since then has ended those that were saved, too: a later epoch
/// stays, and where no token is kept there is a new one.
fn put_users(db: &Connection, keeps_tokens: bool) -> Result<(), StoreError> {
    db.execute_batch(
        "DELETE FROM main.tokens;
         DELETE FROM main.users;",
    )?;
    let sql = "INSERT INTO main.users (id, username, email, password, is_active, is_staff, joined,
                                       last_login, epoch, must_change, first_name, last_name,
                                       is_superuser, group_names)
               SELECT id, username, email, password, is_active, is_staff, joined, last_login,
                      max(epoch, ifnull((SELECT epoch FROM before WHERE before.id = one.id), 0)) + ?1,
                      must_change, first_name, last_name, is_superuser, group_names
               FROM saved.users AS one";
    rows::execute(db, sql, [i64::from(!keeps_tokens)]).map(drop)
}

fn put_tokens(db: &Connection) -> Result<(), StoreError> {
    let sql = "INSERT INTO main.tokens (digest, user_id, created, expires, user_epoch, address,
                                        issued_by, name, user_agent, used, used_from, knox_key,
                                        former)
               SELECT digest, user_id, created, expires, user_epoch, address, issued_by, name,
                      user_agent, used, used_from, knox_key, former
               FROM saved.tokens AS one
               WHERE user_epoch = (SELECT epoch FROM main.users WHERE id = one.user_id)";
    rows::execute(db, sql, [])?;
    let sql = "INSERT INTO main.old_digests (digest, knox_key, scheme, salt)
               SELECT digest, knox_key, scheme, salt FROM saved.old_digests
               WHERE digest IN (SELECT digest FROM main.tokens)";
    rows::execute(db, sql, []).map(drop)
}

fn put_items(db: &Connection, keeps_keys: bool) -> Result<(), StoreError> {
    // An API key ends with all tokens of its owner.
    // Who is signed in at the console is not any more, and no code makes an operator.
    db.execute_batch(
        "DELETE FROM main.items WHERE kind IN ('api_key', 'network', 'session', 'setup', 'totp');
         DELETE FROM main.familiar;
         INSERT INTO main.familiar SELECT * FROM saved.familiar;",
    )?;
    let sql = "INSERT INTO main.items (kind, key, owner, value, expires)
               SELECT kind, key, owner, value, expires FROM saved.items
               WHERE kind IN ('network', 'totp')
                  OR (kind = 'api_key' AND ?1
                      AND NOT EXISTS (SELECT 1 FROM before JOIN saved.users AS old USING (id)
                                      WHERE id = owner AND before.epoch > old.epoch))";
    rows::execute(db, sql, [keeps_keys]).map(drop)
}

/// What has happened since is not undone: events of both, each once, in their order.
fn put_events(db: &Connection) -> Result<(), StoreError> {
    const SAME: &str = "trail, at, name, actor, address, user_id, username, detail, operator";
    db.execute_batch(&format!(
        "CREATE TEMP TABLE happened AS
             SELECT {SAME} FROM saved.events UNION SELECT {SAME} FROM main.events;
         DELETE FROM main.events;
         INSERT INTO main.events (number, {SAME})
             SELECT row_number() OVER (PARTITION BY trail ORDER BY at), {SAME} FROM happened;
         DROP TABLE happened;"
    ))?;
    Ok(())
}

fn count(db: &Connection, what: &str) -> Result<u64, StoreError> {
    let number: i64 =
        db.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0))?;
    Ok(u64::try_from(number).unwrap_or(0))
}
