//! Ending tokens by their owner's wish.

use super::{Auth, AuthError};
use crate::model::token::Token;
use crate::model::user::UserId;

impl Auth {
    /// Ends one token. A token that is gone already is not an error.
    pub async fn logout(&self, token: &Token) -> Result<(), AuthError> {
        self.store.revoke_token(token.digest()).await?;
        Ok(())
    }

    /// Ends all tokens of a user.
    pub async fn logout_all(&self, user: UserId) -> Result<(), AuthError> {
        self.store.revoke_tokens_of(user).await?;
        Ok(())
    }
}
