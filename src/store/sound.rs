//! What got into a store past all rules: operators see it, and nobody is let in by it.

use super::StoreError;
use crate::model::user::User;

/// Passes a user on whom a request may act for.
pub(super) fn sound(user: User) -> Result<User, StoreError> {
    if user.username.is_sound() {
        return Ok(user);
    }
    let problem = format!("number {} has a name that no user can have", user.id);
    Err(StoreError::Corrupt { what: "user", problem })
}
