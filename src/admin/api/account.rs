//! What a key can learn of itself and of the API.

use super::document;
use super::operation::{About, Call, Empty, Given, Operation};
use super::values::Moment;
use crate::api::Problem;
use async_trait::async_trait;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// `GET /openapi.json`
pub(super) struct ShowDocument;

#[async_trait]
impl Operation for ShowDocument {
    type Answer = Value;
    type Body = Empty;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "show_document",
        may: &[],
        method: Method::GET,
        path: "/openapi.json",
        right: None,
        status: StatusCode::OK,
        summary: "This document",
    };

    async fn run(&self, call: &Call<'_>, _: Given<Self>) -> Result<Value, Problem> {
        Ok(document::of(call.place))
    }
}

/// `GET /key`
pub(super) struct ShowKey;

/// The key that a request shows.
#[derive(JsonSchema, Serialize)]
pub(super) struct Key {
    /// What it is called in commands.
    id: String,
    name: String,
    /// For whom it acts.
    owner: String,
    /// What it is good for, such as `users:read`.
    rights: Vec<String>,
    created: Moment,
    expires: Moment,
    /// When it was last used, to the minute or so.
    last_used: Option<Moment>,
    last_used_from: Option<String>,
}

#[async_trait]
impl Operation for ShowKey {
    type Answer = Key;
    type Body = Empty;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "show_key",
        may: &[],
        method: Method::GET,
        path: "/key",
        right: None,
        status: StatusCode::OK,
        summary: "The key that the request shows",
    };

    async fn run(&self, call: &Call<'_>, _: Given<Self>) -> Result<Key, Problem> {
        let (key, owner) = (&call.caller.key, &call.caller.owner);
        Ok(Key {
            id: key.id.clone(),
            name: key.name.clone(),
            owner: owner.username.to_string(),
            rights: key.rights.clone().into(),
            created: Moment(key.created),
            expires: Moment(key.expires),
            last_used: key.last_used.map(|(at, _)| Moment(at)),
            last_used_from: key.last_used.map(|(_, from)| from.to_string()),
        })
    }
}
