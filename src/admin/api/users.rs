//! Users.

mod list;

pub(super) use self::list::List;

use super::operation::{About, Call, Empty, Given, Operation};
use super::reading::field_error;
use super::values::{Line, Moment, UserNumber};
use crate::api::Problem;
use crate::auth::{NewRights, Registration, Resource, Right, generated_password};
use crate::model::email::Email;
use crate::model::password::Password;
use crate::model::user::{self, UserId, Username};
use async_trait::async_trait;
use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a key needs to look.
pub(super) const READ: Option<Right> = Some(Right::Read(Resource::Users));
/// What a key needs to change something.
pub(super) const WRITE: Option<Right> = Some(Right::Write(Resource::Users));

/// A user.
#[derive(JsonSchema, Serialize)]
pub(super) struct User {
    id: u64,
    username: String,
    /// Blank if there is none.
    email: String,
    /// Whether they may log in.
    is_active: bool,
    is_staff: bool,
    /// Whether they are to choose another password.
    must_change: bool,
    joined: Moment,
    last_login: Option<Moment>,
    /// How many tokens they have that are good.
    live_tokens: u64,
    /// By what algorithm and at what cost their password is kept, in words.
    password_hashing: String,
    profile: Profile,
}

/// What Django knew of them before they moved in. It decides nothing.
#[derive(JsonSchema, Serialize)]
struct Profile {
    /// Blank if there is none.
    first_name: String,
    /// Blank if there is none.
    last_name: String,
    groups: Vec<String>,
    /// Whether Django let them do everything.
    is_superuser: bool,
}

impl User {
    fn of(call: &Call<'_>, user: &user::User, live_tokens: u64) -> Self {
        Self {
            id: user.id.0,
            username: user.username.to_string(),
            email: user.email.to_string(),
            is_active: user.is_active,
            is_staff: user.is_staff,
            must_change: user.must_change,
            joined: Moment(user.joined),
            last_login: user.last_login.map(Moment),
            live_tokens,
            password_hashing: call.auth.hash_words(user).to_string(),
            profile: Profile {
                first_name: user.profile.first_name.clone(),
                last_name: user.profile.last_name.clone(),
                groups: user.profile.groups.clone(),
                is_superuser: user.profile.is_superuser,
            },
        }
    }

    async fn counted(call: &Call<'_>, user: &user::User) -> Result<Self, Problem> {
        let tokens = call.auth.tokens_of(user).await?.len();
        Ok(Self::of(call, user, u64::try_from(tokens).unwrap_or(u64::MAX)))
    }
}

/// Which user is meant.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserPath {
    /// The user's number.
    id: UserNumber,
}

impl UserPath {
    /// The user.
    pub(super) async fn find(&self, call: &Call<'_>) -> Result<user::User, Problem> {
        Ok(call.auth.user_numbered(UserId(self.id.0)).await?)
    }
}

/// `POST /users`
pub(super) struct Create;

/// A new user.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    username: Line<1, 150>,
    /// Without one, one is made, and answered this once.
    password: Option<Line<1, { Password::LONGEST }>>,
    email: Option<Line<0, 254>>,
    is_staff: Option<bool>,
    /// Whether they are to choose another password. If it is not said they are, if theirs was made.
    must_change: Option<bool>,
}

/// A user who was made.
#[derive(JsonSchema, Serialize)]
pub(super) struct MadeUser {
    user: User,
    /// The password, if it was made; it is not shown again.
    password: Option<String>,
}

#[async_trait]
impl Operation for Create {
    type Answer = MadeUser;
    type Body = NewUser;
    type Path = Empty;
    type Query = Empty;

    const ABOUT: About = About {
        id: "create_user",
        may: &[],
        method: Method::POST,
        path: "/users",
        right: WRITE,
        status: StatusCode::CREATED,
        summary: "Make a user",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<MadeUser, Problem> {
        let NewUser { username, password, email, is_staff, must_change } = given.body;
        let username =
            Username::parse(&username.0).map_err(|errors| field_error("username", errors))?;
        let email = parse_email(&email.map(|email| email.0).unwrap_or_default())?;
        let (password, shown) = password_or_new(password)?;
        let registration = Registration { email, password, username };
        let rights = NewRights {
            is_staff: is_staff.unwrap_or(false),
            must_change: must_change.unwrap_or(shown.is_some()),
        };
        let user = call.auth.create_user(registration, rights, call.proved()).await?;
        Ok(MadeUser { user: User::of(call, &user, 0), password: shown })
    }
}

/// Fails for the key's owner: nobody takes their own password from themselves by mistake, and a key
/// that was stolen does not get its owner's.
fn refuse_own(call: &Call<'_>, user: &user::User) -> Result<(), Problem> {
    if user.id != call.caller.owner.id {
        return Ok(());
    }
    let words = "Your own password is changed at the console, where the present one is asked for.";
    Err(Problem::Conflict(words.to_owned()))
}

fn parse_email(text: &str) -> Result<Email, Problem> {
    Email::parse(text).map_err(|errors| field_error("email", errors))
}

/// The password that was given; else a new one, which is to be shown.
fn password_or_new(
    given: Option<Line<1, { Password::LONGEST }>>,
) -> Result<(Password, Option<String>), Problem> {
    match given {
        Some(Line(text)) if text.trim().is_empty() => {
            Err(field_error("password", ["This field may not be blank."]))
        }
        Some(Line(text)) => Ok((Password::new(text), None)),
        None => {
            let made = generated_password()?;
            let shown = made.expose().to_owned();
            Ok((made, Some(shown)))
        }
    }
}

/// `GET /users/{id}`
pub(super) struct Show;

#[async_trait]
impl Operation for Show {
    type Answer = User;
    type Body = Empty;
    type Path = UserPath;
    type Query = Empty;

    const ABOUT: About = About {
        id: "show_user",
        may: &[],
        method: Method::GET,
        path: "/users/{id}",
        right: READ,
        status: StatusCode::OK,
        summary: "A user",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<User, Problem> {
        User::counted(call, &given.path.find(call).await?).await
    }
}

/// `PATCH /users/{id}`
pub(super) struct Change;

/// What is to become of a user; what is left out stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    email: Option<Line<0, 254>>,
    /// To lock a user out ends their tokens.
    is_active: Option<bool>,
    /// To give this to a user or to take it from them ends their tokens.
    is_staff: Option<bool>,
    /// Whether they are to choose another password.
    must_change: Option<bool>,
}

#[async_trait]
impl Operation for Change {
    type Answer = User;
    type Body = Changes;
    type Path = UserPath;
    type Query = Empty;

    const ABOUT: About = About {
        id: "change_user",
        may: &[StatusCode::CONFLICT],
        method: Method::PATCH,
        path: "/users/{id}",
        right: WRITE,
        status: StatusCode::OK,
        summary: "Change a user",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<User, Problem> {
        let Changes { email, is_active, is_staff, must_change } = given.body;
        let email = email.map(|email| parse_email(&email.0)).transpose()?;
        let mut user = given.path.find(call).await?;
        if must_change == Some(true) {
            refuse_own(call, &user)?;
        }
        // What may be refused comes first: then nothing is half done.
        if let Some(is_active) = is_active {
            user = if is_active {
                call.auth.activate(&user, call.proved()).await?.user
            } else {
                call.auth.deactivate(&user, call.actor()).await?.user
            };
        }
        if let Some(is_staff) = is_staff {
            user = if is_staff {
                call.auth.promote(&user, call.proved()).await?.user
            } else {
                call.auth.demote(&user, call.actor()).await?.user
            };
        }
        if let Some(email) = email {
            user = call.auth.set_email(&user, email, call.actor()).await?.user;
        }
        if let Some(must_change) = must_change {
            user = if must_change {
                call.auth.require_new_password(&user, call.actor()).await?.user
            } else {
                call.auth.keep_password(&user, call.proved()).await?.user
            };
        }
        User::counted(call, &user).await
    }
}

/// `DELETE /users/{id}`
pub(super) struct Delete;

#[async_trait]
impl Operation for Delete {
    type Answer = Empty;
    type Body = Empty;
    type Path = UserPath;
    type Query = Empty;

    const ABOUT: About = About {
        id: "delete_user",
        may: &[StatusCode::CONFLICT],
        method: Method::DELETE,
        path: "/users/{id}",
        right: WRITE,
        status: StatusCode::NO_CONTENT,
        summary: "Delete a user with all their tokens",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<Empty, Problem> {
        let user = given.path.find(call).await?;
        call.auth.delete_user(&user, call.proved()).await?;
        Ok(Empty {})
    }
}

/// `POST /users/{id}/password`
pub(super) struct SetPassword;

/// A new password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// Without one, one is made, and answered this once.
    password: Option<Line<1, { Password::LONGEST }>>,
    /// Whether they are to choose another. If it is not said they are, if theirs was made.
    must_change: Option<bool>,
}

/// A password that was set.
#[derive(JsonSchema, Serialize)]
pub(super) struct SetAnswer {
    /// The password, if it was made; it is not shown again.
    password: Option<String>,
}

#[async_trait]
impl Operation for SetPassword {
    type Answer = SetAnswer;
    type Body = NewPassword;
    type Path = UserPath;
    type Query = Empty;

    const ABOUT: About = About {
        id: "set_password",
        may: &[StatusCode::CONFLICT],
        method: Method::POST,
        path: "/users/{id}/password",
        right: WRITE,
        status: StatusCode::OK,
        summary: "Give a user another password, and end their tokens and API keys",
    };

    async fn run(&self, call: &Call<'_>, given: Given<Self>) -> Result<SetAnswer, Problem> {
        let user = given.path.find(call).await?;
        refuse_own(call, &user)?;
        let (password, shown) = password_or_new(given.body.password)?;
        let must_change = given.body.must_change.unwrap_or(shown.is_some());
        call.auth.set_password(&user, password, must_change, call.proved()).await?;
        Ok(SetAnswer { password: shown })
    }
}
