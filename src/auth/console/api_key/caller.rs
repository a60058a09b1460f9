//! Who calls with a key.

use super::super::unless_full;
use super::{ApiKey, KeySecret};
use crate::auth::operators::is_operator;
use crate::auth::{Auth, AuthError};
use crate::model::user::User;
use crate::store::ItemKind;
use std::net::IpAddr;
use std::time::Duration;

/// Who calls with a key.
pub struct KeyCaller {
    /// The key.
    pub key: ApiKey,
    /// For whom it acts.
    pub owner: User,
}

impl Auth {
    /// Who calls with a key. What nobody has is counted as unknown tokens are.
    pub async fn key_caller(
        &self,
        secret: &KeySecret,
        from: IpAddr,
    ) -> Result<KeyCaller, AuthError> {
        /// How rarely it is written down that a key is in use.
        const NOTE_EVERY: Duration = Duration::from_mins(1);
        let (digest, now) = (secret.digest(), self.clock.now());
        let found = self.store.item(ItemKind::ApiKey, &digest, now).await?;
        let found = found.filter(|item| !self.has_ended_item(item.kind, &item.key));
        let Some(item) = found else {
            self.limits.unknown_token(from).await?;
            return Err(AuthError::InvalidToken);
        };
        let mut key = ApiKey::read(&item)?;
        let owner = self.store.user(key.owner).await?;
        let Some(owner) = owner.filter(is_operator) else {
            unless_full(self.store.remove_item(ItemKind::ApiKey, &digest).await);
            return Err(AuthError::InvalidToken);
        };
        if key.last_used.is_none_or(|(at, _)| now.since(at) >= NOTE_EVERY) {
            key.last_used = Some((now, from.to_canonical()));
            // In place of what was read: a key that was revoked meanwhile stays so.
            unless_full(self.store.replace_item(&item.value, &key.item(digest)?).await);
        }
        Ok(KeyCaller { key, owner })
    }
}
