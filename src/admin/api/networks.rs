//! Networks that operators allow or deny.

use super::limits::{READ, WRITE};
use super::operation::{About, Call, Empty, Given, Operation};
use super::values::{Line, Moment, Parsed, Reach, Whole};
use crate::api::Problem;
use crate::auth::{Decider, NewRuling, Ruling};
use async_trait::async_trait;
use http::{Method, StatusCode};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A network of which operators have decided.
#[derive(JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "programs know them by these names")]
pub(super) struct Network {
    network: String,
    /// Whether it is denied, and not allowed.
    is_denied: bool,
    /// Why, in the operator's words.
    note: String,
    /// Who decided it.
    by: String,
    at: Moment,
    /// Until when; null is forever.
    until: Option<Moment>,
}

impl Network {
    fn of(ruling: Ruling) -> Self {
        let Ruling { at, by, is_denied, network, note, until } = ruling;
        let (network, until) = (network.to_string(), until.map(Moment));
        Self { network, is_denied, note, by, at: Moment(at), until }
    }
}

/// The networks of which someone has decided.
#[derive(JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "programs know them by these names")]
pub(super) struct Networks {
    /// By operators, while the gateway runs.
    networks: Vec<Network>,
    /// By the settings file.
    allowed_by_file: Vec<String>,
    denied_by_file: Vec<String>,
}

/// `GET /networks`
pub(super) struct List;

#[async_trait]
impl Operation for List {
    type Answer = Networks;
    type Body = Empty;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "list_networks",
        may: &[],
        method: Method::GET,
        path: "/networks",
        right: READ,
        status: StatusCode::OK,
        summary: "The networks that are treated in a way of their own",
    };

    async fn run(&self, call: &Call<'_>, _: Given<Self>) -> Result<Networks, Problem> {
        let rulings = call.auth.rulings().await.map_err(crate::auth::AuthError::from)?;
        let file = call.auth.networks_of_file();
        let texts = |networks: &[IpNet]| networks.iter().map(IpNet::to_string).collect();
        Ok(Networks {
            networks: rulings.into_iter().map(Network::of).collect(),
            allowed_by_file: texts(&file.allow),
            denied_by_file: texts(&file.deny),
        })
    }
}

/// `PUT /networks`
pub(super) struct Rule;

/// What is to become of a network.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    network: Parsed<Reach>,
    /// Whether it is to be denied, and not allowed.
    is_denied: bool,
    /// Why.
    note: Option<Line<0, 120>>,
    /// For how many seconds; forever if it is left out.
    expires_in: Option<Whole<1, 315_360_000>>,
}

#[async_trait]
impl Operation for Rule {
    type Answer = Network;
    type Body = Wanted;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "rule_network",
        may: &[StatusCode::CONFLICT],
        method: Method::PUT,
        path: "/networks",
        right: WRITE,
        status: StatusCode::OK,
        summary: "Allow or deny a network; never that which the request comes from",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<Network, Problem> {
        let Wanted { network, is_denied, note, expires_in } = given.body;
        let ruling = NewRuling {
            is_denied,
            lasts: expires_in.map(|seconds| Duration::from_secs(seconds.0)),
            network: network.0.0,
            note: note.map(|note| note.0).unwrap_or_default(),
        };
        let decider = decider(call);
        Ok(Network::of(call.auth.rule(ruling, decider).await?))
    }
}

/// A key proves itself, and never shuts itself out.
fn decider(call: &Call<'_>) -> Decider {
    Decider { by: call.actor(), knows: false, proved: Some(call.proved()) }
}

/// `DELETE /networks`
pub(super) struct Forget;

/// Which network is meant.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Meant {
    network: Parsed<Reach>,
}

#[async_trait]
impl Operation for Forget {
    type Answer = Empty;
    type Body = Empty;
    type Path = Empty;
    type Query = Meant;

    const ABOUT: About = About {
        id: "forget_network",
        may: &[StatusCode::NOT_FOUND, StatusCode::CONFLICT],
        method: Method::DELETE,
        path: "/networks",
        right: WRITE,
        status: StatusCode::NO_CONTENT,
        summary: "Treat a network as the settings say",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<Empty, Problem> {
        let decider = decider(call);
        let was_there = call.auth.forget_network(given.query.network.0.0, decider).await?;
        if was_there { Ok(Empty {}) } else { Err(Problem::NotFound) }
    }
}
