//! What was counted in each minute, for the charts.

use crate::clock::Timestamp;

/// Something that is counted over time.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Series {
    /// Logins that failed.
    LoginsFailed,
    /// Logins that succeeded.
    LoginsOk,
    /// Requests that were answered with a status of this class, 2 to 5: all but those below.
    Requests(u8),
    /// Requests that were answered with 401.
    Unauthorized,
    /// Requests that were answered with 403.
    Forbidden,
    /// Requests that were answered with 429.
    Throttled,
}

/// How often something happened in a minute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Count {
    /// The beginning of the minute.
    pub minute: Timestamp,
    /// How often.
    pub number: u64,
    /// What.
    pub series: Series,
}

impl Series {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::LoginsFailed,
        Self::LoginsOk,
        Self::Requests(2),
        Self::Requests(3),
        Self::Requests(4),
        Self::Requests(5),
        Self::Unauthorized,
        Self::Forbidden,
        Self::Throttled,
    ];

    /// What stores call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LoginsFailed => "logins_failed",
            Self::LoginsOk => "logins_ok",
            Self::Requests(2) => "requests_2xx",
            Self::Requests(3) => "requests_3xx",
            Self::Requests(4) => "requests_4xx",
            Self::Requests(_) => "requests_5xx",
            Self::Unauthorized => "requests_401",
            Self::Forbidden => "requests_403",
            Self::Throttled => "requests_429",
        }
    }

    /// The series of that name.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|series| series.as_str() == name)
    }
}
