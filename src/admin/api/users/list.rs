//! The users, a page at a time.

use super::super::operation::{About, Call, Empty, Given, Operation};
use super::super::values::{Line, PageSize, page_size};
use super::{READ, User};
use crate::api::Problem;
use crate::store::{Cursor, UserColumn, UserOrder, UserQuery};
use async_trait::async_trait;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /users`
pub(in super::super) struct List;

/// Which users are wanted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Wanted {
    /// Only those whose name or address begins so, whatever the case of its ASCII letters.
    search: Option<Line<0, 254>>,
    /// Only those who may log in, or only those who may not.
    is_active: Option<bool>,
    /// Only staff, or only others.
    is_staff: Option<bool>,
    /// The order; with a minus the largest comes first.
    sort: Option<Sort>,
    /// The `next` of the page before.
    cursor: Option<Line<0, 1000>>,
    /// How many, 50 if it is not said.
    limit: Option<PageSize>,
}

/// An order of users.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(in super::super) enum Sort {
    #[serde(rename = "username")]
    Username,
    #[serde(rename = "-username")]
    UsernameDown,
    #[serde(rename = "email")]
    Email,
    #[serde(rename = "-email")]
    EmailDown,
    #[serde(rename = "joined")]
    Joined,
    #[serde(rename = "-joined")]
    JoinedDown,
    #[serde(rename = "last_login")]
    LastLogin,
    #[serde(rename = "-last_login")]
    LastLoginDown,
    #[serde(rename = "is_active")]
    Active,
    #[serde(rename = "-is_active")]
    ActiveDown,
    #[serde(rename = "is_staff")]
    Staff,
    #[serde(rename = "-is_staff")]
    StaffDown,
    #[serde(rename = "live_tokens")]
    Tokens,
    #[serde(rename = "-live_tokens")]
    TokensDown,
}

impl Sort {
    fn order(self) -> UserOrder {
        let (by, is_descending) = match self {
            Self::Username => (UserColumn::Username, false),
            Self::UsernameDown => (UserColumn::Username, true),
            Self::Email => (UserColumn::Email, false),
            Self::EmailDown => (UserColumn::Email, true),
            Self::Joined => (UserColumn::Joined, false),
            Self::JoinedDown => (UserColumn::Joined, true),
            Self::LastLogin => (UserColumn::LastLogin, false),
            Self::LastLoginDown => (UserColumn::LastLogin, true),
            Self::Active => (UserColumn::Active, false),
            Self::ActiveDown => (UserColumn::Active, true),
            Self::Staff => (UserColumn::Staff, false),
            Self::StaffDown => (UserColumn::Staff, true),
            Self::Tokens => (UserColumn::Tokens, false),
            Self::TokensDown => (UserColumn::Tokens, true),
        };
        UserOrder { by, is_descending }
    }
}

/// A page of users.
#[derive(JsonSchema, Serialize)]
pub(in super::super) struct UserPage {
    users: Vec<User>,
    /// What the next page is asked for with; null if there is none. A page may have fewer users than
    /// it could, or none, and yet another after it.
    next: Option<String>,
    /// The numbers of those whose record in the store cannot be read, so that nobody knows whether they
    /// are wanted.
    unreadable: Vec<u64>,
}

#[async_trait]
impl Operation for List {
    type Answer = UserPage;
    type Body = Empty;
    type Path = Empty;
    type Query = Wanted;

    const ABOUT: About = About {
        id: "list_users",
        may: &[],
        method: Method::GET,
        path: "/users",
        right: READ,
        status: StatusCode::OK,
        summary: "The users, a page at a time",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<UserPage, Problem> {
        let Wanted { search, is_active, is_staff, sort, cursor, limit } = given.query;
        let query = UserQuery {
            after: cursor.map(|cursor| Cursor(cursor.0)),
            is_active,
            is_staff,
            limit: page_size(limit),
            order: sort.unwrap_or(Sort::Username).order(),
            prefix: search.map(|search| search.0),
        };
        let page = call.auth.find_users(&query).await?;
        let users =
            page.users.iter().map(|listed| User::of(call, &listed.user, listed.live_tokens));
        let next = page.next.map(|next| next.0);
        let unreadable = page.unreadable.iter().map(|id| id.0).collect();
        Ok(UserPage { users: users.collect(), next, unreadable })
    }
}
