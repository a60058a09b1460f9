//! Tokens, of a user and of all.

use super::operation::{About, Call, Empty, Given, Operation};
use super::users::UserPath;
use super::values::{Line, Moment, PageSize, Parsed, Whole, or_null, page_size};
use crate::api::Problem;
use crate::auth::{Lifetime, NewTokenTerms, Resource, Right, TokenName};
use crate::model::token::{self, TokenId};
use crate::store::{Cursor, ListedToken};
use async_trait::async_trait;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const READ: Option<Right> = Some(Right::Read(Resource::Tokens));
const WRITE: Option<Right> = Some(Right::Write(Resource::Tokens));

/// A token; never its text, and no more of its digest than its id has.
#[derive(JsonSchema, Serialize)]
pub(super) struct Token {
    id: String,
    user: String,
    user_id: u64,
    /// What an operator calls it.
    name: Option<String>,
    created: Moment,
    /// Null is never.
    expires: Option<Moment>,
    /// To the minute; null if it never was.
    last_used: Option<Moment>,
    /// From where it was last used.
    last_used_from: Option<String>,
    /// From where it was issued.
    issued_from: Option<String>,
    /// What the program that its user logged in with says of itself.
    user_agent: Option<String>,
    /// The operator who issued it; null if its user logged in.
    issued_by: Option<String>,
}

impl Token {
    fn of(listed: ListedToken) -> Self {
        let ListedToken { about, record, username } = listed;
        let used = about.last_used;
        Self {
            id: record.id().to_string(),
            user: username.to_string(),
            user_id: record.user.0,
            name: about.name,
            created: Moment(record.created),
            expires: record.expires.map(Moment),
            last_used: used.map(|(at, _)| Moment(at)),
            last_used_from: used.map(|(_, from)| from.to_canonical().to_string()),
            issued_from: about.address.map(|from| from.to_canonical().to_string()),
            user_agent: about.user_agent,
            issued_by: about.issued_by,
        }
    }
}

/// Tokens.
#[derive(JsonSchema, Serialize)]
pub(super) struct TokenList {
    tokens: Vec<Token>,
}

/// `GET /users/{id}/tokens`
pub(super) struct ListOf;

#[async_trait]
impl Operation for ListOf {
    type Answer = TokenList;
    type Body = Empty;
    type Path = UserPath;
    type Query = Empty;

    const ABOUT: About = About {
        id: "list_tokens_of_user",
        may: &[],
        method: Method::GET,
        path: "/users/{id}/tokens",
        right: READ,
        status: StatusCode::OK,
        summary: "The live tokens of a user, the oldest first",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<TokenList, Problem> {
        let user = given.path.find(call).await?;
        let tokens = call.auth.tokens_of(&user).await?;
        Ok(TokenList { tokens: tokens.into_iter().map(Token::of).collect() })
    }
}

/// `POST /users/{id}/tokens`
pub(super) struct CreateFor;

/// A new token.
#[derive(Deserialize, JsonSchema)]
#[expect(clippy::option_option, reason = "null and nothing differ")]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// What to call it.
    name: Option<Line<1, { token::TokenAbout::LONGEST }>>,
    /// In how many seconds it ends; null is never. If it is left out, it holds as long as every token.
    #[serde(default, deserialize_with = "or_null")]
    expires_in: Option<Option<Whole<1, { Lifetime::LONGEST }>>>,
}

/// A token that was issued.
#[derive(JsonSchema, Serialize)]
pub(super) struct IssuedToken {
    id: String,
    /// The token itself; it is not shown again.
    token: String,
    created: Moment,
    expires: Option<Moment>,
}

#[async_trait]
impl Operation for CreateFor {
    type Answer = IssuedToken;
    type Body = NewToken;
    type Path = UserPath;
    type Query = Empty;

    const ABOUT: About = About {
        id: "create_token",
        may: &[StatusCode::CONFLICT],
        method: Method::POST,
        path: "/users/{id}/tokens",
        right: WRITE,
        status: StatusCode::CREATED,
        summary: "Issue a token to a user",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<IssuedToken, Problem> {
        let lifetime = match given.body.expires_in {
            None => Lifetime::Usual,
            Some(None) => Lifetime::Forever,
            Some(Some(seconds)) => Lifetime::Of(Duration::from_secs(seconds.0)),
        };
        let terms = NewTokenTerms { lifetime, name: given.body.name.map(|name| name.0) };
        let user = given.path.find(call).await?;
        let issued = call.auth.create_token(user, terms, call.proved()).await?;
        Ok(IssuedToken {
            id: issued.record.id().to_string(),
            token: issued.token.expose().to_owned(),
            created: Moment(issued.record.created),
            expires: issued.record.expires.map(Moment),
        })
    }
}

/// `DELETE /users/{id}/tokens`
pub(super) struct RevokeAllOf;

/// What is to stay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// The id of a token that stays.
    keep: Option<Parsed<TokenId>>,
}

#[async_trait]
impl Operation for RevokeAllOf {
    type Answer = Empty;
    type Body = Empty;
    type Path = UserPath;
    type Query = Kept;

    const ABOUT: About = About {
        id: "revoke_tokens_of_user",
        may: &[StatusCode::CONFLICT],
        method: Method::DELETE,
        path: "/users/{id}/tokens",
        right: WRITE,
        status: StatusCode::NO_CONTENT,
        summary: "End all tokens of a user with their sessions and API keys, or all tokens but one",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<Empty, Problem> {
        let user = given.path.find(call).await?;
        match given.query.keep {
            Some(keep) => {
                call.auth.revoke_other_tokens(&user, keep.0, call.actor()).await?;
            }
            None => call.auth.revoke_tokens(&user, call.actor()).await?,
        }
        Ok(Empty {})
    }
}

/// `GET /tokens`
pub(super) struct List;

/// Which page is wanted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The `next` of the page before.
    cursor: Option<Line<0, 1000>>,
    /// How many, 50 if it is not said.
    limit: Option<PageSize>,
}

/// A page of tokens.
#[derive(JsonSchema, Serialize)]
pub(super) struct TokenPage {
    tokens: Vec<Token>,
    /// What the next page is asked for with; null if there is none.
    next: Option<String>,
}

#[async_trait]
impl Operation for List {
    type Answer = TokenPage;
    type Body = Empty;
    type Path = Empty;
    type Query = Wanted;

    const ABOUT: About = About {
        id: "list_tokens",
        may: &[],
        method: Method::GET,
        path: "/tokens",
        right: READ,
        status: StatusCode::OK,
        summary: "The live tokens of all users, those that were used or issued last first",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<TokenPage, Problem> {
        let after = given.query.cursor.map(|cursor| Cursor(cursor.0));
        let page = call.auth.find_tokens(after.as_ref(), page_size(given.query.limit)).await?;
        let tokens = page.tokens.into_iter().map(Token::of).collect();
        Ok(TokenPage { tokens, next: page.next.map(|next| next.0) })
    }
}

/// `POST /tokens/find`
pub(super) struct Find;

/// A token to be found.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pasted {
    /// The token itself, or its id.
    token: Line<1, 1000>,
}

#[async_trait]
impl Operation for Find {
    type Answer = Token;
    type Body = Pasted;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "find_token",
        may: &[StatusCode::NOT_FOUND],
        method: Method::POST,
        path: "/tokens/find",
        right: READ,
        status: StatusCode::OK,
        summary: "Tell whose a token is, by its text",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<Token, Problem> {
        let name = TokenName::parse(given.body.token.0);
        Ok(Token::of(call.auth.find_token(&name).await?))
    }
}

/// `DELETE /tokens/{id}`
pub(super) struct Revoke;

/// Which token is meant.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenPath {
    /// The token's id, never the token itself.
    id: Parsed<TokenId>,
}

#[async_trait]
impl Operation for Revoke {
    type Answer = Empty;
    type Body = Empty;
    type Path = TokenPath;
    type Query = Empty;

    const ABOUT: About = About {
        id: "revoke_token",
        may: &[],
        method: Method::DELETE,
        path: "/tokens/{id}",
        right: WRITE,
        status: StatusCode::NO_CONTENT,
        summary: "End a token",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<Empty, Problem> {
        call.auth.revoke_token(&TokenName::Id(given.path.id.0), call.actor()).await?;
        Ok(Empty {})
    }
}
