//! A Django's database in PostgreSQL.

use super::Reading;
use super::schema::{Dialect, Query, Tables, queries};
use super::tls;
use crate::moving::ReadError;
use crate::moving::address::Address;
use crate::moving::progress::Progress;
use crate::moving::value::Value;
use futures_util::TryStreamExt;
use std::pin::pin;
use std::time::Duration;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

/// One state of all tables, and nothing can be written. Moments are told in UTC.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL TIME ZONE 'UTC';
    SET LOCAL statement_timeout = 0;
    SET LOCAL DateStyle = 'ISO'";
const TABLES: &str = "SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = ANY (current_schemas(false))";

/// Reads it as it is at this moment; nothing is written.
pub(super) fn read(
    address: &Address,
    progress: &Progress,
    reading: &mut Reading<'_>,
) -> Result<(), ReadError> {
    let failed = |error: Error| ReadError::database(address, error);
    let tls = MakeRustlsConnect::new(tls::client(address.authorities.as_deref())?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ReadError::database(address, error))?;
    runtime.block_on(async {
        let (client, connection) = config(address).connect(tls).await.map_err(failed)?;
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
    let queries = queries(&tables, reading.terms.user_model.as_ref(), Dialect::Postgres)?;
    for query in &queries {
        let count: i64 = client.query_one(&query.count, &[]).await.map_err(failed)?.get(0);
        progress.expect(count.cast_unsigned());
    }
    for query in &queries {
        let messages = client.simple_query_raw(&query.sql).await.map_err(failed)?;
        let mut messages = pin!(messages);
        while let Some(message) = messages.try_next().await.map_err(failed)? {
            take(query, &message, reading)?;
            progress.advance(1);
        }
    }
    Ok(())
}

fn take(
    query: &Query,
    message: &SimpleQueryMessage,
    reading: &mut Reading<'_>,
) -> Result<(), ReadError> {
    if let SimpleQueryMessage::Row(row) = message {
        let cell = |index| row.get(index).map_or(Value::Null, Value::text);
        reading.row(query.table, &query.name, cell)?;
    }
    Ok(())
}

async fn tables(client: &Client) -> Result<Tables, Error> {
    let mut tables = Tables::new();
    for message in client.simple_query(TABLES).await? {
        if let SimpleQueryMessage::Row(row) = message
            && let (Some(table), Some(column)) = (row.get(0), row.get(1))
        {
            tables.entry(table.to_owned()).or_default().insert(column.to_owned());
        }
    }
    Ok(tables)
}

fn config(address: &Address) -> Config {
    let mut config = Config::new();
    config
        .application_name("authgate")
        .connect_timeout(Duration::from_secs(10))
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
