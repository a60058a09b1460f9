//! A Django's database in MySQL or MariaDB.

use super::Reading;
use super::schema::{Dialect, Tables};
use super::server::{in_time, wait_for};
use crate::model::password::Password;
use crate::moving::ReadError;
use crate::moving::address::Address;
use crate::moving::progress::Progress;
use crate::moving::value::Value;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts, OptsBuilder, SslOpts, Value as Cell};

/// One state of all tables, and nothing can be written. Moments are told in UTC.
const BEGIN: [&str; 3] = [
    "SET time_zone = '+00:00', group_concat_max_len = 1048576, net_write_timeout = 3600",
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
];
const COLUMNS: &str = "SELECT c.table_name, c.column_name, c.collation_name
    FROM information_schema.columns c JOIN information_schema.tables t
      ON t.table_schema = c.table_schema AND t.table_name = c.table_name
    WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE'";
const REFERENCES: &str = "SELECT table_name, column_name, referenced_table_name
    FROM information_schema.key_column_usage
    WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL";

/// Reads it as it is at this moment; nothing is written.
pub(super) fn read(
    address: &Address,
    progress: &Progress,
    reading: &mut Reading<'_>,
) -> Result<(), ReadError> {
    wait_for(address, async {
        let mut db = in_time(address, Conn::new(options(address))).await?;
        rows(&mut db, address, progress, reading).await
    })
}

async fn rows(
    db: &mut Conn,
    address: &Address,
    progress: &Progress,
    reading: &mut Reading<'_>,
) -> Result<(), ReadError> {
    let failed = |error: Error| ReadError::database(address, error);
    for statement in BEGIN {
        db.query_drop(statement).await.map_err(failed)?;
    }
    let mut tables = Tables::default();
    for (table, column, collation) in db.query(COLUMNS).await.map_err(failed)? {
        add_column(&mut tables, (table, column), collation);
    }
    for (table, column, to) in db.query(REFERENCES).await.map_err(failed)? {
        tables.add_reference(table, column, to);
    }
    let queries = reading.ask(&tables, Dialect::MySql)?;
    for query in &queries {
        let count = db.query_first(&query.count).await.map_err(failed)?;
        progress.expect(count.unwrap_or(0));
    }
    for query in &queries {
        let mut rows = db.query_iter(&query.sql).await.map_err(failed)?;
        while let Some(row) = rows.next().await.map_err(failed)? {
            reading.row(query, |index| row.as_ref(index).map_or(Value::Null, value_of))?;
            progress.advance(1);
        }
    }
    Ok(())
}

/// Collations without regard to case end like this, whoever made them.
fn add_column(tables: &mut Tables, (table, column): (String, String), collation: Option<String>) {
    if collation.is_some_and(|name: String| name.ends_with("_ci")) {
        tables.folds(table.clone(), column.clone());
    }
    tables.add_column(table, column);
}

fn value_of(cell: &Cell) -> Value<'_> {
    match cell {
        Cell::NULL => Value::Null,
        Cell::Bytes(text) => Value::of_bytes(text),
        Cell::Int(number) => Value::Number(*number),
        Cell::UInt(number) => {
            i64::try_from(*number).map_or(Value::Other("too large"), Value::Number)
        }
        // Not by a query of text, where all is bytes.
        Cell::Date(..) | Cell::Double(_) | Cell::Float(_) | Cell::Time(..) => Value::Other("odd"),
    }
}

fn options(address: &Address) -> Opts {
    let tls = address.is_tls.then(|| {
        let authorities = address.authorities.clone().map(Into::into);
        SslOpts::default()
            .with_disable_built_in_roots(authorities.is_some())
            .with_root_certs(authorities.into_iter().collect())
    });
    OptsBuilder::default()
        .db_name(Some(&address.database))
        .ip_or_hostname(if address.is_socket() { "localhost" } else { &address.host })
        .pass(address.password.as_ref().map(Password::expose))
        .prefer_socket(false)
        .socket(address.is_socket().then_some(&address.host))
        .ssl_opts(tls)
        .tcp_port(address.port)
        .user(Some(&address.user))
        .into()
}
