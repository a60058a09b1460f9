//! `/tokens/find/`: whose token is this? It comes in the body, is looked up, and goes nowhere else:
//! what follows speaks of its id.

use super::super::page::Nav;
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::{Place, table};
use crate::auth::{ManageError, TokenName};
use crate::gateway::ConsoleAnswer;
use maud::{Markup, html};

/// Where a token is pasted. What was typed is never shown again.
pub(super) fn form(site: &Site<'_>) -> Markup {
    html! {
        form.row method="post" action=(site.link("/tokens/find/")) {
            (site.form_key())
            label { "Find a token by itself or by its id"
                input type="password" name="token" autocomplete="off" spellcheck="false" required;
            }
            button { "Find" }
        }
    }
}

/// `/tokens/find/`
pub(super) async fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    let sent = site.form()?;
    let typed = sent.required("token")?.trim();
    // With the scheme before it, as it stands in a request's header.
    let bare = typed.rsplit(char::is_whitespace).next().unwrap_or_default();
    let found = site.auth().find_token(&TokenName::parse(bare.to_owned())).await;
    let found = match found {
        Ok(token) => Some(token),
        Err(ManageError::NoSuchToken) => None,
        Err(error) => return Err(error.into()),
    };
    let body = html! {
        @match &found {
            Some(token) => {
                p.notice role="status" { "This token is good. It opens what its user may open until it ends." }
                (table(site, std::slice::from_ref(token), Place::All("")))
            }
            None => p.alert.warn role="alert" {
                "There is no such token, or it has ended already: nobody gets in with it."
            },
        }
        div.panel { (form(site)) }
        p { a href=(site.link("/tokens/")) { "All tokens" } }
    };
    Ok(site.page(Nav::Tokens, "Find a token", &body))
}
