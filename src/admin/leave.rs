//! Whether one to whom something is sent for long may have the rest of it.

use super::Settings;
use super::site::due;
use crate::auth::{Auth, AuthError, SessionId};
use crate::model::network::Treatment;
use arc_swap::ArcSwapOption;
use std::net::IpAddr;
use std::sync::Arc;

/// The leave of one who is signed in, to be asked for anew now and then.
pub(super) struct Leave {
    pub auth: Arc<Auth>,
    pub from: IpAddr,
    pub id: SessionId,
    pub settings: Arc<ArcSwapOption<Settings>>,
}

impl Leave {
    /// Whether they would be let in now, by the settings that are at work now.
    pub(super) async fn holds(&self) -> Result<bool, AuthError> {
        let Some(settings) = self.settings.load_full() else { return Ok(false) };
        if !settings.admits(self.from) || self.auth.treatment(self.from) == Treatment::Denied {
            return Ok(false);
        }
        let session = self.auth.signed_in_by(&self.id, settings.sessions).await?;
        let Some(session) = session else { return Ok(false) };
        Ok(due(&self.auth, &settings, &session.user).await?.is_none())
    }
}
