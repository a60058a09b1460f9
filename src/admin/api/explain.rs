//! What the gateway would do with a request.

use super::operation::{About, Call, Empty, Given, Operation};
use super::reading::field_error;
use super::routes::READ;
use super::values::{Line, Parsed};
use crate::api::Problem;
use crate::auth::{ManageError, Resource, Right};
use crate::gateway::{Explanation, Forwarded, Inquiry, Outcome, RouteWords, Sender};
use crate::model::identity::Identity;
use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// `POST /explain`
pub(super) struct Explain;

/// A request that nobody has sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// GET if it is left out.
    method: Option<Line<1, 50>>,
    /// The path with its query, such as /app?page=2.
    target: Line<1, 8000>,
    /// localhost if it is left out.
    host: Option<Line<1, 255>>,
    /// The address that it comes from; that of this machine if it is left out.
    from: Option<Parsed<IpAddr>>,
    /// It has a good token of this user. A key needs users:read to say so.
    username: Option<Line<1, 150>>,
}

/// What would come of it.
#[derive(JsonSchema, Serialize)]
pub(super) struct Explained {
    /// Each route whose path it is at or below, in the order of matching.
    routes: Vec<Considered>,
    /// Why the caller may pass or not; null where no route takes the request.
    access: Option<String>,
    outcome: What,
    /// The status of the gateway's own answer, if it is known.
    status: Option<u16>,
    /// What an app gets.
    forwarded: Option<Sent>,
}

/// A route that was considered.
#[derive(JsonSchema, Serialize)]
pub(super) struct Considered {
    host: String,
    path: String,
    methods: String,
    access: String,
    is_taken: bool,
    why: String,
}

/// Who answers a request.
#[derive(Clone, Copy, JsonSchema, Serialize)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// The gateway.
    Answered,
    /// The console.
    Console,
    /// An endpoint of the gateway, after it has read the body.
    Endpoint,
    /// An app.
    Forwarded,
}

/// A request as an app gets it.
#[derive(JsonSchema, Serialize)]
pub(super) struct Sent {
    /// The place of the upstream in the settings, from 0.
    upstream: u64,
    method: String,
    target: String,
    /// Names and values. Those that the route sets are not shown.
    headers: Vec<[String; 2]>,
}

#[async_trait]
impl Operation for Explain {
    type Answer = Explained;
    type Body = Asked;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "explain",
        may: &[],
        method: Method::POST,
        path: "/explain",
        right: READ,
        status: StatusCode::OK,
        summary: "Tell what the gateway would do with a request, and why",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<Explained, Problem> {
        let users = Right::Read(Resource::Users);
        if given.body.username.is_some() && !call.caller.key.rights.permit(users) {
            // The answer says who they are, and a refusal that they are not.
            let words = format!("The key does not have the right {users}, which username needs.");
            return Err(Problem::Denied(words));
        }
        let user = match &given.body.username {
            Some(name) => Some(identity(call, &name.0).await?),
            None => None,
        };
        let sender = user.as_ref().map_or(Sender::Nobody, |user| Sender::Stated(user.as_ref()));
        let explained = call.gateway.explain(inquiry(given.body)?, sender).await;
        let explained = explained.map_err(|_| field_error("target", ["This is no target."]))?;
        Ok(tell(&explained))
    }
}

/// The user of that name as a good token of theirs would show them; `None` if they are locked out.
async fn identity(call: &Call<'_>, name: &str) -> Result<Option<Identity>, Problem> {
    let found = call.auth.user_named(name).await.map_err(|error| match error {
        ManageError::NoSuchUser(_) => field_error("username", ["There is no such user."]),
        error => error.into(),
    });
    let user = found?;
    Ok(user.is_active.then(|| Identity::of(&user)))
}

fn inquiry(asked: Asked) -> Result<Inquiry, Problem> {
    let method = asked.method.map_or_else(|| "GET".to_owned(), |method| method.0);
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| field_error("method", ["This is no method."]))?;
    if !asked.target.0.starts_with('/') {
        return Err(field_error("target", ["It begins with a slash."]));
    }
    let host = asked.host.map_or_else(|| "localhost".to_owned(), |host| host.0);
    let host =
        HeaderValue::from_str(&host).map_err(|_| field_error("host", ["This is no host."]))?;
    Ok(Inquiry {
        called: None,
        headers: HeaderMap::from_iter([(header::HOST, host)]),
        is_secure: false,
        method,
        peer: asked.from.map_or(Ipv4Addr::LOCALHOST.into(), |from| from.0),
        target: asked.target.0,
    })
}

fn tell(explained: &Explanation) -> Explained {
    let access = explained.access();
    let routes = explained.considered.iter().map(|(route, why)| {
        let is_taken = explained.route.as_ref().is_some_and(|taken| taken == route);
        let words = RouteWords::of(route, &[]);
        let RouteWords { access, host, methods, path, .. } = words;
        Considered { host, path, methods, access, is_taken, why: why.clone() }
    });
    let routes = routes.collect();
    let (outcome, status, forwarded) = match &explained.outcome {
        Outcome::Answered(response) => (What::Answered, Some(response.status().as_u16()), None),
        Outcome::Console => (What::Console, None, None),
        Outcome::Endpoint => (What::Endpoint, None, None),
        Outcome::Forwarded(sent) => (What::Forwarded, None, Some(Sent::of(explained, sent))),
    };
    Explained { routes, access, outcome, status, forwarded }
}

impl Sent {
    fn of(explained: &Explanation, sent: &Forwarded) -> Self {
        let pair = |(name, value): (&HeaderName, &HeaderValue)| {
            [name.to_string(), explained.shown(name, value)]
        };
        Self {
            upstream: u64::try_from(sent.upstream).unwrap_or(u64::MAX),
            method: sent.method.to_string(),
            target: sent.target.clone(),
            headers: sent.headers.iter().map(pair).collect(),
        }
    }
}
