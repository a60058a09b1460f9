//! Who a request acts for.

use super::email::Email;
use super::token::TokenId;
use super::user::{UserId, Username};
use crate::clock::Timestamp;

/// The user behind a good token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// Their address; may be blank.
    pub email: Email,
    /// Until when the token holds; `None` is forever.
    pub expires: Option<Timestamp>,
    /// Whether the user is staff.
    pub is_staff: bool,
    /// Which token spoke for them.
    pub token: TokenId,
    /// The user.
    pub user: UserId,
    /// The user's name.
    pub username: Username,
}
