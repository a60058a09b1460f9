//! Who a request acts for.

use super::user::{User, UserId};
use std::sync::Arc;
use std::time::Duration;

/// The user behind a good token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The epoch that the user's good tokens have.
    pub epoch: u64,
    /// Whether the user is staff.
    pub is_staff: bool,
    /// For how long the token will hold; `None` is forever.
    pub lasts: Option<Duration>,
    /// Whether they are to choose another password before anything else.
    pub must_change: bool,
    /// What the user is called.
    pub names: Names,
    /// The user.
    pub user: UserId,
}

impl Identity {
    /// Who a token without an end would show to be its user.
    pub fn of(user: &User) -> Self {
        let names = Names::of(user);
        let User { epoch, id, is_staff, must_change, .. } = *user;
        Self { epoch, is_staff, lasts: None, must_change, names, user: id }
    }
}

/// A user's name and address: one piece of memory, which all of the user's requests share.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Names(Arc<str>);

impl Names {
    /// What this user is called.
    pub fn of(user: &User) -> Self {
        Self::new(user.username.as_str(), user.email.as_str())
    }

    /// A name, which has no null in it as no user's has, and an address.
    pub fn new(username: &str, email: &str) -> Self {
        Self([username, email].join("\0").into())
    }

    /// The user's name.
    pub fn username(&self) -> &str {
        self.0.split_once('\0').unwrap_or_default().0
    }

    /// Their address; may be blank.
    pub fn email(&self) -> &str {
        self.0.split_once('\0').unwrap_or_default().1
    }

    /// How many bytes both have.
    pub fn size(&self) -> usize {
        self.0.len()
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
