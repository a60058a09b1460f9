//! A Django's database in PostgreSQL.

use super::Reading;
use super::schema::{Dialect, Tables};
use super::server::{in_time, wait_for};
use super::tls;
use crate::moving::ReadError;
use crate::moving::address::Address;
use crate::moving::progress::Progress;
use crate::moving::value::Value;
use futures_util::TryStreamExt;
use std::pin::pin;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

/// One state of all tables, and nothing can be written. Moments are told in UTC.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL TIME ZONE 'UTC';
    SET LOCAL statement_timeout = 0;
    SET LOCAL DateStyle = 'ISO'";
/// The columns of tables that the user may see, to what they refer alone, and whether their texts are
/// compared without regard to case, which is by a type or, since PostgreSQL 12, by a collation.
const TABLES: &str = "SELECT r.relname, a.attname, f.relname,
      t.typname = 'citext' OR coalesce(to_jsonb(l) ->> 'collisdeterministic', '') = 'false'
    FROM pg_class r JOIN pg_attribute a ON a.attrelid = r.oid
    LEFT JOIN pg_constraint c ON c.conrelid = r.oid AND c.contype = 'f' AND c.conkey = ARRAY[a.attnum]
    LEFT JOIN pg_class f ON f.oid = c.confrelid
    LEFT JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
      AND pg_table_is_visible(r.oid) AND r.relnamespace <> 'pg_catalog'::regnamespace";

/// Reads it as it is at this moment; nothing is written.
pub(super) fn read(
    address: &Address,
    progress: &Progress,
    reading: &mut Reading<'_>,
) -> Result<(), ReadError> {
    let failed = |error: Error| ReadError::database(address, error);
    let tls = MakeRustlsConnect::new(tls::client(address.authorities.as_deref())?);
    wait_for(address, async {
        let (client, connection) = in_time(address, config(address).connect(tls)).await?;
        let mut connection = pin!(connection);
        let mut work = pin!(rows(&client, address, progress, reading));
        tokio::select! {
            done = &mut work => done,
            broken = &mut connection => match broken {
                Err(error) => Err(failed(error)),
                // What it has told is still to be taken.
                Ok(()) => work.await,
            },
        }
    })
}

async fn rows(
    client: &Client,
    address: &Address,
    progress: &Progress,
    reading: &mut Reading<'_>,
) -> Result<(), ReadError> {
    let failed = |error: Error| ReadError::database(address, error);
    client.batch_execute(BEGIN).await.map_err(failed)?;
    let tables = tables(client).await.map_err(failed)?;
    let queries = reading.ask(&tables, Dialect::Postgres)?;
    for query in &queries {
        let count: i64 = client.query_one(&query.count, &[]).await.map_err(failed)?.get(0);
        progress.expect(count.cast_unsigned());
    }
    for query in &queries {
        let messages = client.simple_query_raw(&query.sql).await.map_err(failed)?;
        let mut messages = pin!(messages);
        while let Some(message) = messages.try_next().await.map_err(failed)? {
            if let SimpleQueryMessage::Row(row) = &message {
                let cell = |index| row.try_get(index).ok().flatten();
                reading.row(query, |index| cell(index).map_or(Value::Null, Value::text))?;
            }
            progress.advance(1);
        }
    }
    Ok(())
}

async fn tables(client: &Client) -> Result<Tables, Error> {
    let mut tables = Tables::default();
    for message in client.simple_query(TABLES).await? {
        if let SimpleQueryMessage::Row(row) = message
            && let (Some(table), Some(column)) = (row.try_get(0)?, row.try_get(1)?)
        {
            tables.add_column(table.to_owned(), column.to_owned());
            if row.try_get(3)? == Some("t") {
                tables.folds(table.to_owned(), column.to_owned());
            }
            if let Some(to) = row.try_get(2)? {
                tables.add_reference(table.to_owned(), column.to_owned(), to.to_owned());
            }
        }
    }
    Ok(tables)
}

fn config(address: &Address) -> Config {
    let mut config = Config::new();
    config
        .application_name("authgate")
        .dbname(&address.database)
        // A path is a folder with the socket in it.
        .host(&address.host)
        .port(address.port)
        .ssl_mode(if address.is_tls { SslMode::Require } else { SslMode::Disable })
        .user(&address.user);
    if let Some(password) = &address.password {
        config.password(password.expose());
    }
    config
}
