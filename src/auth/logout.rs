//! Ending tokens by their owner's wish.

use super::{Auth, AuthError};
use crate::model::identity::Identity;
use crate::model::token::Token;
use std::net::IpAddr;

impl Auth {
    /// Ends one token. A token that is gone already is not an error.
    pub async fn logout(
        &self,
        token: &Token,
        caller: &Identity,
        from: IpAddr,
    ) -> Result<(), AuthError> {
        self.store.revoke_token(token.digest()).await?;
        Ok(())
    }

    /// Ends all tokens of a user.
    pub async fn logout_all(&self, caller: &Identity, from: IpAddr) -> Result<(), AuthError> {
        self.store.revoke_tokens_of(caller.user).await?;
        Ok(())
    }
}
