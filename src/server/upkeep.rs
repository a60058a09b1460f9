//! What goes on beside the requests.

use crate::auth::Auth;
use std::time::Duration;

/// Deletes expired tokens now and then. Nothing depends on it but the size of the store.
pub(super) async fn sweep(auth: &Auth) {
    const PAUSE: Duration = Duration::from_mins(10);
    loop {
        tokio::time::sleep(PAUSE).await;
        match auth.sweep().await {
            Ok(0) => {}
            Ok(tokens) => tracing::info!(tokens, "expired tokens deleted"),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "not swept");
            }
        }
    }
}
