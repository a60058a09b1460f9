//! What is going on, in numbers.

use super::operation::{About, Call, Empty, Given, Operation};
use super::values::Moment;
use crate::api::Problem;
use crate::auth::{AuthError, Counts, Resource, Right, Span, Tallies};
use async_trait::async_trait;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

/// `GET /overview`
pub(super) struct Show;

/// What is going on.
#[derive(JsonSchema, Serialize)]
pub(super) struct Overview {
    users: u64,
    inactive_users: u64,
    staff: u64,
    /// How many tokens were good when they were counted.
    live_tokens: u64,
    /// When the tokens were counted.
    counted_at: Moment,
    /// What all gateways counted in the last hour, in all.
    last_hour: Counts,
    last_day: Counts,
    /// The last hour by minutes, the newest last.
    minutes: Vec<Counted>,
    store: StoreHealth,
    upstreams: Vec<UpstreamHealth>,
    /// Whether nothing is guarded: `gate.mode` of this gateway is `shadow`.
    is_shadow: bool,
}

/// What was counted in a minute.
#[derive(JsonSchema, Serialize)]
pub(super) struct Counted {
    start: Moment,
    counts: Counts,
}

impl Counted {
    fn of(span: &Span) -> Self {
        Self { start: Moment(span.start), counts: Counts::of(&span.tallies) }
    }
}

/// How the store is.
#[derive(JsonSchema, Serialize)]
pub(super) struct StoreHealth {
    /// What it is.
    summary: String,
    /// What may lose accounts or tokens.
    warnings: Vec<String>,
    /// Since when it takes nothing, as far as that was noticed.
    refuses_writes_since: Option<Moment>,
}

/// How an upstream is, as this gateway has found it.
#[derive(JsonSchema, Serialize)]
pub(super) struct UpstreamHealth {
    name: String,
    /// How many of its servers get requests.
    up: u64,
    servers: u64,
}

#[async_trait]
impl Operation for Show {
    type Answer = Overview;
    type Body = Empty;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "show_overview",
        may: &[],
        method: Method::GET,
        path: "/overview",
        right: Some(Right::Read(Resource::Overview)),
        status: StatusCode::OK,
        summary: "What is going on, in numbers",
    };

    async fn run(&self, call: &Call<'_>, _: Given<Self>) -> Result<Overview, Problem> {
        let census = call.auth.census().await.map_err(AuthError::from)?;
        let history = call.auth.history().await.map_err(AuthError::from)?;
        let inspection = call.auth.inspect().await.map_err(AuthError::from)?;
        Ok(Overview {
            users: census.users,
            inactive_users: census.inactive,
            staff: census.staff,
            live_tokens: census.tokens,
            counted_at: Moment(census.at),
            last_hour: Counts::of(&Tallies::sum(&history.hour)),
            last_day: Counts::of(&Tallies::sum(&history.day)),
            minutes: history.hour.iter().map(Counted::of).collect(),
            store: StoreHealth {
                summary: inspection.summary,
                warnings: inspection.warnings,
                refuses_writes_since: call.auth.refuses_writes_since().map(Moment),
            },
            upstreams: upstreams(call),
            is_shadow: call.auth.metrics().is_shadow(),
        })
    }
}

fn upstreams(call: &Call<'_>) -> Vec<UpstreamHealth> {
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let all = call.gateway.upstreams().into_iter();
    let all = all.map(|view| {
        let (up, servers) = (number(view.up()), number(view.servers.len()));
        UpstreamHealth { name: view.name, up, servers }
    });
    all.collect()
}
