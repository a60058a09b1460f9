//! What goes on beside the requests.

use crate::auth::Auth;
use std::time::Duration;
use tokio::time::sleep;

/// Deletes expired tokens now and then. Nothing depends on it but the size of the store, and after an
/// update in which orders users can be found.
pub(super) async fn sweep(auth: &Auth) {
    const PAUSE: Duration = Duration::from_mins(10);
    if is_wanted(auth).await {
        tracing::info!("the store makes its indexes, as after an update");
        sweep_once(auth).await;
    }
    loop {
        sleep(PAUSE).await;
        sweep_once(auth).await;
    }
}

/// Whether a sweep should not wait for its time. A store that is away is asked again.
async fn is_wanted(auth: &Auth) -> bool {
    const PAUSE: Duration = Duration::from_secs(1);
    loop {
        // First, so that what a gateway has to do at its start comes before it.
        sleep(PAUSE).await;
        if let Ok(is_wanted) = auth.wants_sweep().await {
            return is_wanted;
        }
    }
}

async fn sweep_once(auth: &Auth) {
    match auth.sweep().await {
        Ok(0) => {}
        Ok(tokens) => tracing::info!(tokens, "expired tokens deleted"),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not swept");
        }
    }
}
