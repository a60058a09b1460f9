//! What a program may do with an API key.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A part of what the console's API has.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Resource {
    /// What has happened.
    Events,
    /// Who is refused, and which networks are treated in a way of their own.
    Limits,
    /// The numbers of the overview.
    Overview,
    /// Routes and upstreams.
    Routes,
    /// The settings at work.
    Settings,
    /// Tokens.
    Tokens,
    /// Users.
    Users,
}

/// Something that a key may be good for. Who may write may read, too.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Right {
    /// To look.
    Read(Resource),
    /// To look and to change.
    Write(Resource),
}

/// What a key is good for.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Rights(BTreeSet<Right>);

impl Resource {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Users,
        Self::Tokens,
        Self::Limits,
        Self::Events,
        Self::Routes,
        Self::Settings,
        Self::Overview,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Limits => "limits",
            Self::Overview => "overview",
            Self::Routes => "routes",
            Self::Settings => "settings",
            Self::Tokens => "tokens",
            Self::Users => "users",
        }
    }

    /// Whether there is anything in it to change.
    pub const fn is_writable(self) -> bool {
        matches!(self, Self::Limits | Self::Tokens | Self::Users)
    }
}

impl Right {
    /// All that there are.
    pub fn all() -> impl Iterator<Item = Self> {
        Resource::ALL.into_iter().flat_map(|resource| {
            let write = resource.is_writable().then_some(Self::Write(resource));
            std::iter::once(Self::Read(resource)).chain(write)
        })
    }
}

impl Rights {
    /// Everything.
    pub fn all() -> Self {
        Right::all().collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether they are enough for something.
    pub fn permit(&self, right: Right) -> bool {
        let has = |right| self.0.contains(&right);
        match right {
            Right::Read(resource) => has(right) || has(Right::Write(resource)),
            Right::Write(_) => has(right),
        }
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        let mut all: BTreeSet<Right> = rights.into_iter().collect();
        // What goes with the right to write need not be said.
        for resource in Resource::ALL {
            if all.contains(&Right::Write(resource)) {
                all.remove(&Right::Read(resource));
            }
        }
        Self(all)
    }
}

/// As a right is written: `users:read`.
impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(resource) => write!(f, "{}:read", resource.as_str()),
            Self::Write(resource) => write!(f, "{}:write", resource.as_str()),
        }
    }
}

impl FromStr for Right {
    type Err = NotARight;

    fn from_str(text: &str) -> Result<Self, NotARight> {
        let all = Self::all().find(|right| right.to_string() == text);
        all.ok_or_else(|| NotARight(text.to_owned()))
    }
}

/// As rights are written: `tokens:read, users:write`.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Vec::from(self.clone()).join(", "))
    }
}

impl From<Rights> for Vec<String> {
    fn from(rights: Rights) -> Self {
        rights.0.iter().map(Right::to_string).collect()
    }
}

impl TryFrom<Vec<String>> for Rights {
    type Error = NotARight;

    fn try_from(rights: Vec<String>) -> Result<Self, NotARight> {
        rights.iter().map(|right| right.parse()).collect()
    }
}

/// The text is no right's name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no right {0:?}; one is written like users:read")]
pub struct NotARight(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_right_reads_back_as_it_is_written() {
        for right in Right::all() {
            assert_eq!(right.to_string().parse(), Ok(right));
        }
        for text in ["users", "users:", "users:all", "Users:read", "events:write", "keys:read"] {
            assert!(text.parse::<Right>().is_err(), "{text}");
        }
    }

    #[test]
    fn who_may_write_may_read_and_nothing_else() {
        let rights = Rights::from_iter([Right::Write(Resource::Users)]);
        assert!(rights.permit(Right::Read(Resource::Users)));
        assert!(!rights.permit(Right::Read(Resource::Tokens)));
        assert_eq!(rights.to_string(), "users:write");
        let rights = Rights::from_iter([Right::Read(Resource::Users)]);
        assert!(!rights.permit(Right::Write(Resource::Users)));
    }
}
