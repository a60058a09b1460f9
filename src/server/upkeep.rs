//! What goes on beside the requests.

use crate::auth::Auth;
use std::time::Duration;
use tokio::time::sleep;

/// Deletes expired tokens now and then, by turns with the other gateways of the store. Nothing depends on
/// it but the size of the store, and after an update in which orders users can be found.
pub(super) async fn sweep(auth: &Auth) {
    /// How often one asks whether it is one's turn.
    const PAUSE: Duration = Duration::from_mins(1);
    if is_wanted(auth).await {
        tracing::info!("the store makes its indexes, as after an update");
        sweep_once(auth, true).await;
    }
    loop {
        sleep(PAUSE).await;
        // Whoever was to make the indexes may have been stopped.
        let is_urgent = auth.wants_sweep().await.unwrap_or(false);
        sweep_once(auth, is_urgent).await;
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

async fn sweep_once(auth: &Auth, is_urgent: bool) {
    match auth.sweep_in_turn(is_urgent).await {
        Ok(None | Some(0)) => {}
        Ok(Some(tokens)) => tracing::info!(tokens, "expired tokens deleted"),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not swept");
        }
    }
}
