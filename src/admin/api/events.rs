//! What has happened.

use super::operation::{About, Call, Empty, Given, Operation};
use super::reading::field_error;
use super::values::{Line, Moment, PageSize, Parsed, Reach, page_size};
use crate::api::Problem;
use crate::auth::{AuthError, Resource, Right};
use crate::clock::Timestamp;
use crate::model::event::{self, EventName};
use crate::model::user::Username;
use crate::store::{Cursor, EventQuery};
use async_trait::async_trait;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that has happened.
#[derive(JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "programs know them by these names")]
pub(super) struct Event {
    timestamp: Moment,
    /// Its name in logs.
    event: String,
    /// Whose account it concerns.
    user: Option<String>,
    user_id: Option<u64>,
    /// Where who did it was.
    address: Option<String>,
    /// What kind of actor did it.
    actor: String,
    /// Which operator did it.
    operator: Option<String>,
    /// What else there is to say.
    detail: Option<String>,
}

impl Event {
    fn of(event: event::Event) -> Self {
        let (user_id, user) = event.user.map(|(id, name)| (id.0, name.to_string())).unzip();
        Self {
            timestamp: Moment(event.at),
            event: event.name.to_string(),
            user,
            user_id,
            address: event.actor.address().map(|address| address.to_string()),
            actor: event.actor.kind().to_owned(),
            operator: event.actor.operator().map(ToString::to_string),
            detail: event.detail,
        }
    }
}

/// `GET /events`
pub(super) struct List;

/// Which events are wanted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only those of this name.
    name: Option<Parsed<EventName>>,
    /// Only those of this user's account, which need not be there any more.
    user: Option<Line<1, 150>>,
    /// Only what this operator did.
    operator: Option<Line<1, 150>>,
    /// Only those of this kind of actor.
    actor: Option<ActorKind>,
    /// Only those from this address, or from an address in this network.
    address: Option<Parsed<Reach>>,
    /// Only those whose detail holds this.
    text: Option<Line<1, 200>>,
    /// Only those from this moment on.
    since: Option<Parsed<Timestamp>>,
    /// Only those before this moment.
    until: Option<Parsed<Timestamp>>,
    /// The `next` of the page before.
    cursor: Option<Line<0, 1000>>,
    /// How many, 50 if it is not said.
    limit: Option<PageSize>,
}

/// A kind of actor.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActorKind {
    Admin,
    ApiKey,
    Client,
    CommandLine,
    Gateway,
}

impl ActorKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::ApiKey => "api_key",
            Self::Client => "client",
            Self::CommandLine => "command_line",
            Self::Gateway => "gateway",
        }
    }
}

/// A page of events, the newest first.
#[derive(JsonSchema, Serialize)]
pub(super) struct EventPage {
    events: Vec<Event>,
    /// What the next page is asked for with; null if there is none. A page may have fewer events than
    /// it could, or none, and yet another after it.
    next: Option<String>,
}

#[async_trait]
impl Operation for List {
    type Answer = EventPage;
    type Body = Empty;
    type Path = Empty;
    type Query = Wanted;

    const ABOUT: About = About {
        id: "list_events",
        may: &[],
        method: Method::GET,
        path: "/events",
        right: Some(Right::Read(Resource::Events)),
        status: StatusCode::OK,
        summary: "What has happened, the newest first",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<EventPage, Problem> {
        let limit = page_size(given.query.limit);
        let Wanted { name, user, operator, actor, address, text, since, until, cursor, .. } =
            given.query;
        let query = EventQuery {
            actor: actor.map(ActorKind::as_str),
            address: address.map(|network| network.0.0),
            after: cursor.map(|cursor| Cursor(cursor.0)),
            limit,
            name: name.map(|name| name.0),
            operator: operator.map(|name| existing("operator", &name.0)).transpose()?,
            since: since.map(|since| since.0),
            text: text.map(|text| text.0),
            until: until.map(|until| until.0),
            user: user.map(|name| existing("user", &name.0)).transpose()?,
        };
        let page = call.auth.find_events(&query).await.map_err(AuthError::from)?;
        let next = page.next.map(|next| next.0);
        Ok(EventPage { events: page.events.into_iter().map(Event::of).collect(), next })
    }
}

fn existing(field: &str, name: &str) -> Result<Username, Problem> {
    Username::existing(name).ok_or_else(|| field_error(field, ["Nobody can be called that."]))
}
