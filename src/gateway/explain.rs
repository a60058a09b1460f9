//! Tells what the gateway would do with a request: it is judged and written by the very functions
//! that serve requests, but goes nowhere.

use super::Gateway;
use super::client::{Client, ServerName};
use super::console::Face;
use super::cors;
use super::judge::{Arrival, Destination, Judge, Pass, Witness, question, question_to_come};
use super::live::{Live, Settings};
use super::outgoing::Told;
use super::reply;
use crate::api::Problem;
use crate::auth::Auth;
use crate::model::identity::Identity;
use crate::policy::{Cors, Question, Route, Verdict};
use http::{HeaderMap, Method, Response, header};
use pingora::http::RequestHeader;
use std::net::IpAddr;
use std::sync::Arc;

/// A request that nobody has sent.
pub struct Inquiry {
    /// The name by which the server would be called in the TLS handshake, if by any.
    pub called: Option<ServerName>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Whether it would come over TLS.
    pub is_secure: bool,
    /// Its method.
    pub method: Method,
    /// The address that it would come from.
    pub peer: IpAddr,
    /// Its target: a path and a query.
    pub target: String,
}

/// Who says who sends it.
pub enum Sender<'a> {
    /// Its `Authorization` header, by the accounts.
    Accounts(&'a Auth),
    /// Nobody: it has no credentials.
    Nobody,
    /// An operator: as if it had a good token of this user, or of one who is locked out.
    Stated(Option<&'a Identity>),
}

/// What the gateway would do with a request.
pub struct Explanation {
    /// Who sends it, as far as its route wants to know.
    pub caller: Option<Identity>,
    /// Each route whose path it is at or below, in the order of matching, and why it takes it or not.
    pub considered: Vec<(Arc<Route>, String)>,
    /// What comes of it.
    pub outcome: Outcome,
    /// The route that takes it.
    pub route: Option<Arc<Route>>,
}

/// What comes of a request.
pub enum Outcome {
    /// The gateway answers it.
    Answered(Response<Vec<u8>>),
    /// The console answers it.
    Console,
    /// The gateway answers it, after it has read its body and asked the accounts.
    Endpoint,
    /// An app gets it.
    Forwarded(Forwarded),
}

/// A request as an app gets it.
pub struct Forwarded {
    /// Its headers; those of the connection are the proxy's.
    pub headers: HeaderMap,
    /// The method.
    pub method: Method,
    /// The path and query.
    pub target: String,
    /// The place of the upstream in the settings.
    pub upstream: usize,
}

/// Tells what a gateway with these settings would do with a request. Fails if it is none.
pub async fn explain(
    settings: Settings,
    inquiry: Inquiry,
    sender: Sender<'_>,
) -> pingora::Result<Explanation> {
    explain_by(&Live::new(settings, None), inquiry, sender).await
}

impl Gateway {
    /// Tells what this gateway would do with a request at this moment. Fails if it is none.
    pub async fn explain(
        &self,
        inquiry: Inquiry,
        sender: Sender<'_>,
    ) -> pingora::Result<Explanation> {
        explain_by(&self.live.load_full(), inquiry, sender).await
    }
}

async fn explain_by(
    live: &Live,
    inquiry: Inquiry,
    sender: Sender<'_>,
) -> pingora::Result<Explanation> {
    let Inquiry { called, headers, is_secure, method, peer, target } = inquiry;
    let mut request = RequestHeader::build_no_case(method, target.as_bytes(), None)?;
    for (name, value) in &headers {
        request.append_header(name, value)?;
    }
    let witness = match sender {
        Sender::Accounts(auth) => Witness::Accounts(auth, peer),
        Sender::Nobody => Witness::Operator(None),
        Sender::Stated(user) => {
            let credentials = format!("{} stated-by-the-operator", live.settings.scheme);
            request.insert_header(header::AUTHORIZATION, credentials)?;
            Witness::Operator(user)
        }
    };
    let mut explained = Explained { caller: None, considered: Vec::new(), route: None };
    let judge = Judge { face: Face::Public, live, witness };
    let client = Client::behind(peer, &request, &live.settings.trusted_proxies);
    let client = client.over_tls(is_secure);
    let raw = written(&request, &target);
    let arrival = Arrival { called: called.as_ref(), client: &client, raw: &raw };
    let outcome = explained.follow(judge, &request, &arrival).await;
    let cors = explained.route.as_ref().and_then(|route| route.cors.as_ref());
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(Stop::Fault(error)) => return Err(error),
        Err(Stop::Refused(problem)) => refused(&problem, live, cors, &request),
    };
    let Explained { caller, considered, route } = explained;
    Ok(Explanation { caller, considered, outcome, route })
}

/// The head of a request as it would arrive.
fn written(request: &RequestHeader, target: &str) -> Vec<u8> {
    let mut head = format!("{} {target} HTTP/1.1\r\n", request.method).into_bytes();
    for (name, value) in &request.headers {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn refused(
    problem: &Problem,
    live: &Live,
    cors: Option<&Cors>,
    request: &RequestHeader,
) -> Outcome {
    let mut response = reply::refusal(problem, request, &live.settings.scheme);
    if let Some(cors) = cors {
        cors::describe(cors, &request.headers, response.headers_mut());
    }
    Outcome::Answered(response)
}

/// What has become clear on the way.
struct Explained {
    caller: Option<Identity>,
    considered: Vec<(Arc<Route>, String)>,
    route: Option<Arc<Route>>,
}

/// Why a request goes no further.
enum Stop {
    Fault(Box<pingora::Error>),
    Refused(Problem),
}

impl From<Box<pingora::Error>> for Stop {
    fn from(error: Box<pingora::Error>) -> Self {
        Self::Fault(error)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl Explained {
    async fn follow(
        &mut self,
        judge: Judge<'_>,
        request: &RequestHeader,
        arrival: &Arrival<'_>,
    ) -> Result<Outcome, Stop> {
        let live = judge.live;
        let client = arrival.client;
        let head = judge.read(request, arrival)?;
        self.consider(live, &question(request, &head));
        let route = match judge.locate(request, &head)? {
            Destination::Console => return Ok(Outcome::Console),
            Destination::Endpoint(_) => return Ok(Outcome::Endpoint),
            Destination::Preflight(preflight, cors) => {
                if let Some(method) = preflight.method() {
                    self.consider(live, &question_to_come(preflight, &method, request, &head));
                }
                return Ok(Outcome::Answered(preflight.answer(cors)));
            }
            Destination::Route(route) => route,
        };
        self.route = Some(Arc::clone(route));
        self.caller = judge.caller(request, route).await?;
        let Pass { permit, target } = Judge::permit(request, &head, route, self.caller.clone())?;
        let mut outgoing = request.clone();
        head.make_canonical(&mut outgoing)?;
        let id = client.request_id(request);
        Told::of(&permit, client, live, request, &id).write(&mut outgoing, target.as_deref())?;
        let target = String::from_utf8_lossy(outgoing.raw_path()).into_owned();
        let (headers, method) = (outgoing.headers.clone(), outgoing.method.clone());
        let upstream = permit.upstream();
        Ok(Outcome::Forwarded(Forwarded { headers, method, target, upstream }))
    }
}

impl Explained {
    fn consider(&mut self, live: &Live, question: &Question<'_>) {
        let considered = live.settings.routes.consider(question).into_iter();
        let told = considered.map(|(route, verdict)| (Arc::clone(route), say(verdict)));
        self.considered = told.collect();
    }
}

fn say(verdict: Verdict<'_>) -> String {
    match verdict {
        Verdict::LacksHeader(name) => format!("the request has no header {name}"),
        Verdict::OtherHost => "it is for another host".to_owned(),
        Verdict::OtherMethod => "it is for other methods".to_owned(),
        Verdict::Taken => "takes the request".to_owned(),
        Verdict::TooLate => "would fit, but another comes first".to_owned(),
    }
}
