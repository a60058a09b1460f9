//! Stopping: no new connections, what is in flight is finished, and no second is lost.

use super::log::Log;
use crate::metrics::Metrics;
use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use pingora::services::background::BackgroundService;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

/// Ends the process once nothing is in flight after SIGTERM, or when the grace is over.
pub(super) struct Drain {
    grace: Duration,
    log: Mutex<Option<Log>>,
    metrics: Arc<Metrics>,
}

impl Drain {
    pub(super) fn new(metrics: Arc<Metrics>, grace: Duration, log: Log) -> Self {
        Self { grace, log: Mutex::new(Some(log)), metrics }
    }

    /// Ends the process; nobody else would let the log finish.
    fn end(&self) -> ! {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(log) = log {
            log.finish();
        }
        std::process::exit(0)
    }
}

/// How often it is asked whether anything is still in flight.
const GLANCE: Duration = Duration::from_millis(20);

#[async_trait]
impl BackgroundService for Drain {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        if shutdown.changed().await.is_err() {
            return;
        }
        let end = Instant::now() + self.grace;
        // A connection that was just accepted shows as a request a moment later.
        sleep(GLANCE * 5).await;
        while self.metrics.in_flight() > 0 && Instant::now() < end {
            sleep(GLANCE).await;
        }
        tracing::info!(left = self.metrics.in_flight(), "stopped");
        self.end()
    }
}

/// SIGTERM drains; SIGINT, the operator's own Ctrl-C, does not wait.
pub(super) struct OnSigterm;

#[async_trait]
impl ShutdownSignalWatch for OnSigterm {
    async fn recv(&self) -> ShutdownSignal {
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            tracing::error!("cannot listen for signals");
            return ShutdownSignal::FastShutdown;
        };
        tokio::select! {
            _ = terminate.recv() => {
                tracing::info!("stopping: requests in flight are finished");
                ShutdownSignal::GracefulTerminate
            }
            _ = interrupt.recv() => ShutdownSignal::FastShutdown,
        }
    }
}
