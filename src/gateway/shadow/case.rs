//! One request and the two verdicts about it: ours, and the app's.

use super::tell::Told;
use crate::api::{Problem, is_grpc};
use crate::model::user::UserId;
use crate::policy::Route;
use http::{HeaderMap, Method, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A request that is judged twice. Whoever judges last has the two compared.
pub(in super::super) struct Case {
    pub(super) method: Method,
    pub(super) path: String,
    /// The route that takes it, if one does: its number, and its host and path.
    pub(super) route: Option<(usize, String)>,
    told: Arc<Told>,
    verdicts: Mutex<Verdicts>,
}

#[derive(Default)]
struct Verdicts {
    /// The status of an answer in gRPC, whose own status follows after it.
    awaits_grpc: Option<u16>,
    ours: Option<Ours>,
    theirs: Option<Theirs>,
}

/// What the gateway would have done.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ours {
    pub user: Option<UserId>,
    pub why: Cow<'static, str>,
    pub would: Would,
}

/// What the gateway would have done, in a word.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Would {
    Pass,
    /// Let it pass, and not tell the app whose good token it has.
    PassUnnamed,
    /// Refuse it with this status.
    Refuse(u16),
    /// Nobody knows: the store could not tell, or not in time.
    Unknown,
}

/// What the app has done: the status of its answer; for gRPC, the one of HTTP that means the same.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Theirs {
    Status(u16),
    /// There was no answer.
    Nothing,
}

/// What comes of comparing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Agree,
    Differ,
    /// The app would not learn who calls, although there is a good token.
    Unnamed,
    /// One of the two says nothing of who may pass.
    Unknown,
}

impl Case {
    pub(super) fn new(
        request: &RequestHeader,
        route: Option<&Arc<Route>>,
        told: Arc<Told>,
    ) -> Self {
        let words = |route: &Arc<Route>| (route.number, format!("{}{}", route.host, route.path));
        Self {
            method: request.method.clone(),
            path: request.uri.path().to_owned(),
            route: route.map(words),
            told,
            verdicts: Mutex::default(),
        }
    }

    /// Takes in what the gateway would have done.
    pub(super) fn judge(&self, ours: Ours) {
        let mut verdicts = self.lock();
        if let Some(theirs) = verdicts.theirs {
            self.told.tell(self, &ours, theirs);
        }
        verdicts.ours = Some(ours);
    }

    /// Takes in the head of the app's answer.
    pub(in super::super) fn hear(&self, answer: &ResponseHeader) {
        let is_interim = answer.status.is_informational();
        if is_interim && answer.status != StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        let status = answer.status.as_u16();
        let of_grpc = grpc_status(&answer.headers);
        if of_grpc.is_none() && answer.status == StatusCode::OK && is_grpc(&answer.headers) {
            self.lock().awaits_grpc = Some(status);
        } else {
            self.decide(Theirs::Status(of_grpc.unwrap_or(status)));
        }
    }

    /// Takes in what follows the app's answer.
    pub(in super::super) fn hear_trailers(&self, trailers: &HeaderMap) {
        let awaited = self.lock().awaits_grpc.is_some();
        if let (true, Some(status)) = (awaited, grpc_status(trailers)) {
            self.decide(Theirs::Status(status));
        }
    }

    /// Takes in that nothing more will come of the app.
    pub(in super::super) fn close(&self) {
        let awaited = self.lock().awaits_grpc;
        self.decide(awaited.map_or(Theirs::Nothing, Theirs::Status));
    }

    /// What the gateway would have done, and what came of the comparison, for the log of requests.
    pub(in super::super) fn summary(&self) -> (String, &'static str) {
        let verdicts = self.lock();
        let would = verdicts.ours.as_ref().map_or(Would::Unknown, |ours| ours.would);
        let outcome = verdicts.theirs.map_or(Outcome::Unknown, |theirs| would.compare(theirs));
        (would.label(), outcome.label())
    }

    fn decide(&self, theirs: Theirs) {
        let mut verdicts = self.lock();
        // The first one is what the client gets.
        if verdicts.theirs.is_some() {
            return;
        }
        verdicts.theirs = Some(theirs);
        if let Some(ours) = &verdicts.ours {
            self.told.tell(self, ours, theirs);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Verdicts> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ours {
    pub(super) fn passed() -> Self {
        Self { user: None, why: Cow::Borrowed("it may pass"), would: Would::Pass }
    }

    pub(super) fn passed_unnamed() -> Self {
        let why =
            Cow::Borrowed("the app would not learn whose good token it is: the route is public");
        Self { user: None, why, would: Would::PassUnnamed }
    }

    pub(super) fn unknown(why: &'static str) -> Self {
        Self { user: None, why: Cow::Borrowed(why), would: Would::Unknown }
    }

    /// A request that is refused so. What is a fault of ours is no verdict.
    pub(super) fn refused(problem: &Problem) -> Self {
        let status = problem.response("").status();
        let would = if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
            Would::Unknown
        } else {
            Would::Refuse(status.as_u16())
        };
        Self { user: None, why: Cow::Owned(problem.words()), would }
    }

    /// The same, with what was seen of its token.
    pub(super) fn seen(self, user: Option<UserId>, flaw: Option<&'static str>) -> Self {
        let is_refused = matches!(self.would, Would::Refuse(_));
        let why = flaw.filter(|_| is_refused).map_or(self.why, Cow::Borrowed);
        Self { user, why, ..self }
    }
}

impl Would {
    /// The app refuses by 401 or 403; any other answer but a failure is one for someone who may ask.
    pub(super) fn compare(self, theirs: Theirs) -> Outcome {
        let is_same = match (self, theirs) {
            (Self::Unknown, _) | (_, Theirs::Nothing | Theirs::Status(500..)) => {
                return Outcome::Unknown;
            }
            (Self::PassUnnamed, Theirs::Status(status)) if ![401, 403].contains(&status) => {
                return Outcome::Unnamed;
            }
            (Self::Pass | Self::PassUnnamed, Theirs::Status(status)) => {
                ![401, 403].contains(&status)
            }
            (Self::Refuse(own), Theirs::Status(status)) => own == status,
        };
        if is_same { Outcome::Agree } else { Outcome::Differ }
    }

    pub(super) fn label(self) -> String {
        match self {
            Self::Pass => "pass".to_owned(),
            Self::PassUnnamed => "pass_unnamed".to_owned(),
            Self::Refuse(status) => status.to_string(),
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

impl Theirs {
    /// The status; 0 where there was no answer.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Status(status) => status,
            Self::Nothing => 0,
        }
    }

    /// Those that differ for us by themselves, the others by their class.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Status(401) => "401",
            Self::Status(403) => "403",
            Self::Status(404) => "404",
            Self::Status(..200) => "1xx",
            Self::Status(200..300) => "2xx",
            Self::Status(300..400) => "3xx",
            Self::Status(400..500) => "4xx",
            Self::Status(500..) => "5xx",
            Self::Nothing => "none",
        }
    }
}

impl Outcome {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Differ => "differ",
            Self::Unnamed => "unnamed",
            Self::Unknown => "unknown",
        }
    }
}

/// The status of HTTP that means the same as one of gRPC, as far as it is about who may ask.
fn grpc_status(headers: &HeaderMap) -> Option<u16> {
    let status = headers.get("grpc-status")?;
    Some(match status.as_bytes() {
        b"16" => 401,
        b"7" => 403,
        // UNKNOWN, UNIMPLEMENTED, INTERNAL, UNAVAILABLE and DATA_LOSS: failures.
        b"2" | b"12" | b"13" | b"14" | b"15" => 500,
        _ => 200,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_differ_where_clients_would_notice() {
        use Outcome::{Agree, Differ, Unknown, Unnamed};
        let compared = |would: Would| {
            [200, 302, 401, 403, 404, 429, 500].map(|status| would.compare(Theirs::Status(status)))
        };
        let passed = [Agree, Agree, Differ, Differ, Agree, Agree, Unknown];
        assert_eq!(compared(Would::Pass), passed);
        let refused = [Differ, Differ, Agree, Differ, Differ, Differ, Unknown];
        assert_eq!(compared(Would::Refuse(401)), refused);
        let unnamed = [Unnamed, Unnamed, Differ, Differ, Unnamed, Unnamed, Unknown];
        assert_eq!(compared(Would::PassUnnamed), unnamed);
        let not_found = [Differ, Differ, Differ, Differ, Agree, Differ, Unknown];
        assert_eq!(compared(Would::Refuse(404)), not_found);
        assert_eq!(compared(Would::Unknown), [Unknown; 7]);
        assert_eq!(Would::Pass.compare(Theirs::Nothing), Unknown);
    }
}
