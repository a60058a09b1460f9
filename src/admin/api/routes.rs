//! Routes and upstreams.

use super::operation::{About, Call, Empty, Given, Operation};
use crate::api::Problem;
use crate::auth::{Resource, Right};
use crate::clock::seconds_up;
use crate::gateway::{RouteView, ServerState, ServerView, UpstreamView};
use async_trait::async_trait;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

/// What a key needs to look.
pub(super) const READ: Option<Right> = Some(Right::Read(Resource::Routes));

/// A route; `*` is any and `-` is none.
#[derive(JsonSchema, Serialize)]
pub(super) struct Route {
    host: String,
    path: String,
    methods: String,
    /// The headers that a request must have.
    headers: String,
    /// Who may take it.
    access: String,
    /// Where it leads.
    upstream: String,
    /// What it changes.
    changes: String,
    /// Its requests in the last hour, as this gateway counts.
    last_hour: Hour,
}

/// The requests of an hour.
#[derive(JsonSchema, Serialize)]
pub(super) struct Hour {
    all: u64,
    /// Those that ended with 401.
    unauthorized: u64,
    /// Those that ended with 403.
    forbidden: u64,
    /// Those that ended with 500 or more.
    failed: u64,
}

impl Route {
    fn of(view: RouteView) -> Self {
        let (words, hour) = (view.words, view.hour);
        Self {
            host: words.host,
            path: words.path,
            methods: words.methods,
            headers: words.headers,
            access: words.access,
            upstream: words.upstream,
            changes: words.changes,
            last_hour: Hour {
                all: hour.all,
                unauthorized: hour.unauthorized,
                forbidden: hour.forbidden,
                failed: hour.failed,
            },
        }
    }
}

/// The routes.
#[derive(JsonSchema, Serialize)]
pub(super) struct Routes {
    routes: Vec<Route>,
}

/// `GET /routes`
pub(super) struct ListRoutes;

#[async_trait]
impl Operation for ListRoutes {
    type Answer = Routes;
    type Body = Empty;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "list_routes",
        may: &[],
        method: Method::GET,
        path: "/routes",
        right: READ,
        status: StatusCode::OK,
        summary: "The routes in the order of matching",
    };

    async fn run(&self, call: &Call<'_>, _: Given<Self>) -> Result<Routes, Problem> {
        Ok(Routes { routes: call.gateway.routes().into_iter().map(Route::of).collect() })
    }
}

/// An upstream.
#[derive(JsonSchema, Serialize)]
pub(super) struct Upstream {
    name: String,
    /// Whether its servers are asked how they are.
    is_checked: bool,
    servers: Vec<Server>,
}

/// A server of an upstream.
#[derive(JsonSchema, Serialize)]
pub(super) struct Server {
    /// How it is written in the settings.
    written: String,
    /// Null if its name leads nowhere yet.
    address: Option<String>,
    state: State,
    /// For how many seconds it is left out yet.
    left_out_for: Option<u64>,
    weight: u32,
    /// How many requests it has at this moment.
    in_flight: u64,
    /// What was wrong last. It may be well again.
    last_failure: Option<String>,
    /// How many seconds ago that was.
    last_failure_ago: Option<u64>,
}

/// Whether a server gets requests.
#[derive(Clone, Copy, JsonSchema, Serialize)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Up,
    /// Its health checks fail.
    Down,
    /// It has failed, and is left out for a while.
    Ejected,
    /// Its name leads nowhere.
    Unresolved,
}

impl Server {
    fn of(view: ServerView) -> Self {
        let (state, left_out_for) = match view.state {
            ServerState::Down => (State::Down, None),
            ServerState::Ejected(span) => (State::Ejected, Some(seconds_up(span))),
            ServerState::Unresolved(_) => (State::Unresolved, None),
            ServerState::Up => (State::Up, None),
        };
        let failure = view.last_failure.map(|failure| (failure.why, failure.ago.as_secs()));
        let (last_failure, last_failure_ago) = failure.unzip();
        Self {
            written: view.written,
            address: view.address,
            state,
            left_out_for,
            weight: view.weight,
            in_flight: u64::try_from(view.in_flight).unwrap_or(u64::MAX),
            last_failure,
            last_failure_ago,
        }
    }
}

/// The upstreams.
#[derive(JsonSchema, Serialize)]
pub(super) struct Upstreams {
    upstreams: Vec<Upstream>,
}

/// `GET /upstreams`
pub(super) struct ListUpstreams;

#[async_trait]
impl Operation for ListUpstreams {
    type Answer = Upstreams;
    type Body = Empty;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "list_upstreams",
        may: &[],
        method: Method::GET,
        path: "/upstreams",
        right: READ,
        status: StatusCode::OK,
        summary: "How the servers behind the gateway are, as this gateway has found them",
    };

    async fn run(&self, call: &Call<'_>, _: Given<Self>) -> Result<Upstreams, Problem> {
        let told = call.gateway.upstreams().into_iter().map(|view| {
            let UpstreamView { is_checked, name, servers, .. } = view;
            Upstream { name, is_checked, servers: servers.into_iter().map(Server::of).collect() }
        });
        Ok(Upstreams { upstreams: told.collect() })
    }
}
