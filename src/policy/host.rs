//! Which hosts a route is for.

use std::fmt;

/// The hosts that a route is for; in lower case and without a port.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub enum HostPattern {
    /// Whichever is asked for.
    #[default]
    Any,
    /// Every host below this one, at any depth, but not itself: `*.example.com` without its `*.`.
    Below(String),
    /// This one.
    Is(String),
}

impl HostPattern {
    /// Whether it is for this host.
    pub fn covers(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Below(parent) => parents(host).any(|of_host| of_host == parent),
            Self::Is(own) => own == host,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.pad("*"),
            Self::Below(parent) => f.pad(&format!("*.{parent}")),
            Self::Is(host) => f.pad(host),
        }
    }
}

/// What stands behind each dot of a host, the longest first.
pub(super) fn parents(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(host.split_once('.').map(|(_, parent)| parent), |host| {
        host.split_once('.').map(|(_, parent)| parent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_every_depth_but_not_its_own_host() {
        let below = HostPattern::Below("example.com".to_owned());
        for host in ["a.example.com", "b.a.example.com"] {
            assert!(below.covers(host), "{host}");
        }
        for host in ["example.com", "notexample.com", "example.com.evil.test", ""] {
            assert!(!below.covers(host), "{host}");
        }
    }
}
