//! What an operation of the API is: the router and the document both read it, so they cannot differ.

use super::reading;
use crate::admin::Reading;
use crate::admin::asked::Asked;
use crate::api::Problem;
use crate::auth::{Auth, KeyCaller, Proved, Right};
use crate::gateway::Gateway;
use crate::model::event::Actor;
use async_trait::async_trait;
use http::{HeaderValue, Method, Response, StatusCode, header};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Something that programs can have done.
#[async_trait]
pub(super) trait Operation: Sync {
    /// What it answers; [`Empty`] is nothing.
    type Answer: JsonSchema + Serialize + Send;
    /// What its body has; [`Empty`] is none.
    type Body: DeserializeOwned + JsonSchema + Send;
    /// The variable parts of its path.
    type Path: DeserializeOwned + JsonSchema + Send;
    /// Its query.
    type Query: DeserializeOwned + JsonSchema + Send;

    /// What there is to say of it.
    const ABOUT: About;

    /// Does it.
    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<Self::Answer, Problem>;
}

/// What there is to say of an operation.
pub(super) struct About {
    /// Its name.
    pub id: &'static str,
    /// What else it may refuse with, beside what each may.
    pub may: &'static [StatusCode],
    pub method: Method,
    /// Its path below the API's, with the names of variable parts in braces.
    pub path: &'static str,
    /// What a key needs for it; `None` is any key.
    pub right: Option<Right>,
    /// The status of its answer.
    pub status: StatusCode,
    /// What it does, in a line.
    pub summary: &'static str,
}

/// What an operation is given.
pub(super) struct Given<O: Operation + ?Sized> {
    pub body: O::Body,
    pub path: O::Path,
    pub query: O::Query,
}

/// Who calls, and what there is to work with.
pub(super) struct Call<'a> {
    pub asked: &'a Asked,
    pub auth: &'a Auth,
    pub caller: &'a KeyCaller,
    pub gateway: &'a Gateway,
    /// What was read of the settings.
    pub reading: Arc<Reading>,
    /// Where the API is.
    pub place: &'a str,
}

impl Call<'_> {
    /// Who acts, for events.
    pub(super) fn actor(&self) -> Actor {
        Actor::ApiKey(self.caller.owner.username.clone(), self.asked.from)
    }

    /// The same, for what lets someone in.
    pub(super) fn proved(&self) -> Proved {
        Proved::by_key(self.caller, self.asked.from)
    }
}

/// No fields at all.
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Empty {}

/// What an operation takes and answers, in schemas.
pub(super) struct Shape {
    pub answer: Schema,
    pub body: Schema,
    pub path: Schema,
    pub query: Schema,
}

/// An operation in the table, whatever it takes and answers.
#[async_trait]
pub(super) trait Served: Sync {
    /// What there is to say of it.
    fn about(&self) -> About;
    /// What it takes and answers. `write` makes the schemas of answers, `read` all others.
    fn shape(&self, read: &mut SchemaGenerator, write: &mut SchemaGenerator) -> Shape;
    /// Reads what was sent, and does it. `parts` are the variable parts of the path.
    async fn serve(
        &self,
        call: &Call<'_>,
        parts: &[(&str, &str)],
    ) -> Result<Response<Vec<u8>>, Problem>;
}

#[async_trait]
impl<O: Operation> Served for O {
    fn about(&self) -> About {
        O::ABOUT
    }

    fn shape(&self, read: &mut SchemaGenerator, write: &mut SchemaGenerator) -> Shape {
        Shape {
            answer: write.subschema_for::<O::Answer>(),
            body: read.subschema_for::<O::Body>(),
            path: O::Path::json_schema(read),
            query: O::Query::json_schema(read),
        }
    }

    async fn serve(
        &self,
        call: &Call<'_>,
        parts: &[(&str, &str)],
    ) -> Result<Response<Vec<u8>>, Problem> {
        let about = O::ABOUT;
        let path = reading::read_path(parts).map_err(|_| Problem::NotFound)?;
        let query = reading::read_query(&call.asked.raw_query)?;
        let kind = call.asked.headers.get(header::CONTENT_TYPE);
        let kind = kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
        let body = if about.method == Method::GET || about.method == Method::DELETE {
            // What a body would mean there nobody says (RFC 9110, sections 9.3.1 and 9.3.5).
            reading::read_body("", &Ok(bytes::Bytes::new()))?
        } else {
            reading::read_body(&kind.unwrap_or_default(), call.asked.whole_body())?
        };
        let answer = self.run(call, Given { body, path, query }).await?;
        reply(about.status, &answer)
    }
}

fn reply(status: StatusCode, answer: &impl Serialize) -> Result<Response<Vec<u8>>, Problem> {
    let body = match status {
        StatusCode::NO_CONTENT => Vec::new(),
        _ => serde_json::to_vec(answer).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "no answer can be written");
            Problem::Internal
        })?,
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if status != StatusCode::NO_CONTENT {
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    Ok(response)
}
