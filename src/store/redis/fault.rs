//! Why Redis gave no answer that is of use, in words for an operator and without secrets.

use crate::store::StoreError;
use redis::{ErrorKind, RedisError};
use std::error::Error;

/// What went wrong with a request.
///
/// Cloned to all who waited for one connection, hence not the crate's error. Nor are the crate's
/// words shown as they are: a server may repeat a password in them.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// It answered with something that a store would not have written.
    Corrupt(String),
    /// The connection broke, perhaps long ago.
    Lost(String),
    /// The server answered that it does not want to.
    Refused(String),
    /// No answer came in time.
    Silent,
    /// It cannot serve as a store.
    Unsuitable(String),
}

impl Fault {
    /// Whether the connection is of no more use.
    pub(super) fn ends_connection(&self) -> bool {
        match self {
            Self::Lost(_) | Self::Silent => true,
            Self::Corrupt(_) | Self::Refused(_) | Self::Unsuitable(_) => false,
        }
    }

    /// The store's error, telling which server it was.
    pub(super) fn at(self, place: &str) -> StoreError {
        match self {
            Self::Corrupt(problem) => StoreError::Corrupt { what: "record", problem },
            Self::Lost(why) | Self::Refused(why) => {
                StoreError::unavailable(format!("Redis at {place}: {why}"))
            }
            Self::Silent => StoreError::unavailable(format!("Redis at {place}: no answer in time")),
            Self::Unsuitable(why) => StoreError::Unsuitable(why),
        }
    }
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        if let Some((code, details)) = server_error(&error) {
            return said(&code, &details);
        }
        match error.kind() {
            ErrorKind::AuthenticationFailed => Self::Refused(BAD_PASSWORD.to_owned()),
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
                Self::Corrupt("the answer is not of the expected kind".to_owned())
            }
            _ if error.is_timeout() => Self::Silent,
            ErrorKind::Io => Self::Lost(innermost(&error)),
            kind => Self::Refused(format!("{kind:?}")),
        }
    }
}

const BAD_PASSWORD: &str = "the user or the password in its address is wrong";

/// The code and the details of what the server said; of its first complaint, if there are many.
fn server_error(error: &RedisError) -> Option<(String, String)> {
    let errors = error.clone().into_server_errors()?;
    let (_, first) = errors.first()?;
    Some((first.code().to_owned(), first.details().unwrap_or_default().to_owned()))
}

fn said(code: &str, details: &str) -> Fault {
    // Redis 6.2 hides the code of what failed in a script among the details.
    let is = |wanted: &str| code == wanted || (code == "ERR" && details.contains(wanted));
    if is("WRONGTYPE") {
        return Fault::Corrupt("a key holds another type of value".to_owned());
    }
    Fault::Refused(match code {
        "NOAUTH" => "it wants a password, and its address has none".to_owned(),
        "WRONGPASS" => BAD_PASSWORD.to_owned(),
        "NOPERM" => format!("the user in its address may not do this: {details}"),
        "LOADING" => "it is still loading its data".to_owned(),
        "READONLY" => "it is a replica, which takes no writes".to_owned(),
        "MISCONF" => "it takes no writes, because it cannot save them to disk".to_owned(),
        "MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT" => {
            format!("it is a node of a Redis Cluster, which is not supported ({code})")
        }
        _ if is("OOM") => "its memory is full".to_owned(),
        // The details may repeat what was sent.
        _ => format!("it answered with the error {code}"),
    })
}

fn innermost(error: &RedisError) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::make_extension_error;

    fn fault(code: &str, details: &str) -> Fault {
        make_extension_error(code.to_owned(), Some(details.to_owned())).into()
    }

    #[test]
    fn a_key_of_another_type_is_corrupt() {
        assert!(matches!(fault("WRONGTYPE", "Operation against a key"), Fault::Corrupt(_)));
        assert!(matches!(fault("ERR", "@user_script:1: WRONGTYPE Op"), Fault::Corrupt(_)));
    }

    #[test]
    fn what_the_server_repeats_is_not_shown() {
        let error = fault("ERR", "unknown command `AUTH`, with args beginning with: `hunter2`");
        assert!(!format!("{:?}", error.at("h:1")).contains("hunter2"));
    }

    #[test]
    fn a_refusal_keeps_the_connection() {
        for code in ["OOM", "READONLY", "MISCONF", "LOADING", "NOPERM"] {
            assert!(!fault(code, "").ends_connection(), "{code}");
        }
    }

    #[test]
    fn a_timeout_ends_the_connection() {
        let error = RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        assert!(Fault::from(error).ends_connection());
    }
}
