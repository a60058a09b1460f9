//! `/users/`: the people, to be found, made, changed and deleted.

mod act;
mod bulk;
mod change;
mod create;
mod export;
mod list;
mod new_token;
mod one;
mod password;
mod search;

use self::act::Act;
use super::refusal::Refusal;
use super::site::Site;
use crate::auth::ManageError;
use crate::gateway::ConsoleAnswer;
use crate::model::user::{User, UserId, Username};
use maud::{Markup, html};

/// `/users/…`
pub(super) async fn answer(site: &Site<'_>, segments: &[&str]) -> Result<ConsoleAnswer, Refusal> {
    match segments {
        [] => list::answer(site).await,
        ["act"] => bulk::answer(site).await,
        ["export"] => export::answer(site),
        ["new"] => create::answer(site).await,
        [number, rest @ ..] => {
            let id = number.parse().map(UserId).map_err(|_| Refusal::NotFound)?;
            let user = match site.auth().user_numbered(id).await {
                Err(ManageError::NoSuchUser(_)) => return Err(Refusal::NotFound),
                found => found?,
            };
            of_one(site, &user, rest).await
        }
    }
}

/// `/users/ID/…`
async fn of_one(site: &Site<'_>, user: &User, segments: &[&str]) -> Result<ConsoleAnswer, Refusal> {
    match segments {
        [] => one::answer(site, user).await,
        ["email"] => change::email(site, user).await,
        ["keys", id, "revoke"] => one::revoke_key(site, user, id).await,
        ["password"] => password::answer(site, user).await,
        ["tokens", "keep"] => change::keep_token(site, user).await,
        ["tokens", "new"] => new_token::answer(site, user).await,
        [name] => match Act::named(name) {
            Some(act) => change::answer(site, user, act).await,
            None => Err(Refusal::NotFound),
        },
        _ => Err(Refusal::NotFound),
    }
}

/// A user's name, which may hold anything that a store was given, kept from what stands round it.
pub(super) fn name(name: &Username) -> Markup {
    html! { bdi { @if name.as_str().is_empty() { "(no name)" } @else { (name) } } }
}

/// The path of a user's page below the console's.
fn path_of(user: &User) -> String {
    format!("/users/{}/", user.id)
}
