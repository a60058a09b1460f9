//! How many requests one may send on some routes.

use crate::model::limit::Quota;
use std::sync::Arc;

/// Requests that are counted together, on whichever of its routes they come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RateClass {
    /// Whose requests are counted together.
    pub by: RateBy,
    /// What it is called.
    pub name: Arc<str>,
    /// How many of one's requests may pass.
    pub quota: Quota,
}

/// Whose requests are counted together. Those of nobody in particular count by their address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RateBy {
    /// Those from one network.
    Address,
    /// Those with one token.
    Token,
    /// Those of one user.
    User,
}

impl RateBy {
    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Token => "token",
            Self::User => "user",
        }
    }
}
