//! One act on many users.

use super::super::users::act::{Act as UserAct, MOST};
use super::operation::{About, Call, Empty, Given, Operation};
use super::users::WRITE;
use super::values::{Many, UserNumber, Whole};
use crate::api::Problem;
use crate::auth::ManageError;
use crate::model::user::UserId;
use async_trait::async_trait;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `POST /users/bulk`
pub(super) struct Act;

/// What to do, and to whom.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    action: Action,
    /// The numbers of the users.
    ids: Many<UserNumber, MOST>,
}

/// Something that can be done to many users.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Activate,
    Deactivate,
    Delete,
    EndTokens,
}

/// What came of it.
#[derive(JsonSchema, Serialize)]
pub(super) struct Outcome {
    /// The numbers of those to whom it was done.
    done: Vec<u64>,
    /// The others, and why not.
    failed: Vec<Failed>,
}

/// Someone to whom it was not done.
#[derive(JsonSchema, Serialize)]
pub(super) struct Failed {
    id: u64,
    detail: String,
}

#[async_trait]
impl Operation for Act {
    type Answer = Outcome;
    type Body = Wanted;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "act_on_users",
        may: &[],
        method: Method::POST,
        path: "/users/bulk",
        right: WRITE,
        status: StatusCode::OK,
        summary: "Do something to many users, one after the other",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<Outcome, Problem> {
        let Wanted { action, ids } = given.body;
        let mut outcome = Outcome { done: Vec::new(), failed: Vec::new() };
        for Whole(id) in ids.0 {
            match act(call, action, UserId(id)).await {
                Ok(_) => outcome.done.push(id),
                // Nobody can be served: those who are left are not tried.
                Err(ManageError::Auth(error)) => return Err(error.into()),
                Err(error) => outcome.failed.push(Failed { id, detail: error.to_string() }),
            }
        }
        Ok(outcome)
    }
}

async fn act(call: &Call<'_>, action: Action, id: UserId) -> Result<bool, ManageError> {
    let user = call.auth.user_numbered(id).await?;
    let act = match action {
        Action::Activate => UserAct::Activate,
        Action::Deactivate => UserAct::Deactivate,
        Action::Delete => UserAct::Delete,
        Action::EndTokens => UserAct::EndSessions,
    };
    act.perform(call.auth, &user, call.actor(), Some(call.proved())).await
}
