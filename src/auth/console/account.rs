//! What operators do with their own account at the console.

use super::super::change_password::{ChangeError, NewPassword, Swap};
use super::super::login::Door;
use super::super::{Auth, AuthError};
use super::session::{SessionId, SessionSettings, Visitor};
use crate::clock::Timestamp;
use crate::model::user::User;

impl Auth {
    /// Replaces an operator's own password, if they know the present one. All their sessions and
    /// tokens end; the one who asks goes on under a new id.
    pub async fn change_own_password(
        &self,
        user: &User,
        passwords: NewPassword,
        visitor: &Visitor,
        settings: SessionSettings,
    ) -> Result<SessionId, ChangeError> {
        let swap = Swap { door: Door::Inside, keep: None, user: user.id };
        let changed = self.swap_password(swap, user.username.as_str(), passwords, visitor.from);
        let before = changed.await?;
        let now = self.store.user(before.id).await.map_err(AuthError::from)?;
        // Whatever else ends sessions ends this one, too.
        let now = now.filter(|user| user.epoch == before.epoch + 1);
        let now = now.ok_or(AuthError::InvalidToken)?;
        // A password alone proves too little of one who has the second factor.
        let has_app = self.has_second_factor(now.id).await?;
        let proved = if has_app { Timestamp::from_micros(0) } else { self.clock.now() };
        Ok(self.begin_session(&now, visitor, settings, proved).await?)
    }
}
