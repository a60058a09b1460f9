//! The time zone of moments that do not say theirs.

use jiff::tz::TimeZone;
use std::str::FromStr;

/// A time zone of a source.
#[derive(Clone, Debug, Default)]
pub enum Zone {
    /// One with a name.
    Named(TimeZone),
    /// Nobody has said which: UTC, in which Django keeps moments with `USE_TZ`.
    #[default]
    Unknown,
}

impl Zone {
    pub(super) fn to_jiff(&self) -> TimeZone {
        match self {
            Self::Named(zone) => zone.clone(),
            Self::Unknown => TimeZone::UTC,
        }
    }
}

/// There is no such time zone.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is not a time zone such as Europe/Berlin")]
pub struct NotAZone;

impl FromStr for Zone {
    type Err = NotAZone;

    fn from_str(name: &str) -> Result<Self, NotAZone> {
        TimeZone::get(name).map(Self::Named).map_err(|_| NotAZone)
    }
}
