//! Puts together what is behind the doors.

use super::accept::Reception;
use super::listening::Listener;
use super::log::Log;
use super::reload::{self, Running};
use super::worker::Workers;
use super::{Limits, Settings, StartError};
use crate::admin::Console;
use crate::auth::Auth;
use crate::clock::OnceASecond;
use crate::config::{Config, Source};
use crate::gateway::{self, Gateway, Guard};
use crate::metrics::Metrics;
use crate::store::{self, StoreError};
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::watch;

/// All that is behind the doors.
pub(super) async fn put_together(
    config: Config,
    source: Source,
    log: Log,
    stopping: watch::Receiver<bool>,
) -> Result<Running, StartError> {
    let store = store::open_to_serve(&config.store)?;
    let metrics = Arc::new(Metrics::default());
    let store = Arc::new(store::Observed::new(store, Arc::clone(&metrics)));
    let auth = Arc::new(Auth::open(store, Arc::clone(&metrics), config.auth.clone())?);
    inspect(&auth).await?;
    let gateway = Gateway::new(Arc::clone(&auth), Arc::clone(&metrics), config.gateway.clone());
    auth.learn_networks().await;
    let reading = reload::reading(&config, &source, &[]);
    let settings = config.admin.clone();
    let console = Console::new(Arc::clone(&auth), gateway.clone(), settings, reading);
    let console = Arc::new(console);
    let gateway = gateway.with_console(Arc::clone(&console) as Arc<dyn gateway::Console>);
    let limits = Limits::of(&config);
    let guard = Guard::new(gateway.clone());
    guard.limit_streams(limits.streams());
    let listener = |settings| Listener::new(settings, Arc::clone(&metrics)).map(Arc::new);
    let listeners = config.server.listeners.iter().cloned().map(listener);
    let listeners = listeners.collect::<Result<_, _>>()?;
    let reception = Arc::new(Reception {
        complaint: OnceASecond::default(),
        connections: Arc::default(),
        guard: Arc::new(guard),
        limits: ArcSwap::from_pointee(limits),
        metrics,
        stopping,
        workers: Workers::start(config.server.threads, &gateway)?,
    });
    let Settings { grace, upgrade_grace, .. } = config.server;
    Ok(Running {
        auth,
        console,
        gateway,
        grace,
        listeners,
        log,
        reception,
        source,
        started_with: config,
        upgrade_grace,
    })
}

/// Tells the operator what the store is. One that does not answer may come back; one that cannot
/// serve never will.
async fn inspect(auth: &Auth) -> Result<(), StartError> {
    let inspected = async {
        auth.prepare_store().await?;
        auth.inspect().await
    };
    match inspected.await {
        Ok(inspection) => {
            tracing::info!(
                version = env!("CARGO_PKG_VERSION"),
                store = inspection.summary,
                "authgate"
            );
            Ok(())
        }
        Err(error @ StoreError::Unavailable(_)) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the store does not answer yet; public routes are served");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
