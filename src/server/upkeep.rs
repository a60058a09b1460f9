//! What goes on beside the requests.

use crate::auth::Auth;
use crate::gateway::Gateway;
use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use std::sync::Arc;
use std::time::Duration;

/// Listens to what the store tells of revocations. As long as requests are served: also while the
/// process is being stopped.
pub(super) struct Feed(pub Arc<Auth>);

#[async_trait]
impl BackgroundService for Feed {
    async fn start(&self, _: ShutdownWatch) {
        let never = self.0.follow_store().await;
        match never {}
    }
}

/// Knows the servers behind the gateway and how they are. As long as requests are served.
pub(super) struct UpstreamKeeper(pub Gateway);

#[async_trait]
impl BackgroundService for UpstreamKeeper {
    async fn start(&self, _: ShutdownWatch) {
        let never = self.0.keep_upstreams().await;
        match never {}
    }
}

/// Prolongs tokens that are in use.
pub(super) struct Refresher(pub Arc<Auth>);

#[async_trait]
impl BackgroundService for Refresher {
    async fn start(&self, _: ShutdownWatch) {
        self.0.refresh_tokens().await;
    }
}

/// Deletes expired tokens now and then. Nothing depends on it but the size of the store.
pub(super) struct Sweeper(pub Arc<Auth>);

const PAUSE: Duration = Duration::from_mins(10);

#[async_trait]
impl BackgroundService for Sweeper {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        loop {
            tokio::select! {
                _ = shutdown.changed() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            match self.0.sweep().await {
                Ok(0) => {}
                Ok(tokens) => tracing::info!(tokens, "expired tokens deleted"),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "not swept");
                }
            }
        }
    }
}
