//! A Django's database in a file of SQLite.

use super::Reading;
use super::schema::{Dialect, Tables};
use crate::moving::ReadError;
use crate::moving::progress::Progress;
use crate::moving::value::Value;
use crate::store::sqlite::APPLICATION;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Reads it as it is at this moment; nothing is written.
pub(super) fn read(
    path: &Path,
    progress: &Progress,
    reading: &mut Reading<'_>,
) -> Result<(), ReadError> {
    let failed = |error| ReadError::database(path.display(), error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(failed)?;
    // One transaction sees one state of all tables.
    db.execute_batch("BEGIN").map_err(failed)?;
    // Its table of users looks like a Django's, and that of its tokens does not.
    let found: i32 =
        db.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    if found == APPLICATION {
        return Err(ReadError::Unusable(
            "it is a store of authgate, or a backup of one: `authgate store copy` and `authgate store \
             restore` take it, with all tokens"
                .to_owned(),
        ));
    }
    let tables = tables(&db).map_err(failed)?;
    let queries = reading.ask(&tables, Dialect::Sqlite)?;
    for query in &queries {
        let count: i64 = db.query_row(&query.count, [], |row| row.get(0)).map_err(failed)?;
        progress.expect(count.cast_unsigned());
    }
    for query in &queries {
        let mut statement = db.prepare(&query.sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            reading.row(query, |index| row.get_ref(index).map_or(Value::Null, value_of))?;
            progress.advance(1);
        }
    }
    Ok(())
}

fn value_of(cell: ValueRef<'_>) -> Value<'_> {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Number(number),
        ValueRef::Text(text) => Value::of_bytes(text),
        ValueRef::Real(_) => Value::Other("a broken number"),
        ValueRef::Blob(_) => Value::Other("bytes"),
    }
}

fn tables(db: &Connection) -> rusqlite::Result<Tables> {
    let sql = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
               WHERE m.type = 'table'";
    let mut tables = Tables::default();
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        tables.add_column(row.get(0)?, row.get(1)?);
    }
    let sql = "SELECT m.name, f.\"from\", f.\"table\"
               FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        tables.add_reference(row.get(0)?, row.get(1)?, row.get(2)?);
    }
    Ok(tables)
}
