//! Where a request leads and whether it may pass: the one judgement, of the proxy as it serves and
//! of `authgate explain`.

use super::client::{Client, ServerName};
use super::console::Face;
use super::cors::Preflight;
use super::guard;
use super::head::Head;
use super::live::Live;
use super::reply;
use crate::api::{Credentials, Endpoint, Problem};
use crate::auth::{Auth, AuthError, Observed};
use crate::model::identity::Identity;
use crate::model::limit::{Standing, Subject};
use crate::model::network::{Network, Treatment};
use crate::model::token::Token;
use crate::model::user::UserId;
use crate::policy::{self, Access, Cors, Permit, Question, RateBy, Route};
use http::{HeaderValue, Method, header};
use pingora::http::RequestHeader;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

/// Judges requests by the settings at work.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub face: Face,
    pub live: &'a Live,
    pub witness: Witness<'a>,
}

/// Who knows whose a token is.
#[derive(Clone, Copy)]
pub(super) enum Witness<'a> {
    /// The accounts, for a client at this address.
    Accounts(&'a Auth, IpAddr),
    /// The accounts, which are only looked at: what was seen is noted.
    Observer(&'a Auth, &'a OnceLock<Sighting>),
    /// An operator, who asks what would be if it were a good one of this user; of one who is locked
    /// out, if it is `None`.
    Operator(Option<&'a Identity>),
}

/// What was seen of a token that was only looked at: what is wrong with it, and whose it is.
#[derive(Default)]
pub(super) struct Sighting {
    pub flaw: Option<&'static str>,
    pub user: Option<UserId>,
}

/// What is known of a request beside what its head says.
pub(super) struct Arrival<'a> {
    /// The name by which the server was called in the TLS handshake.
    pub called: Option<&'a ServerName>,
    pub client: &'a Client,
    /// The head as it arrived; empty over HTTP/2.
    pub raw: &'a [u8],
}

/// Where a request leads.
pub(super) enum Destination<'a> {
    /// To the console.
    Console,
    /// To one of the endpoints.
    Endpoint(Endpoint),
    /// Nowhere: a browser asks whether it may send another one.
    Preflight(Preflight<'a>, &'a Cors),
    /// To what this route leads to, if its policy permits.
    Route(&'a Arc<Route>),
}

/// A request that may pass.
pub(super) struct Pass {
    pub permit: Permit,
    /// The path and query that the app gets, where they are not those that were asked for.
    pub target: Option<String>,
}

impl<'a> Judge<'a> {
    /// Reads the head of a request, or says why it goes no further.
    pub(super) fn read(
        self,
        request: &RequestHeader,
        arrival: &Arrival<'_>,
    ) -> Result<Head, Problem> {
        let most = self.live.settings.max_head;
        if arrival.raw.len() > most {
            return Err(Problem::HeadTooLarge(most));
        }
        let head = Head::read(request, arrival.raw)?;
        if self.treatment(arrival.client.address) == Treatment::Denied {
            return Err(Problem::Forbidden);
        }
        if arrival.client.is_misdirected(arrival.called, &head.host) {
            return Err(Problem::Misdirected);
        }
        Ok(head)
    }

    /// How a client is treated for where it comes from: operators may have decided since the settings
    /// were read.
    fn treatment(self, address: IpAddr) -> Treatment {
        match self.witness {
            Witness::Accounts(auth, _) | Witness::Observer(auth, _) => auth.treatment(address),
            Witness::Operator(_) => self.live.settings.exceptions.treatment(address),
        }
    }

    /// Finds out where a request leads.
    pub(super) fn locate(
        self,
        request: &'a RequestHeader,
        head: &Head,
    ) -> Result<Destination<'a>, Problem> {
        let settings = &self.live.settings;
        match &settings.console {
            Some(mount) if mount.takes(self.face, head.path.as_str()) => {
                return Ok(Destination::Console);
            }
            Some(mount) if mount.is_mistakable_for(self.face, head.path.as_str()) => {
                return Err(Problem::NotFound);
            }
            // Where the console is to be alone nothing else is, even if it is off.
            Some(_) | None if self.face == Face::Console => return Err(Problem::NotFound),
            Some(_) | None => {}
        }
        let preflight = Preflight::of(request);
        if let Some(endpoint) = settings.endpoints.at(head.path.as_str()) {
            return Ok(match (preflight, &settings.cors) {
                (Some(preflight), Some(cors)) => Destination::Preflight(preflight, cors),
                (Some(_) | None, _) => Destination::Endpoint(endpoint),
            });
        }
        // It would show the client what was added for the app.
        if request.method == Method::TRACE {
            return Err(Problem::MethodNotAllowed(Method::TRACE));
        }
        let asked = preflight.and_then(|preflight| self.asked_before(preflight, request, head));
        if let Some(destination) = asked {
            return Ok(destination);
        }
        let route = settings.routes.find(&question(request, head)).ok_or(Problem::NotFound)?;
        Ok(Destination::Route(route))
    }

    /// A preflight leads where the request to come would, if browsers are told anything there.
    fn asked_before(
        self,
        preflight: Preflight<'a>,
        request: &RequestHeader,
        head: &Head,
    ) -> Option<Destination<'a>> {
        let method = preflight.method()?;
        let question = question_to_come(preflight, &method, request, head);
        let cors = self.live.settings.routes.find(&question)?.cors.as_ref()?;
        Some(Destination::Preflight(preflight, cors))
    }

    /// Finds out who sends a request, as far as a route wants to know.
    pub(super) async fn caller(
        self,
        request: &RequestHeader,
        route: &Route,
    ) -> Result<Option<Identity>, Problem> {
        // Policy first: a public route asks nobody, so it cannot refuse anybody's credentials either.
        match route.access {
            Access::Public | Access::Nobody => Ok(None),
            Access::Optional => self.identify_if_good(request).await,
            Access::User | Access::Staff => self.identify(request).await,
        }
    }

    /// Lets a request pass, or not.
    pub(super) fn permit(
        request: &RequestHeader,
        head: &Head,
        route: &Arc<Route>,
        caller: Option<Identity>,
    ) -> Result<Pass, Problem> {
        let permit = policy::decide(route, caller)?;
        let too_large =
            |most: &usize| reply::content_length(request).is_some_and(|length| length > *most);
        if let Some(most) = route.max_body.filter(too_large) {
            return Err(Problem::TooLarge(most));
        }
        let path = route.rewriting.apply(&head.path)?;
        Ok(Pass { permit, target: path.map(|path| head.target(&path)) })
    }

    /// Counts a request with those of its sender, if its route has a rate, and says how that stands.
    pub(super) async fn count(
        self,
        request: &RequestHeader,
        route: &Route,
        caller: Option<&Identity>,
    ) -> Result<Option<Standing>, Problem> {
        let (Some(class), Witness::Accounts(auth, from)) = (&route.rate, self.witness) else {
            return Ok(None);
        };
        let subject = self.subject(request, class.by, caller, from)?;
        Ok(auth.count_request(&class.name, class.quota, subject, from).await?)
    }

    /// Whose requests a request is counted with.
    fn subject(
        self,
        request: &RequestHeader,
        by: RateBy,
        caller: Option<&Identity>,
        from: IpAddr,
    ) -> Result<Subject, Problem> {
        let network = Subject::Network(Network::of(from));
        Ok(match (by, caller) {
            (RateBy::Address, _) | (RateBy::Token | RateBy::User, None) => network,
            (RateBy::User, Some(caller)) => Subject::User(caller.user),
            (RateBy::Token, Some(_)) => match self.credentials(request)? {
                Credentials::Token(token) => Subject::Token(token.digest().head()),
                Credentials::Foreign | Credentials::None => network,
            },
        })
    }

    /// Who calls, by their credentials alone.
    pub(super) async fn identify(
        self,
        request: &RequestHeader,
    ) -> Result<Option<Identity>, Problem> {
        match self.credentials(request)? {
            Credentials::Foreign | Credentials::None => Ok(None),
            Credentials::Token(token) => Ok(Some(self.witness.identify(&token).await?)),
        }
    }

    /// Who calls, if they say so with a good token. A store that cannot tell is still a fault.
    pub(super) async fn identify_if_good(
        self,
        request: &RequestHeader,
    ) -> Result<Option<Identity>, Problem> {
        let Ok(Credentials::Token(token)) = self.credentials(request) else { return Ok(None) };
        match self.witness.identify(&token).await {
            Ok(identity) => Ok(Some(identity)),
            Err(AuthError::InactiveUser | AuthError::InvalidToken | AuthError::Throttled(_)) => {
                Ok(None)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    fn credentials(self, request: &RequestHeader) -> Result<Credentials, Problem> {
        credentials(request, &self.live.settings.scheme)
    }
}

impl Witness<'_> {
    async fn identify(self, token: &Token) -> Result<Identity, AuthError> {
        match self {
            Self::Accounts(auth, from) => {
                let (identity, held) = auth.identify(token, from).await?;
                guard::ends_with(held, identity.lasts);
                Ok(identity)
            }
            Self::Observer(auth, seen) => {
                let Observed { identity, user, flaw } = auth.observe(token).await?;
                // There is one token in a request.
                let _ = seen.set(Sighting { flaw, user });
                identity
            }
            Self::Operator(user) => user.cloned().ok_or(AuthError::InactiveUser),
        }
    }
}

/// What a request says of who sends it.
pub(super) fn credentials(request: &RequestHeader, scheme: &str) -> Result<Credentials, Problem> {
    let value = request.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    Credentials::parse(value, scheme)
}

/// What decides which route a request takes.
pub(super) fn question<'a>(request: &'a RequestHeader, head: &'a Head) -> Question<'a> {
    Question {
        announced: None,
        headers: &request.headers,
        host: &head.host,
        method: &request.method,
        path: &head.path,
    }
}

/// What decides which route the request takes that a preflight asks about.
pub(super) fn question_to_come<'a>(
    preflight: Preflight<'a>,
    method: &'a Method,
    request: &'a RequestHeader,
    head: &'a Head,
) -> Question<'a> {
    Question { announced: preflight.headers, method, ..question(request, head) }
}
