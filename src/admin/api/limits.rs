//! Who is refused for having tried too much.

use super::operation::{About, Call, Empty, Given, Operation};
use super::reading::field_error;
use super::values::{Line, Parsed};
use crate::api::Problem;
use crate::auth::{LimitView, RefusalView, Resource, Right};
use crate::clock::seconds_up;
use async_trait::async_trait;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What a key needs to look.
pub(super) const READ: Option<Right> = Some(Right::Read(Resource::Limits));
/// What a key needs to change something.
pub(super) const WRITE: Option<Right> = Some(Right::Write(Resource::Limits));

/// What counts against a limit.
#[derive(JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "programs know them by these names")]
pub(super) struct Limit {
    /// Which limit, by its name in the settings.
    limit: String,
    /// Whose: an account's key, a network, or both; a user or a token.
    whose: String,
    /// Who has the account, if that is found quickly: whoever failed of late or is asked for by name.
    user: Option<String>,
    /// For how many seconds further attempts are refused; null if they are not.
    refused_for: Option<u64>,
}

impl Limit {
    fn of(view: LimitView) -> Self {
        let LimitView { limit, username, wait, whose } = view;
        Self { limit, whose, user: username, refused_for: wait.map(seconds_up) }
    }
}

/// `GET /limits`
pub(super) struct List;

/// Which limits are wanted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only of this account, whether or not it exists.
    user: Option<Line<1, 150>>,
    /// Only of the network that holds this address.
    address: Option<Parsed<IpAddr>>,
    /// Only those that refuse now, or only the others.
    is_refused: Option<bool>,
}

/// Whom the gateway that answers has refused lately, also by what it counts in its memory alone.
#[derive(JsonSchema, Serialize)]
pub(super) struct Refusal {
    limit: String,
    whose: String,
    /// How often, since that began.
    count: u64,
    /// For how many seconds they are refused still; null if they are not.
    refused_for: Option<u64>,
}

impl Refusal {
    fn of(view: RefusalView) -> Self {
        let RefusalView { count, limit, wait, whose } = view;
        Self { limit, whose, count, refused_for: wait.map(seconds_up) }
    }
}

/// What counts against limits.
#[derive(JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "programs know them by these names")]
pub(super) struct Limits {
    limits: Vec<Limit>,
    /// Whom this gateway has refused within the last minute or refuses still, whoever is asked for.
    refusals: Vec<Refusal>,
    /// Whether there are more than are told here.
    has_more: bool,
}

#[async_trait]
impl Operation for List {
    type Answer = Limits;
    type Body = Empty;
    type Path = Empty;
    type Query = Wanted;

    const ABOUT: About = About {
        id: "list_limits",
        may: &[],
        method: Method::GET,
        path: "/limits",
        right: READ,
        status: StatusCode::OK,
        summary: "What counts against limits in the store, and who is refused",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<Limits, Problem> {
        const MOST: usize = 1_000;
        let Wanted { user, address, is_refused } = given.query;
        let name = user.as_ref().map(|name| name.0.as_str());
        let whose = (name, address.map(|address| address.0));
        let (limits, count) = call.auth.limits_like(whose, is_refused, MOST).await?;
        let has_more = count > limits.len();
        let limits = limits.into_iter().map(Limit::of).collect();
        let refusals = call.auth.refusals().into_iter().take(MOST).map(Refusal::of).collect();
        Ok(Limits { limits, refusals, has_more })
    }
}

/// `POST /limits/clear`
pub(super) struct Clear;

/// Whose limits are to be lifted: one of these.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// Of this account, whether or not it exists.
    user: Option<Line<1, 150>>,
    /// Of the network that holds this address.
    address: Option<Parsed<IpAddr>>,
    /// Of everyone.
    all: Option<bool>,
}

/// What was lifted.
#[derive(JsonSchema, Serialize)]
pub(super) struct Cleared {
    /// How many limits.
    cleared: u64,
}

#[async_trait]
impl Operation for Clear {
    type Answer = Cleared;
    type Body = Whose;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "clear_limits",
        may: &[],
        method: Method::POST,
        path: "/limits/clear",
        right: WRITE,
        status: StatusCode::OK,
        summary: "Forget what counts against limits",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<Cleared, Problem> {
        let Whose { user, address, all } = given.body;
        let is_all = all.unwrap_or(false);
        // Nobody lifts the limits of all by leaving something out.
        if is_all == (user.is_some() || address.is_some()) {
            let words = "Say whose: user, address or both, or else \"all\": true.";
            return Err(field_error("non_field_errors", [words]));
        }
        let name = user.as_ref().map(|name| name.0.as_str());
        let address = address.map(|address| address.0);
        let cleared = call.auth.clear_limits(name, address, call.proved()).await?;
        Ok(Cleared { cleared })
    }
}
