//! Users and tokens as operators look for them.

use crate::clock::Timestamp;
use crate::model::token::{TokenAbout, TokenDigest, TokenRecord};
use crate::model::user::{User, UserId, Username};
use std::fmt::Display;
use std::net::IpAddr;

/// Which users are wanted, and in which order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UserQuery {
    /// Those that follow this place in the order.
    pub after: Option<Cursor>,
    /// Only those who may log in, or only those who may not.
    pub is_active: Option<bool>,
    /// Only staff, or only others.
    pub is_staff: Option<bool>,
    /// At most so many.
    pub limit: usize,
    /// The order.
    pub order: UserOrder,
    /// Only those whose name or address begins so, whatever the case of its ASCII letters.
    pub prefix: Option<String>,
}

/// An order of users. Among equals the number decides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UserOrder {
    /// By what.
    pub by: UserColumn,
    /// Whether the largest comes first.
    pub is_descending: bool,
}

/// What users can be sorted by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum UserColumn {
    /// Those who may not log in before those who may.
    Active,
    /// Their address, whatever the case of its ASCII letters.
    Email,
    /// Their number, which is the order in which they joined.
    Joined,
    /// Their last login; those who never logged in before all others.
    LastLogin,
    /// Others before staff.
    Staff,
    /// How many tokens they have. Those that have run out may count until they are swept.
    Tokens,
    /// Their name, whatever the case of its ASCII letters.
    Username,
}

/// A place in an order of users or tokens, after which the next page begins. What it says only the
/// store knows that gave it, for the query that it came from. One that the store cannot read, as it
/// may be in an address that someone has typed, stands for the place before the first page.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cursor(pub String);

impl Cursor {
    /// The place of what has this value, and among equals this name.
    pub(super) fn at(name: impl Display, value: impl Display) -> Self {
        Self(format!("{name}~{value}"))
    }

    /// The name and the value.
    pub(super) fn read(&self) -> Option<(&str, &str)> {
        self.0.split_once('~')
    }
}

impl UserQuery {
    /// What names and addresses are to begin with, if anything, in lower case.
    pub(super) fn folded_prefix(&self) -> Option<String> {
        let prefix = self.prefix.as_deref().filter(|prefix| !prefix.is_empty());
        prefix.map(str::to_ascii_lowercase)
    }
}

/// Some of the users who were asked for.
pub struct UserPage {
    /// By what they are sorted: by their names if that is all that a store can do for so many.
    pub by: UserColumn,
    /// Where the next page begins, if there may be one. A page may have fewer users than it could, or
    /// none, and yet another after it: a store does not look at too many in one go.
    pub next: Option<Cursor>,
    /// The numbers of those on the way whose record cannot be read, so that nobody knows whether they
    /// are wanted.
    pub unreadable: Vec<UserId>,
    /// The users.
    pub users: Vec<ListedUser>,
}

/// A user in a list.
#[derive(Clone, Eq, PartialEq)]
pub struct ListedUser {
    /// How many tokens they have that are good.
    pub live_tokens: u64,
    /// The user.
    pub user: User,
}

/// Some of the tokens of all users, those that were used or issued last first.
pub struct TokenPage {
    /// Where the next page begins, if there may be one.
    pub next: Option<Cursor>,
    /// The tokens.
    pub tokens: Vec<ListedToken>,
}

/// A token in a list.
#[derive(Clone, Eq, PartialEq)]
pub struct ListedToken {
    /// What operators want to know of it.
    pub about: TokenAbout,
    /// The token.
    pub record: TokenRecord,
    /// The name of its user.
    pub username: Username,
}

/// A token that was used.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct TokenUse {
    /// When.
    pub at: Timestamp,
    /// The token.
    pub digest: TokenDigest,
    /// From where.
    pub from: IpAddr,
    /// Whose it is.
    pub user: UserId,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Census {
    /// When the tokens were counted.
    pub at: Timestamp,
    /// Users who may not log in.
    pub inactive: u64,
    /// Staff.
    pub staff: u64,
    /// Tokens that were good then. Those that a new password or the like has ended may count until they
    /// are swept.
    pub tokens: u64,
    /// All users.
    pub users: u64,
}
