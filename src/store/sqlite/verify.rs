//! What is wrong with a file.

use super::file::SCHEMA;
use super::{file, items, log, old_digests, rows, tokens};
use crate::store::StoreError;
use crate::store::whole::{Finding, Mend};
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::Path;
use std::time::Duration;

/// The most findings of a kind that are told.
const MOST: u32 = 100;

/// Goes through a file, which gateways may use meanwhile, and mends what can be mended.
pub(in crate::store) fn verify(path: &Path, mends: bool) -> Result<Vec<Finding>, StoreError> {
    if let Some(words) = log::damage(path).map_err(StoreError::unavailable)? {
        // Nothing else can be told: SQLite would read what is left of it.
        return Ok(serious(vec![words]));
    }
    let (db, version) = file::look(path)?;
    if version < SCHEMA {
        // What else there is to look at has another form.
        return Ok(serious(damage(&db)?));
    }
    let found = findings(&db)?;
    drop(db);
    if !mends || found.iter().all(|finding| finding.mend == Mend::No) {
        return Ok(found);
    }
    mend(path)?;
    let (db, _) = file::look(path)?;
    let left = findings(&db)?;
    let told = found.into_iter().filter(|finding| !left.contains(finding));
    let done = told.map(|finding| Finding { mend: Mend::Done, ..finding });
    Ok(done.chain(left.iter().cloned()).collect())
}

/// All that is wrong with a file of this version.
pub(super) fn findings(db: &Connection) -> Result<Vec<Finding>, StoreError> {
    let damage = damage(db)?;
    let mut found = serious(damage);
    for finding in &mut found {
        let Some(index) = index_of(&finding.words) else { continue };
        if DERIVED.contains(&index) {
            finding.mend = Mend::Possible;
        } else {
            finding.words.push_str(": nobody can tell which of the two is right, but a backup");
        }
    }
    // What cannot be gone through is damaged, which is told already.
    for look in [unreadable, mendable] {
        match look(db, &mut found) {
            Err(StoreError::Corrupt { what: "database", .. }) if !found.is_empty() => {}
            looked => looked?,
        }
    }
    Ok(found)
}

fn serious(words: Vec<String>) -> Vec<Finding> {
    words.into_iter().map(Finding::serious).collect()
}

/// What SQLite itself finds.
pub(super) fn damage(db: &Connection) -> rusqlite::Result<Vec<String>> {
    checked(db, "integrity_check")
}

/// The same without a look at whether indexes say what rows say.
pub(super) fn quick_damage(db: &Connection) -> rusqlite::Result<Vec<String>> {
    checked(db, "quick_check")
}

fn checked(db: &Connection, check: &str) -> rusqlite::Result<Vec<String>> {
    let mut found = lines(db, &format!("PRAGMA {check}({MOST})"), |row| row.get(0))?;
    found.retain(|line| line != "ok");
    // It says several things in one line.
    let mut found: Vec<String> =
        found.iter().flat_map(|text| text.lines()).map(|line| line.trim().to_owned()).collect();
    found.retain(|line| !line.is_empty() && !line.starts_with("*** in database"));
    Ok(found)
}

fn lines(
    db: &Connection,
    sql: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<String>,
) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare(sql)?;
    let found = statement.query_map([], read).and_then(Iterator::collect);
    match found {
        // What is damaged that much cannot even be gone through.
        Err(error) if is_damage(&error) => Ok(vec![error.to_string()]),
        found => found,
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// The indexes of what decides nothing, or is in another index, too. Where one of the others does not say
/// what the row says, either of them may be what was damaged: to believe the row could make an operator of
/// a user, or a token good that was not.
const DERIVED: [&str; 7] = [
    "events_by_time",
    "familiar_by_end",
    "limits_by_end",
    "tokens_by_use",
    "users_by_login",
    "users_by_name",
    "users_by_tokens",
];

/// Of which index SQLite says that it has too much or too little.
fn index_of(words: &str) -> Option<&str> {
    ["missing from index ", "entries in index "]
        .into_iter()
        .find_map(|before| words.split_once(before).map(|(_, index)| index.trim()))
}

/// What this program cannot make sense of. Nobody is let in by it.
fn unreadable(db: &Connection, found: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut statement = db.prepare("SELECT * FROM users ORDER BY id")?;
    let mut users = statement.query([])?;
    while let Some(row) = users.next()? {
        let id: i64 = row.get("id")?;
        match rows::user(row) {
            Ok(user) if !user.username.is_sound() => {
                let words = format!("user {id} has a name that no user can have");
                found.push(Finding::serious(words));
            }
            Ok(user) if rows::integer(user.epoch) == i64::MAX => {
                let words = format!("user {id} has an epoch after which there is none");
                found.push(Finding::serious(words));
            }
            Ok(_) => {}
            Err(StoreError::Corrupt { problem, .. }) => {
                found.push(Finding::serious(format!("user {id} cannot be read: {problem}")));
            }
            Err(error) => return Err(error),
        }
    }
    for (user, name) in pairs(db, &format!("{LANDING} LIMIT ?1"))? {
        let words = format!(
            "an import has not come to its end at user {user}, {name}, who is locked out until then: unless \
             it is under way, do it again"
        );
        found.push(Finding::serious(words));
    }
    for digest in old_digests::unreadable(db)? {
        let words = format!("what is kept of the old digest {digest}… cannot be read");
        found.push(Finding::serious(words));
    }
    for digest in tokens::with_unreadable_former(db)? {
        let words = format!("what token {digest}… was found by before cannot be read");
        found.push(Finding::serious(words));
    }
    for (kind, key) in pairs(db, &format!("{} LIMIT ?1", items::UNREADABLE))? {
        found.push(Finding::serious(format!("an item of kind {kind} cannot be read: {key}…")));
    }
    Ok(())
}

/// What is not as it should be and can be brought in order.
fn mendable(db: &Connection, found: &mut Vec<Finding>) -> Result<(), StoreError> {
    for (digest, user) in pairs(db, &format!("{NO_USER} LIMIT ?1"))? {
        found.push(Finding::mendable(format!(
            "token {digest}… is of user {user}, who is not there"
        )));
    }
    for (digest, user) in pairs(db, &format!("{TOO_LATE} LIMIT ?1"))? {
        let words =
            format!("token {digest}… of user {user} would be good once they end all tokens");
        found.push(Finding::mendable(words));
    }
    for (digest, key) in pairs(db, &format!("{NO_TOKEN} LIMIT ?1"))? {
        found.push(Finding::mendable(format!(
            "what is kept of the old digest {digest}… is of a token {key}… that is not there"
        )));
    }
    for (user, name) in pairs(db, &format!("{PRESENT} LIMIT ?1"))? {
        found
            .push(Finding::mendable(format!("user {user}, {name}, is there and noted as deleted")));
    }
    for (user, count) in pairs(db, &format!("{MISCOUNTED} LIMIT ?1"))? {
        found.push(Finding::mendable(format!("user {user} is counted with {count} tokens")));
    }
    for (kind, owner) in pairs(db, &format!("{NO_OWNER} LIMIT ?1"))? {
        let words = format!("an item of kind {kind} is of user {owner}, who is not there");
        found.push(Finding::mendable(words));
    }
    Ok(())
}

const NO_USER: &str = "SELECT lower(substr(hex(digest), 1, 16)), user_id FROM tokens
                       WHERE user_id NOT IN (SELECT id FROM users)";
const TOO_LATE: &str = "SELECT lower(substr(hex(digest), 1, 16)), user_id
                        FROM users JOIN tokens ON user_id = id AND user_epoch > epoch";
const NO_TOKEN: &str = "SELECT lower(substr(hex(digest), 1, 16)), substr(knox_key, 1, 4)
                        FROM old_digests WHERE digest NOT IN (SELECT digest FROM tokens)";
const LANDING: &str = "SELECT id, username FROM landing_users JOIN users USING (id)";
const PRESENT: &str = "SELECT id, username FROM deleted_users JOIN users USING (id)";
const MISCOUNTED: &str = "SELECT id, tokens FROM users
                          WHERE tokens <> (SELECT count(*) FROM tokens WHERE user_id = id)";
const NO_OWNER: &str =
    "SELECT kind, owner FROM items WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM users)";

/// Two words of each row.
fn pairs(db: &Connection, sql: &str) -> Result<Vec<(String, String)>, StoreError> {
    let sql = format!(
        "SELECT CAST(one AS TEXT), CAST(other AS TEXT) FROM (
                           SELECT NULL AS one, NULL AS other WHERE FALSE UNION ALL
                           SELECT * FROM ({sql}))"
    );
    rows::all(db, &sql, [MOST], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Nothing that nobody could reach is brought within reach: tokens and items go, indexes that decide
/// nothing are made anew of what they are indexes of.
fn mend(path: &Path) -> Result<(), StoreError> {
    let mut db = file::open(path)?;
    db.busy_timeout(Duration::from_secs(10))?;
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // A step of its own for what may fail: an index cannot be made where two rows are equal.
    let indexes = DERIVED.map(|index| format!("REINDEX {index}"));
    let others = [
        "DELETE FROM tokens WHERE user_id NOT IN (SELECT id FROM users)",
        "DELETE FROM tokens
         WHERE user_epoch > (SELECT epoch FROM users WHERE id = user_id)",
        "DELETE FROM old_digests WHERE digest NOT IN (SELECT digest FROM tokens)",
        "UPDATE users SET tokens = (SELECT count(*) FROM tokens WHERE user_id = id)
         WHERE tokens <> (SELECT count(*) FROM tokens WHERE user_id = id)",
        "DELETE FROM items WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM users)",
        "DELETE FROM deleted_users WHERE id IN (SELECT id FROM users)",
    ];
    for sql in indexes.iter().map(String::as_str).chain(others) {
        step.execute_batch("SAVEPOINT one")?;
        if let Err(error) = step.execute(sql, params![]) {
            if !is_damage(&error)
                && error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation)
            {
                return Err(error.into());
            }
            step.execute_batch("ROLLBACK TO one")?;
        }
        step.execute_batch("RELEASE one")?;
    }
    Ok(step.commit()?)
}
