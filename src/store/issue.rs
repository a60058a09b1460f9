//! Tokens that are to be added.

use crate::model::token::{TokenAbout, TokenRecord};

/// A token to be added.
#[derive(Clone)]
pub struct NewToken {
    /// What operators may want to know of it.
    pub about: TokenAbout,
    /// Its user, number and epoch: nothing is added if the epoch has moved on.
    pub record: TokenRecord,
    /// How many live tokens a user may have; `None` is any number.
    pub limit: Option<TokenLimit>,
    /// Whether the user has just logged in: that is noted, and nobody does who is locked out.
    pub is_login: bool,
}

/// How many live tokens a user may have, and what to do about one more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenLimit {
    /// The most live tokens.
    pub most: u32,
    /// What happens when they are there already.
    pub on_limit: OnLimit,
}

/// What happens when a user has all the tokens that they may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnLimit {
    /// The oldest end, as many as make room.
    EvictOldest,
    /// The new one is refused.
    Refuse,
}

/// Whether a token was added.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Issue {
    /// It was.
    Done,
    /// The user has as many as they may have.
    LimitReached,
    /// The user is gone, locked out, or has ended all tokens since they were read.
    UserChanged,
}
