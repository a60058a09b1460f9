//! Why Redis gave no answer that is of use, in words for an operator and without secrets.

use super::address::Server;
use super::request::{How, Request};
use crate::store::{OutageKind, StoreError};
use redis::{ErrorKind, RedisError, ServerErrorKind};
use std::error::Error;

/// What went wrong with a request.
///
/// Cloned to all who waited for one connection, hence not the crate's error. Nor are the crate's
/// words shown as they are: a server may repeat a password in them.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// The key is on its way to that server, which has it already; nothing was done.
    Asked(Server),
    /// It answered with something that a store would not have written.
    Corrupt(String),
    /// It cannot be used by the address that it is given, which does not pass by itself.
    Denied(String),
    /// It is cut off from the others of its cluster, or some of them are lost.
    CutOff,
    /// The connection broke, perhaps long ago.
    Lost(String),
    /// That server has the key; nothing was done.
    Moved(Server),
    /// Some of the keys are on their way to another server; nothing was done.
    OnTheWay,
    /// It has not read its data yet.
    Loading,
    /// It is a replica, which takes no writes; nothing was done.
    ReadOnly,
    /// The server answered that it does not want to.
    Refused(String),
    /// No answer came in time.
    Silent,
    /// It was done, but not so many replicas have it as should.
    Unreplicated { have_it: u16, replicas: u16 },
    /// It says nothing while it is connected to; nothing was sent.
    Unreached,
    /// It cannot serve as a store.
    Unsuitable(String),
    /// It takes no writes: why, in a word and in words.
    Unwritable(&'static str, &'static str),
}

impl Fault {
    /// Whether the connection is of no more use.
    pub(super) fn ends_connection(&self) -> bool {
        match self {
            Self::Lost(_) | Self::Silent => true,
            Self::Asked(_)
            | Self::Corrupt(_)
            | Self::CutOff
            | Self::Denied(_)
            | Self::Loading
            | Self::Moved(_)
            | Self::OnTheWay
            | Self::ReadOnly
            | Self::Refused(_)
            | Self::Unreached
            | Self::Unreplicated { .. }
            | Self::Unsuitable(_)
            | Self::Unwritable(..) => false,
        }
    }

    /// Whether another server may be the primary by now.
    pub(super) fn doubts_primary(&self) -> bool {
        matches!(
            self,
            Self::CutOff | Self::Lost(_) | Self::ReadOnly | Self::Silent | Self::Unreached
        )
    }

    /// Whether another server may be asked for the same then. A write that was not answered may still
    /// be done, late, and after what undoes its second copy.
    pub(super) fn allows_again(&self, request: &Request<'_>, how: How) -> bool {
        match self {
            Self::ReadOnly => true,
            Self::Silent => how.may_repeat && request.is_read(),
            _ => how.may_repeat,
        }
    }

    /// The same of a connection that could not be made.
    pub(super) fn unsent(self) -> Self {
        match self {
            Self::Silent => Self::Unreached,
            fault => fault,
        }
    }

    /// In which way the store cannot be used then.
    fn kind(&self) -> OutageKind {
        match self {
            Self::CutOff | Self::Loading | Self::Lost(_) => OutageKind::Gone,
            Self::ReadOnly => OutageKind::Unwritable("replica"),
            Self::Silent | Self::Unreached => OutageKind::Silent,
            Self::Unreplicated { .. } => OutageKind::Unwritable("replicas"),
            Self::Unwritable(reason, _) => OutageKind::Unwritable(reason),
            Self::Asked(_)
            | Self::Corrupt(_)
            | Self::Denied(_)
            | Self::Moved(_)
            | Self::OnTheWay
            | Self::Refused(_)
            | Self::Unsuitable(_) => OutageKind::Refused,
        }
    }

    /// Whether it is known not to pass by itself. The name of a server that has answered before may be gone for a
    /// moment, as where it is started anew.
    fn lasts(&self, has_answered: bool) -> bool {
        match self {
            Self::Denied(_) => true,
            Self::Lost(why) if !has_answered => {
                UNKNOWN_NAME.iter().any(|words| why.contains(words))
            }
            _ => false,
        }
    }

    /// Tells which server it was.
    pub(super) fn in_place(self, place: &str) -> Failure {
        Failure { fault: self, place: place.to_owned() }
    }
}

/// A fault, and the server that it was.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    place: String,
}

impl Failure {
    /// The same of a store that has answered before, or never has.
    pub(super) fn of_store(self, has_answered: bool) -> StoreError {
        let (kind, lasts) = (self.fault.kind(), self.fault.lasts(has_answered));
        let why = match self.fault {
            Fault::Corrupt(problem) => return StoreError::Corrupt { what: "record", problem },
            Fault::Unsuitable(why) => return StoreError::Unsuitable(why),
            Fault::Denied(why) | Fault::Lost(why) | Fault::Refused(why) => why,
            Fault::Asked(_) | Fault::Moved(_) => OF_CLUSTER.to_owned(),
            Fault::CutOff => "its cluster is down: not all of its slots have a primary".to_owned(),
            Fault::OnTheWay => "its keys are on their way to another server".to_owned(),
            Fault::Loading => "it is still loading its data".to_owned(),
            Fault::ReadOnly => "it is a replica, which takes no writes".to_owned(),
            Fault::Silent | Fault::Unreached => "no answer in time".to_owned(),
            Fault::Unreplicated { have_it, replicas } => {
                format!(
                    "{have_it} replicas have what was written, and store.replicas is {replicas}"
                )
            }
            Fault::Unwritable(_, why) => why.to_owned(),
        };
        let out = if lasts { StoreError::lasting } else { StoreError::out };
        out(kind, format!("Redis at {}: {why}", self.place))
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        failure.of_store(true)
    }
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        if let Some((code, details)) = server_error(&error) {
            return redirected(&code, &details).unwrap_or_else(|| said(&code, &details));
        }
        match error.kind() {
            ErrorKind::AuthenticationFailed => Self::Denied(BAD_PASSWORD.to_owned()),
            ErrorKind::Server(ServerErrorKind::ResponseError)
                if error.to_string().contains("refused to switch database") =>
            {
                Self::Denied(NO_DATABASE.to_owned())
            }
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
                Self::Corrupt("the answer is not of the expected kind".to_owned())
            }
            _ if error.is_timeout() => Self::Silent,
            ErrorKind::Io => Self::Lost(innermost(&error)),
            kind => Self::Refused(format!("{kind:?}")),
        }
    }
}

/// What is wrong with a node of a cluster that is named as a server alone.
pub(super) const OF_CLUSTER: &str =
    "it is a node of a Redis Cluster: write redis+cluster:// in its address";

/// What the systems say of a name that leads nowhere; the error has no kind for it. One that cannot be told
/// at present is told by other words.
const UNKNOWN_NAME: [&str; 3] =
    ["Name or service not known", "No address associated with hostname", "Name does not resolve"];

const NO_DATABASE: &str =
    "it has no database of the number in its address, or does not let it be chosen";

const BAD_PASSWORD: &str = "the user or the password in its address is wrong";

/// The code and the details of what the server said; of its first complaint, if there are many.
fn server_error(error: &RedisError) -> Option<(String, String)> {
    let errors = error.clone().into_server_errors()?;
    let (_, first) = errors.first()?;
    Some((first.code().to_owned(), first.details().unwrap_or_default().to_owned()))
}

/// Where the server sends the request: `MOVED 3999 127.0.0.1:6381`.
fn redirected(code: &str, details: &str) -> Option<Fault> {
    let (_, place) = details.split_once(' ')?;
    let (host, port) = place.trim().rsplit_once(':')?;
    let server = Server { host: host.to_owned(), port: port.parse().ok()? };
    match code {
        "ASK" => Some(Fault::Asked(server)),
        "MOVED" => Some(Fault::Moved(server)),
        _ => None,
    }
}

fn said(code: &str, details: &str) -> Fault {
    // Redis 6.2 hides the code of what failed in a script among the details.
    let is = |wanted: &str| code == wanted || (code == "ERR" && details.contains(wanted));
    if is("WRONGTYPE") {
        return Fault::Corrupt("a key holds another type of value".to_owned());
    }
    match code {
        _ if is("READONLY") => return Fault::ReadOnly,
        "TRYAGAIN" => return Fault::OnTheWay,
        "CLUSTERDOWN" => return Fault::CutOff,
        "LOADING" => return Fault::Loading,
        "MISCONF" => {
            let why = "it takes no writes, because it cannot save them to disk";
            return Fault::Unwritable("disk", why);
        }
        "NOREPLICAS" => {
            let why = "it takes no writes, because too few replicas follow it";
            return Fault::Unwritable("replicas", why);
        }
        "NOAUTH" => {
            return Fault::Denied("it wants a password, and its address has none".to_owned());
        }
        "WRONGPASS" => return Fault::Denied(BAD_PASSWORD.to_owned()),
        _ if is("OOM") => return Fault::Unwritable("memory", "its memory is full"),
        _ => {}
    }
    Fault::Refused(match code {
        "NOPERM" => format!("the user in its address may not do this: {details}"),
        "CROSSSLOT" => OF_CLUSTER.to_owned(),
        _ if is("No such master") => "the sentinel knows no primary of that name".to_owned(),
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
        assert!(!format!("{:?}", StoreError::from(error.in_place("h:1"))).contains("hunter2"));
    }

    #[test]
    fn a_name_that_leads_nowhere_does_not_pass_and_one_that_cannot_be_told_may() {
        let lost = |words: &str| Fault::Lost(format!("failed to lookup address: {words}"));
        let unknown = lost("Name or service not known");
        assert!(unknown.lasts(false));
        assert!(!unknown.lasts(true), "its server is started anew");
        assert!(!lost("Temporary failure in name resolution").lasts(false));
        for has_answered in [false, true] {
            assert!(fault("WRONGPASS", "").lasts(has_answered));
            assert!(!fault("BUSY", "").lasts(has_answered));
        }
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
