//! Who a request acts for.

use super::token::TokenId;
use super::user::{User, UserId};
use crate::clock::Timestamp;
use std::sync::Arc;

/// The user behind a good token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// Until when the token holds; `None` is forever.
    pub expires: Option<Timestamp>,
    /// Whether the user is staff.
    pub is_staff: bool,
    /// What the user is called.
    pub names: Names,
    /// Which token spoke for them.
    pub token: TokenId,
    /// The user.
    pub user: UserId,
}

/// A user's name and address: one piece of memory, which all of the user's requests share.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Names {
    both: Arc<str>,
    /// Where the name ends and the address begins.
    border: u16,
}

impl Names {
    /// What this user is called.
    pub fn of(user: &User) -> Self {
        Self::new(user.username.as_str(), user.email.as_str())
    }

    /// A name, cut at 64 KiB: there is none of a hundredth of that; and an address.
    pub fn new(username: &str, email: &str) -> Self {
        let border = u16::try_from(username.len()).unwrap_or(u16::MAX);
        Self { both: [username, email].concat().into(), border }
    }

    /// The user's name.
    pub fn username(&self) -> &str {
        self.both.get(..self.border.into()).unwrap_or_default()
    }

    /// Their address; may be blank.
    pub fn email(&self) -> &str {
        self.both.get(self.border.into()..).unwrap_or_default()
    }

    /// How many bytes both have.
    pub fn size(&self) -> usize {
        self.both.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_address_are_told_apart() {
        for (username, email) in [("ada", "ada@example.com"), ("josé", ""), ("", "")] {
            let names = Names::new(username, email);
            assert_eq!((names.username(), names.email()), (username, email));
        }
    }
}
