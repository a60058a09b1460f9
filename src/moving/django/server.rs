//! What databases on servers have in common.

use crate::moving::ReadError;
use crate::moving::address::Address;
use std::error::Error;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::timeout;

/// Waits for work that asks a database.
pub(super) fn wait_for(
    address: &Address,
    work: impl Future<Output = Result<(), ReadError>>,
) -> Result<(), ReadError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| ReadError::database(address, error))?.block_on(work)
}

/// What connecting comes to, unless it takes too long.
pub(super) async fn in_time<T, E>(
    address: &Address,
    connecting: impl Future<Output = Result<T, E>>,
) -> Result<T, ReadError>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    /// How long it may take until a database has let one in.
    const PATIENCE: Duration = Duration::from_secs(10);
    let Ok(connected) = timeout(PATIENCE, connecting).await else {
        return Err(ReadError::database(address, "does not answer in time"));
    };
    connected.map_err(|error| ReadError::database(address, error))
}
